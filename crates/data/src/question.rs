//! Questions: the rows of a text-to-SQL data set.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::json_lines;
use crate::{DataError, Record, SqlSample};

/// What a question file holds, in the words of the error messages.
const EXPECTED: &str = "`db_id`, `question` and `sql`";

/// A question about a database, with the SQL that answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The database that is asked.
    pub db_id: String,
    /// The question in natural language.
    pub question: String,
    /// The gold SQL.
    pub sql: String,
    /// The schema as CREATE TABLE statements, where the file brings it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Whether the gold SQL ran on the database, where somebody has tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec_ok: Option<bool>,
    /// Whether the database lacks rows that the question is about, where somebody has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_data: Option<bool>,
    /// How many rows the gold SQL returns, where somebody has counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_rows: Option<u64>,
}

/// The question of a row of any format. What the data set's makers found out about the row stays unknown,
/// and a row that names no database has an empty `db_id`.
impl From<&SqlSample> for Question {
    fn from(sample: &SqlSample) -> Self {
        Self {
            db_id: sample.db_id.clone().unwrap_or_default(),
            question: sample.question.clone(),
            sql: sample.sql.clone(),
            context: sample.context.clone(),
            exec_ok: None,
            missing_data: None,
            n_rows: None,
        }
    }
}

impl Question {
    /// Whether nothing speaks against the row: its SQL is not known to fail, its data not known to be missing.
    pub fn is_usable(&self) -> bool {
        self.exec_ok != Some(false) && self.missing_data != Some(true)
    }

    fn from_record(record: &Record) -> Result<Self, DataError> {
        Ok(Self {
            db_id: record.text("db_id", "`db_id`")?,
            question: record.text("question", "`question`")?,
            sql: sql(record)?,
            context: record.optional_text("context")?,
            exec_ok: record.optional_bool("exec_ok")?,
            missing_data: record.optional_bool("missing_data")?,
            n_rows: record.optional_count("n_rows")?,
        })
    }
}

/// The gold SQL, from `sql` or its alias `query`.
///
/// Spider's original files hold the text in `query` and a parse tree in `sql`, so a `sql` that is
/// no text gives way to a `query` that is.
fn sql(record: &Record) -> Result<String, DataError> {
    let sql_is_text = record.get("sql").is_some_and(|value| value.is_string());
    if !sql_is_text && record.get("query").is_some() {
        return record.text("query", "`sql` (or `query`)");
    }
    record.text("sql", "`sql` (or `query`)")
}

/// Reads a question file: JSON lines with `db_id`, `question`, `sql` (or `query`) and perhaps `context`.
///
/// Spider's `exec_ok`, `missing_data` and `n_rows` are read where they stand; other fields are
/// ignored, blank lines skipped. Rows come in the file's order, unusable ones included
/// ([`Question::is_usable`]).
///
/// # Errors
/// A file that cannot be read or holds no row, and a line that is not UTF-8, not a JSON object,
/// lacks a field or has one of the wrong type. Each names the file and the line.
///
/// # Example
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("questions.jsonl");
/// std::fs::write(&path, r#"{"db_id": "pets", "question": "How many?", "query": "SELECT COUNT(*) FROM pet"}"#)?;
/// let questions = anneal_data::read_questions(&path)?;
/// assert_eq!(questions[0].sql, "SELECT COUNT(*) FROM pet");
/// assert!(questions[0].is_usable());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_questions(path: impl AsRef<Path>) -> Result<Vec<Question>, DataError> {
    json_lines::read(path.as_ref(), EXPECTED)?
        .iter()
        .map(Question::from_record)
        .collect()
}
