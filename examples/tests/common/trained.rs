//! A small data set with its databases, and runs of `finetune` over it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{SYSTEM, gguf, read_json, shop, text, write_lines};

/// Settings by key, as flags or as a file.
pub type Keys = BTreeMap<&'static str, Value>;

/// 24 questions over 11 databases; `shop_00` and `shop_10` are held out by default.
pub struct Set {
    pub folder: tempfile::TempDir,
    pub questions: String,
}

impl Set {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let databases = folder.path().join("databases");
        let names: Vec<String> = (0..11).map(|number| shop(&databases, number)).collect();
        let rows: Vec<Value> = (0..24)
            .map(|number| {
                let (question, sql) = match number % 3 {
                    0 => (
                        "How many?".to_owned(),
                        "SELECT count(*) FROM item".to_owned(),
                    ),
                    1 => ("Most?".to_owned(), "SELECT max(price) FROM item".to_owned()),
                    _ => (
                        format!("Over {number}?"),
                        format!("SELECT id FROM item WHERE price > {number}"),
                    ),
                };
                json!({
                    "db_id": names[number % 11], "question": question, "sql": sql,
                    "context": "CREATE TABLE item (id, price)",
                })
            })
            .collect();
        let questions = write_lines(folder.path().join("questions.jsonl"), &rows);
        Self { folder, questions }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Settings of a short run.
    pub fn settings(&self, output: &str, steps: u64) -> Keys {
        BTreeMap::from([
            ("model", json!(gguf())),
            ("data", json!([self.questions])),
            ("databases", json!(text(self.path("databases")))),
            ("output", json!(text(self.path(output)))),
            ("system", json!(SYSTEM)),
            ("max_steps", json!(steps)),
            ("batch_size", json!(4)),
            ("max_length", json!(128)),
            ("eval_questions", json!(2)),
            ("max_new_tokens", json!(4)),
            // Without a decay a step's learning rate does not depend on how many
            // steps there will be, so that a run can be cut anywhere.
            ("decay", json!("constant")),
            ("warmup_steps", json!(2)),
            ("learning_rate", json!(0.01)),
            // Its masks are drawn by seed, step and micro-batch.
            ("lora_dropout", json!(0.1)),
        ])
    }

    /// The same with more checkpoints and no measurements.
    pub fn quick(&self, output: &str, steps: u64) -> Keys {
        let mut settings = self.settings(output, steps);
        settings.extend([
            ("eval_questions", json!(0)),
            ("checkpoint_every", json!(3)),
            ("validate_every", json!(0)),
        ]);
        settings
    }

    /// A quick run of another method: without LoRA's settings, and with all rows in every step, so that the
    /// losses of two steps can be compared.
    pub fn method(&self, output: &str, steps: u64, method: &str) -> Keys {
        let mut settings = self.quick(output, steps);
        settings.remove("lora_dropout");
        settings.extend([("method", json!(method)), ("batch_size", json!(24))]);
        settings
    }

    /// As flags.
    pub fn flags(&self, output: &str, steps: u64) -> Vec<String> {
        as_flags(&self.settings(output, steps))
    }

    pub fn adapter(&self, output: &str) -> Vec<u8> {
        std::fs::read(self.path(output).join("adapter/adapter_model.safetensors")).unwrap()
    }

    pub fn report(&self, output: &str) -> Value {
        read_json(self.path(output).join("report.json"))
    }

    /// The lines of `metrics.jsonl` without what a clock and the system decide.
    pub fn metrics(&self, output: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path(output).join("metrics.jsonl")).unwrap();
        let lines = text.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            for key in ["seconds", "tokens_per_second", "examples_per_second"] {
                assert!(line[key].as_f64().unwrap() > 0.0, "{key}: {line}");
                line.as_object_mut().unwrap().remove(key);
            }
            // Not known on every system.
            line.as_object_mut().unwrap().remove("peak_memory_bytes");
            line
        });
        lines.collect()
    }
}

/// The first of several losses less the last.
pub fn fall(metrics: &[Value]) -> f64 {
    let loss = |line: Option<&Value>| line.unwrap()["loss"].as_f64().unwrap();
    loss(metrics.first()) - loss(metrics.last())
}

pub fn as_flags(settings: &Keys) -> Vec<String> {
    let mut flags = Vec::new();
    for (key, value) in settings {
        let values = value.as_array().cloned().unwrap_or(vec![value.clone()]);
        for value in values {
            flags.push(format!("--{}", key.replace('_', "-")));
            flags.push(value.as_str().map_or(value.to_string(), str::to_owned));
        }
    }
    flags
}

pub fn with(flags: &[String], more: &[&str]) -> Vec<String> {
    flags
        .iter()
        .cloned()
        .chain(more.iter().map(ToString::to_string))
        .collect()
}
