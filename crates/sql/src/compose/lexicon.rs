//! Better words than the names of a schema give.

use std::collections::HashMap;

use crate::Value;

/// A name for one and for several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Noun {
    pub(super) one: String,
    pub(super) many: String,
}

/// Words for tables, columns and values, in place of those that their names give.
///
/// Names are found in any case. A word for a table or column is given for one and for several.
///
/// ```
/// use anneal_sql::{Lexicon, Value};
/// let lexicon = Lexicon::new()
///     .table("stu", "student", "students")
///     .column("stu", "gpa", "grade point average", "grade point averages")
///     .value("stu", "sex", Value::Text("F".into()), "female");
/// assert_eq!(lexicon, lexicon.clone().table("STU", "student", "students"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lexicon {
    tables: HashMap<String, Noun>,
    columns: HashMap<(String, String), Noun>,
    values: HashMap<(String, String), Vec<(Value, String)>>,
}

impl Lexicon {
    /// Without any words.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What one row and several rows of `table` are called.
    #[must_use]
    pub fn table(mut self, table: &str, one: &str, many: &str) -> Self {
        self.tables.insert(table.to_lowercase(), noun(one, many));
        self
    }

    /// What one value and several values of a column are called.
    #[must_use]
    pub fn column(mut self, table: &str, column: &str, one: &str, many: &str) -> Self {
        self.columns.insert(place(table, column), noun(one, many));
        self
    }

    /// What a question says in place of `value`, in quotes or not: all of it is taken as it is.
    #[must_use]
    pub fn value(mut self, table: &str, column: &str, value: Value, words: &str) -> Self {
        let said = self.values.entry(place(table, column)).or_default();
        said.retain(|(known, _)| *known != value);
        said.push((value, words.to_owned()));
        self
    }

    pub(super) fn of_table(&self, table: &str) -> Option<&Noun> {
        self.tables.get(&table.to_lowercase())
    }

    pub(super) fn of_column(&self, table: &str, column: &str) -> Option<&Noun> {
        self.columns.get(&place(table, column))
    }

    pub(super) fn of_values(&self, table: &str, column: &str) -> &[(Value, String)] {
        self.values
            .get(&place(table, column))
            .map_or(&[], Vec::as_slice)
    }
}

fn noun(one: &str, many: &str) -> Noun {
    Noun {
        one: one.to_owned(),
        many: many.to_owned(),
    }
}

fn place(table: &str, column: &str) -> (String, String) {
    (table.to_lowercase(), column.to_lowercase())
}
