//! JSON lines: one object per line, read with the place of every failure.
//!
//! A byte-order mark and blank lines are tolerated, since editors leave them; anything else that is
//! not an object is an error that names the file and the line.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::DataError;

/// One object of a file, with its place.
pub(crate) struct Record {
    path: PathBuf,
    pub(crate) line: usize,
    fields: Map<String, Value>,
}

/// Reads all objects of `path`; `expected` says in words which fields a row should have.
pub(crate) fn read(path: &Path, expected: &'static str) -> Result<Vec<Record>, DataError> {
    let bytes = std::fs::read(path).map_err(|source| DataError::Read {
        path: path.to_owned(),
        source,
    })?;
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let mut records = Vec::new();
    for (index, raw) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = index + 1;
        let text = std::str::from_utf8(raw).map_err(|error| DataError::Utf8 {
            path: path.to_owned(),
            line,
            byte: error.valid_up_to() + 1,
        })?;
        if text.trim().is_empty() {
            continue;
        }
        let value = serde_json::from_str(text).map_err(|error| DataError::Json {
            path: path.to_owned(),
            line,
            column: error.column(),
            message: without_place(&error),
        })?;
        let Value::Object(fields) = value else {
            return Err(DataError::NotAnObject {
                path: path.to_owned(),
                line,
                expected,
                found: type_name(&value),
            });
        };
        records.push(Record {
            path: path.to_owned(),
            line,
            fields,
        });
    }
    if records.is_empty() {
        return Err(DataError::Empty {
            path: path.to_owned(),
            expected,
        });
    }
    Ok(records)
}

/// The parser's words without its place: it counts lines within this line, so its line is always 1.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => text,
    }
}

impl Record {
    /// The value of `field`; a null counts as absent.
    pub(crate) fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// Whether the field stands in the row, be it null.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// A text that must be there; `expected` names the field in the message.
    pub(crate) fn text(&self, field: &str, expected: &'static str) -> Result<String, DataError> {
        self.optional_text(field)?
            .ok_or_else(|| self.missing(expected))
    }

    /// A text that may be absent or null.
    pub(crate) fn optional_text(&self, field: &str) -> Result<Option<String>, DataError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.wrong_type(field, "a string", other)),
        }
    }

    /// A truth value that may be absent or null.
    pub(crate) fn optional_bool(&self, field: &str) -> Result<Option<bool>, DataError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(other) => Err(self.wrong_type(field, "true or false", other)),
        }
    }

    /// A count that may be absent or null.
    pub(crate) fn optional_count(&self, field: &str) -> Result<Option<u64>, DataError> {
        match self.get(field) {
            None => Ok(None),
            Some(value) => value
                .as_u64()
                .map(Some)
                .ok_or_else(|| self.wrong_type(field, "a whole number from 0", value)),
        }
    }

    /// The error for a field that is not there.
    pub(crate) fn missing(&self, expected: &'static str) -> DataError {
        DataError::MissingField {
            path: self.path.clone(),
            line: self.line,
            expected,
            found: self.fields.keys().cloned().collect(),
        }
    }

    fn wrong_type(&self, field: &str, expected: &'static str, found: &Value) -> DataError {
        DataError::FieldType {
            path: self.path.clone(),
            line: self.line,
            field: field.to_owned(),
            expected,
            found: type_name(found),
        }
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
