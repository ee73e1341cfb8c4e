//! Values of a database as examples: the most frequent ones of each column, and the smallest and largest.

use serde::{Deserialize, Serialize};

use super::text::quote;
use super::{Affinity, Column, Schema};
use crate::{Budget, Database, Value};

/// What becomes of a text that is longer than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LongText {
    /// It is no sample: what is shown is always a whole value.
    LeaveOut,
    /// It is cut, and ends in `…`.
    Cut,
}

/// Which values [`Schema::sample`] takes.
///
/// ```
/// let samples = anneal_sql::Samples { values: 5, ..Default::default() };
/// assert_eq!((samples.max_chars, samples.ranges, samples.operations), (50, true, 10_000_000));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Samples {
    /// How many values each column gets at most.
    pub values: usize,
    /// How many characters a text may have.
    pub max_chars: usize,
    /// What becomes of longer ones.
    pub long: LongText,
    /// Whether smallest and largest values are found too.
    pub ranges: bool,
    /// What one column may cost, in operations of SQLite's virtual machine; see [`Budget`].
    pub operations: u64,
    /// How many rows are looked at in a table that costs more.
    pub rows: usize,
}

impl Default for Samples {
    /// Three values of at most 50 characters, ranges, 10 million operations, 1,000 rows.
    fn default() -> Self {
        Self {
            values: 3,
            max_chars: 50,
            long: LongText::LeaveOut,
            ranges: true,
            operations: 10_000_000,
            rows: 1000,
        }
    }
}

impl Schema {
    /// Takes sample values and ranges from `database`, in place of those that are there.
    ///
    /// Samples are the most frequent distinct values of a column, equally frequent ones from the smallest on;
    /// NULLs, blobs and empty texts are left out. Where counting takes more than `operations`, only the
    /// first `rows` rows are counted. The same file gives the same samples.
    ///
    /// A range is the smallest and largest number of a column whose declared type is numeric, or the smallest
    /// and largest value of one that is declared as a date or time, or that holds nothing but texts
    /// that begin as ISO dates do (`2024-05-01`). It is of the whole column or not there.
    ///
    /// Tables and columns that the database does not have, or that cannot be read within the budget, stay without.
    ///
    /// # Example
    /// ```
    /// use anneal_sql::{Database, Samples, Schema, Value};
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("film.sqlite");
    /// rusqlite::Connection::open(&path)?.execute_batch(
    ///     "CREATE TABLE film (year INT, genre TEXT);
    ///      INSERT INTO film VALUES (1958, 'drama'), (1946, 'noir'), (NULL, 'noir')",
    /// )?;
    /// let database = Database::open(&path)?;
    /// let mut schema = Schema::read(&database)?;
    /// schema.sample(&database, &Samples::default());
    /// let [year, genre] = &schema.tables[0].columns[..] else { panic!() };
    /// assert_eq!(year.range, Some((Value::Integer(1946), Value::Integer(1958))));
    /// assert_eq!(genre.samples, [Value::Text("noir".into()), Value::Text("drama".into())]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sample(&mut self, database: &Database, samples: &Samples) {
        let budget = Budget {
            operations: samples.operations,
            wall: None,
            ..Budget::default()
        };
        for table in &mut self.tables {
            let name = quote(&table.name);
            for column in &mut table.columns {
                column.samples = values(database, &name, column, samples, &budget);
                column.range = match samples.ranges {
                    true => range(database, &name, column, &budget),
                    false => None,
                };
            }
        }
    }
}

fn values(
    database: &Database,
    table: &str,
    column: &Column,
    samples: &Samples,
    budget: &Budget,
) -> Vec<Value> {
    let name = quote(&column.name);
    let length = match samples.long {
        LongText::LeaveOut => format!("AND length(v) <= {}", samples.max_chars),
        LongText::Cut => String::new(),
    };
    let select = |rows: &str| {
        format!(
            "SELECT v FROM (SELECT {table}.{name} AS v FROM {table} {rows})
             WHERE v IS NOT NULL AND typeof(v) <> 'blob' AND v <> '' {length}
             GROUP BY v ORDER BY count(*) DESC, v LIMIT {}",
            samples.values
        )
    };
    let found = database
        .query(&select(""), budget)
        .or_else(|_| database.query(&select(&format!("LIMIT {}", samples.rows)), budget));
    let Ok(rows) = found else {
        return Vec::new();
    };
    let values = rows.rows().iter().filter_map(|row| row.first().cloned());
    values.map(|value| cut(value, samples.max_chars)).collect()
}

fn cut(value: Value, most: usize) -> Value {
    match value {
        Value::Text(text) => match text.char_indices().nth(most) {
            Some((end, _)) => Value::Text(format!("{}…", &text[..end])),
            None => Value::Text(text),
        },
        value => value,
    }
}

fn range(
    database: &Database,
    table: &str,
    column: &Column,
    budget: &Budget,
) -> Option<(Value, Value)> {
    const ISO_DATE: &str = "v GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]*'";
    let declared = column.declared_type.to_ascii_uppercase();
    let date = declared.contains("DATE") || declared.contains("TIME");
    let (which, all) = match column.affinity() {
        _ if date => ("typeof(v) <> 'blob' AND v <> ''", "1"),
        Affinity::Text => ("v IS NOT NULL", ISO_DATE),
        _ => ("typeof(v) IN ('integer', 'real')", "1"),
    };
    let name = quote(&column.name);
    let sql = format!(
        "SELECT min(v), max(v) FROM (SELECT {table}.{name} AS v FROM {table}) WHERE {which} HAVING min({all})"
    );
    let rows = database.query(&sql, budget).ok()?;
    match rows.rows().first()?.as_slice() {
        [low, high] if *low != Value::Null => Some((cut(low.clone(), 50), cut(high.clone(), 50))),
        _ => None,
    }
}
