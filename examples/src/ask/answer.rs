//! An answer: for people, and as JSON.

use std::fmt;

use anneal_sql::{QueryError, Value};
use serde::Serialize;

use super::plain::plain;
use super::{More, Shown, table};

/// A question, the SQL, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The question.
    pub question: String,
    /// The SQL that the model wrote.
    pub sql: String,
    /// The columns' names; empty where the SQL could not be run.
    pub columns: Vec<String>,
    /// The first rows.
    pub rows: Vec<Vec<Value>>,
    /// Whether there are more rows than these.
    pub truncated: bool,
    /// Why the SQL could not be run.
    pub error: Option<String>,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Seconds from the question to the answer.
    pub seconds: f64,
    /// Tables that the prompt had no room for.
    pub schema_tables_left_out: Vec<String>,
    /// What follows the rows.
    #[serde(skip)]
    pub more: More,
}

impl Answer {
    /// What is known once the SQL has run or failed; the rest is left to be filled in.
    pub fn new(question: &str, sql: &str, result: Result<Shown, QueryError>) -> Self {
        let (shown, error) = match result {
            Ok(shown) => (shown, None),
            Err(error) => (none(), Some(error.to_string())),
        };
        Self {
            question: question.to_owned(),
            sql: sql.to_owned(),
            truncated: shown.more != More::Rows(0),
            more: shown.more,
            columns: shown.columns,
            rows: shown.rows,
            error,
            prompt_tokens: 0,
            seconds: 0.0,
            schema_tables_left_out: Vec::new(),
        }
    }

    /// A question that could not be asked.
    pub fn unasked(question: &str, reason: &impl fmt::Display) -> Self {
        Self {
            error: Some(reason.to_string()),
            ..Self::new(question, "", Ok(none()))
        }
    }

    /// Whether the SQL ran.
    pub fn is_answered(&self) -> bool {
        self.error.is_none()
    }
}

fn none() -> Shown {
    Shown {
        columns: Vec::new(),
        rows: Vec::new(),
        more: More::Rows(0),
    }
}

impl fmt::Display for Answer {
    /// The SQL, and below it the table or what failed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.sql.is_empty() {
            writeln!(f, "{}\n", plain(&self.sql, true))?;
        }
        if let Some(error) = &self.error {
            return writeln!(f, "error: {}", plain(error, false));
        }
        let shown = Shown {
            columns: self.columns.clone(),
            rows: self.rows.clone(),
            more: self.more,
        };
        f.write_str(&table(&shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_and_table_or_sql_and_error_are_shown() {
        let shown = Shown {
            columns: vec!["n".into()],
            rows: vec![vec![Value::Integer(6)]],
            more: More::Rows(2),
        };
        let answer = Answer::new("How many?", "SELECT n\nFROM t\u{1b}", Ok(shown));
        assert_eq!(
            answer.to_string(),
            "SELECT n\nFROM t\\u{1b}\n\nn\n─\n6\n… 2 more rows\n"
        );
        let json = serde_json::to_value(&answer).unwrap();
        let expected = serde_json::json!({
            "question": "How many?", "sql": "SELECT n\nFROM t\u{1b}", "columns": ["n"], "rows": [[6]], "truncated": true,
            "error": null, "prompt_tokens": 0, "seconds": 0.0, "schema_tables_left_out": []
        });
        assert_eq!(json, expected);

        let failed = QueryError::Sqlite {
            message: "no such column: m".into(),
        };
        let answer = Answer::new("?", "SELECT m FROM t", Err(failed));
        assert_eq!(
            answer.to_string(),
            "SELECT m FROM t\n\nerror: no such column: m\n"
        );
        assert!(!answer.is_answered() && !answer.truncated);
        let unasked = Answer::unasked("?", &"too long");
        assert_eq!(
            (unasked.to_string().as_str(), unasked.is_answered()),
            ("error: too long\n", false)
        );
    }
}
