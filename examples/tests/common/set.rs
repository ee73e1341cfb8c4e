//! Questions over small databases, for the tests of `evaluate`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{shop, text, write_lines};

/// Databases and questions in a folder of their own.
pub struct Set {
    pub folder: tempfile::TempDir,
    pub questions: String,
    pub golds: Vec<&'static str>,
}

impl Set {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let golds = vec![
            "SELECT count(*) FROM item",
            "SELECT id FROM item WHERE price > 4 ORDER BY id",
            "SELECT max(price) FROM item",
            "SELECT id, price FROM item",
            "SELECT min(id) FROM item",
        ];
        let rows: Vec<Value> = (0..)
            .zip(&golds)
            .map(|(number, sql)| {
                let db_id = shop(&folder.path().join("databases"), number);
                json!({"db_id": db_id, "question": format!("Question {number}?"), "sql": sql})
            })
            .collect();
        let questions = write_lines(folder.path().join("questions.jsonl"), &rows);
        Self {
            folder,
            questions,
            golds,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The flags of every run, and more.
    pub fn flags(&self, more: &[&str]) -> Vec<String> {
        let databases = text(self.path("databases"));
        let flags = ["--questions", &self.questions, "--databases", &databases];
        flags.iter().chain(more).map(ToString::to_string).collect()
    }

    pub fn predict(&self, predictions: &[Value]) -> Vec<String> {
        let path = write_lines(self.path("predictions.jsonl"), predictions);
        self.flags(&["--predictions", &path, "--json"])
    }
}

pub fn sql(text: &str) -> Value {
    json!({ "sql": text })
}

/// `""` for a match, the class of the failure otherwise.
pub fn verdicts(evaluation: &Value) -> Vec<&str> {
    let examples = evaluation["examples"].as_array().unwrap().iter();
    examples
        .map(|example| match &example["match"] {
            Value::Bool(true) => "",
            _ => example["failure"].as_str().unwrap(),
        })
        .collect()
}
