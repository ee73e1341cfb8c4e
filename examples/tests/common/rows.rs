//! Rows, files of them, and the flags of `prepare`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{gguf, text, write_lines};

/// A folder of files for one test.
pub struct Files(tempfile::TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        text(self.path(name))
    }

    pub fn lines(&self, name: &str, rows: &[Value]) -> String {
        write_lines(self.path(name), rows)
    }
}

/// The flags of every run, and more.
pub fn flags<'a>(data: &'a str, more: &[&'a str]) -> Vec<String> {
    let model = gguf();
    let flags = ["--model", &model, "--data", data];
    flags.iter().chain(more).map(ToString::to_string).collect()
}

pub fn pet(sql: &str) -> Value {
    json!({"question": "How many pets?", "context": "CREATE TABLE pet (name TEXT)", "answer": sql})
}

pub fn chat(turns: &[(&str, &str)]) -> Value {
    let turns = turns.iter();
    let turns: Vec<Value> = turns
        .map(|(role, content)| json!({"role": role, "content": content}))
        .collect();
    json!({ "messages": turns })
}
