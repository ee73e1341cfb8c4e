//! Small text and JSON files, with errors that name them.

use std::path::Path;

use serde_json::Value;

use crate::LlamaError;

/// A file's text.
pub(super) fn read_text(path: &Path) -> Result<String, LlamaError> {
    std::fs::read_to_string(path).map_err(LlamaError::io(path))
}

/// A JSON object that a folder may lack; an empty one then.
pub(super) fn optional_object(path: &Path) -> Result<Value, LlamaError> {
    if !path.exists() {
        return Ok(Value::Null);
    }
    let value = serde_json::from_str(&read_text(path)?);
    let value: Value = value.map_err(LlamaError::json(path))?;
    if value.is_object() {
        return Ok(value);
    }
    Err(refuse(path, "the document", &value, "an object"))
}

/// A setting that can't be used. Long values are cut: a template has pages.
pub(super) fn refuse(path: &Path, field: &str, found: &Value, expected: &str) -> LlamaError {
    const SHOWN: usize = 80;
    let mut found = found.to_string();
    if let Some((cut, _)) = found.char_indices().nth(SHOWN) {
        found.truncate(cut);
        found.push('…');
    }
    LlamaError::Config {
        path: path.to_owned(),
        field: field.to_owned(),
        found,
        expected: expected.to_owned(),
    }
}
