//! One question of an evaluation, with everything that was found out about its prediction.

use serde::{Deserialize, Serialize};

use crate::{Failure, Hardness, Rows, Value};

/// One question, its gold, its prediction, and the verdicts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Its place in the question file, from 0.
    pub index: usize,
    /// The database.
    pub db_id: String,
    /// The question.
    pub question: String,
    /// The gold SQL.
    pub gold: String,
    /// The SQL that was judged; `null` where there was no prediction.
    pub predicted: Option<String>,
    /// Execution: the gold's result on every database of the suite.
    #[serde(rename = "match")]
    pub is_match: bool,
    /// The same text, but for white space and semicolons around it.
    pub exact: bool,
    /// The same text in normal form (case, white space, quotes, aliases).
    pub normalised: bool,
    /// Spider's exact set match of components; `null` where the gold is outside Spider's grammar.
    pub components: Option<bool>,
    /// Spider's level of the gold; `null` where it is outside Spider's grammar.
    pub hardness: Option<Hardness>,
    /// BIRD's execution accuracy: the same set of rows, columns in the gold's order.
    pub bird: bool,
    /// BIRD's soft F1, from 0 to 1.
    pub soft_f1: f64,
    /// sql-eval's match: every column of the gold is there, more are allowed.
    pub subset: bool,
    /// BIRD's reward for time, from 0 to 1.25, where queries were timed ([`r_ves_reward`](crate::r_ves_reward)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r_ves: Option<f64>,
    /// Why it does not match; `null` where it does.
    pub failure: Option<Failure>,
    /// The failure in words: SQLite's message, or how the results differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why the gold does not run. Such an example is left out of all totals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gold_error: Option<String>,
    /// Schema and results, for a page that people read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Shown>,
}

/// What a person needs to see beside the queries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// The schema as text.
    pub schema: String,
    /// Which database of the suite the rows are from: the first where the results differ, otherwise the first.
    pub database: String,
    /// The gold's result.
    pub gold: Option<Preview>,
    /// The prediction's result, where it runs.
    pub predicted: Option<Preview>,
}

/// What the rows of one preview may hold, counted as by [`Budget::bytes`](crate::Budget::bytes): a report keeps two of
/// them for each question, and one row of a hostile result is megabytes.
const PREVIEW_BYTES: usize = 64 << 10;

/// The beginning of a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// Column names.
    pub columns: Vec<String>,
    /// The first rows, each whole, and at most 64 KiB of them: none where the first is larger.
    pub rows: Vec<Vec<Value>>,
    /// How many rows there are.
    pub total: usize,
}

impl Preview {
    /// The first `rows` rows of a result, or as many of them as 64 KiB hold.
    #[must_use]
    pub fn of(result: &Rows, rows: usize) -> Self {
        let mut left = PREVIEW_BYTES;
        let mut fits = |row: &&Vec<Value>| {
            let bytes = row.iter().map(Value::cost).sum();
            let rest = left.checked_sub(bytes);
            left = rest.unwrap_or(0);
            rest.is_some()
        };
        let first = result.rows().iter().take(rows);
        Self {
            columns: result.columns().to_vec(),
            rows: first.take_while(|row| fits(row)).cloned().collect(),
            total: result.len(),
        }
    }
}
