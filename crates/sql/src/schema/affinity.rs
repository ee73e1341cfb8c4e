//! SQLite's column affinities.

/// What SQLite makes of values stored in a column (<https://www.sqlite.org/datatype3.html>, 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Affinity {
    /// The declared type contains INT.
    Integer,
    /// It contains CHAR, CLOB or TEXT.
    Text,
    /// It contains BLOB, or there is none.
    Blob,
    /// It contains REAL, FLOA or DOUB.
    Real,
    /// Anything else.
    Numeric,
}

impl super::Column {
    /// The affinity that SQLite gives the column, by its declared type.
    ///
    /// ```
    /// use anneal_sql::{Affinity, Column};
    /// let column = Column { declared_type: "decimal(9,2)".into(), ..Column::default() };
    /// assert_eq!(column.affinity(), Affinity::Numeric);
    /// ```
    #[must_use]
    pub fn affinity(&self) -> Affinity {
        let declared = self.declared_type.to_ascii_uppercase();
        let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
        if has(&["INT"]) {
            Affinity::Integer
        } else if has(&["CHAR", "CLOB", "TEXT"]) {
            Affinity::Text
        } else if declared.trim().is_empty() || has(&["BLOB"]) {
            Affinity::Blob
        } else if has(&["REAL", "FLOA", "DOUB"]) {
            Affinity::Real
        } else {
            Affinity::Numeric
        }
    }
}
