//! SQLite's complaints by kind, so that failures can be counted.
//!
//! SQLite has one error code for all of them; its messages are the only difference. They are those of
//! the bundled version, and the tests below make it say each.

use crate::QueryError;

/// What a query fails by, coarsely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Complaint {
    /// It does not parse, or holds not one statement.
    Syntax,
    /// A table that is not there.
    UnknownTable,
    /// A column that is not there, in single or no quotes: SQLite takes an unknown name in double
    /// quotes for a text.
    UnknownColumn,
    /// A name that several tables have.
    AmbiguousColumn,
    /// A function that SQLite lacks, or one with a wrong number of arguments.
    UnknownFunction,
    /// An aggregate where none may stand.
    Aggregate,
    /// It is not allowed.
    Forbidden,
    /// It is over a limit.
    OverBudget,
    /// Anything else.
    Other,
}

impl QueryError {
    /// The kind of this error.
    ///
    /// ```
    /// use anneal_sql::{Complaint, QueryError};
    /// let error = QueryError::Sqlite { message: "no such table: pet".into() };
    /// assert_eq!(error.complaint(), Complaint::UnknownTable);
    /// ```
    #[must_use]
    pub fn complaint(&self) -> Complaint {
        match self {
            Self::Empty | Self::SeveralStatements => Complaint::Syntax,
            Self::Forbidden { .. } => Complaint::Forbidden,
            Self::TooLong { .. }
            | Self::OverOperations { .. }
            | Self::OverRows { .. }
            | Self::OverBytes { .. }
            | Self::OverMemory { .. }
            | Self::OverTime { .. } => Complaint::OverBudget,
            Self::Parameters { .. } => Complaint::Other,
            Self::Sqlite { message } => of_message(message),
        }
    }
}

fn of_message(message: &str) -> Complaint {
    let begins = |starts: &[&str]| starts.iter().any(|start| message.starts_with(start));
    let ends = |end: &str| message.ends_with(end);
    if begins(&["no such table"]) {
        Complaint::UnknownTable
    } else if begins(&["no such column"]) {
        Complaint::UnknownColumn
    } else if begins(&["ambiguous column name"]) {
        Complaint::AmbiguousColumn
    } else if begins(&["no such function", "wrong number of arguments to function"]) {
        Complaint::UnknownFunction
    } else if begins(&["misuse of aggregate", "misuse of window function"]) {
        Complaint::Aggregate
    } else if ends(": syntax error")
        || begins(&["incomplete input", "unrecognized token"])
        || message.contains("NUL character")
    {
        Complaint::Syntax
    } else {
        Complaint::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Database};

    #[test]
    fn sqlite_says_each_of_them() {
        let budget = Budget::default();
        let context = "CREATE TABLE a (x, y); CREATE TABLE b (x)";
        let database = Database::from_context(context, &budget).unwrap();
        for (sql, complaint) in [
            ("", Complaint::Syntax),
            ("SELECT 1; SELECT 2", Complaint::Syntax),
            ("SELECT FROM a", Complaint::Syntax),
            ("SELECT (1", Complaint::Syntax),
            ("SELECT 'a", Complaint::Syntax),
            ("SELECT \0", Complaint::Syntax),
            ("SELECT x FROM c", Complaint::UnknownTable),
            ("SELECT z FROM a", Complaint::UnknownColumn),
            ("SELECT a.z FROM a", Complaint::UnknownColumn),
            ("SELECT x FROM a, b", Complaint::AmbiguousColumn),
            ("SELECT year(x) FROM a", Complaint::UnknownFunction),
            ("SELECT length(x, y) FROM a", Complaint::UnknownFunction),
            ("SELECT x FROM a WHERE count(*) > 1", Complaint::Aggregate),
            (
                "SELECT x FROM a WHERE row_number() OVER () > 1",
                Complaint::Aggregate,
            ),
            ("DROP TABLE a", Complaint::Forbidden),
            ("SELECT ?", Complaint::Other),
            ("SELECT x FROM a UNION SELECT x, y FROM a", Complaint::Other),
        ] {
            let error = database.query(sql, &budget).unwrap_err();
            assert_eq!(error.complaint(), complaint, "{sql}: {error}");
        }
        let tight = Budget {
            operations: 100,
            ..budget
        };
        let endless =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        let error = database.query(endless, &tight).unwrap_err();
        assert_eq!(error.complaint(), Complaint::OverBudget);
    }
}
