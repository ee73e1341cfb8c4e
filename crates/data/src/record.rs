//! Records: what a file holds before anybody says what it means.
//!
//! Whatever its format, a file is a sequence of objects with named fields, each of which knows where
//! it came from, so that every later complaint can name the file and the place.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::{Map, Value};

use crate::DataError;

/// Where a record stands: the file, and the line or row in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file, as it was named.
    pub file: Arc<Path>,
    /// The place in the file.
    pub at: At,
}

/// A place in a file, in the unit that a person would count in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// The line on which the record begins, from 1 (JSON lines, JSON arrays, CSV).
    Line(usize),
    /// The row, from 0 (Parquet, Arrow: formats without lines, counted as their tools count).
    Row(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.file.display(), self.at)
    }
}

impl Serialize for Place {
    /// `{"file": …, "line": …}`, or `"row"` in the place of `"line"`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut place = serializer.serialize_struct("Place", 2)?;
        place.serialize_field("file", &self.file.to_string_lossy())?;
        match self.at {
            At::Line(line) => place.serialize_field("line", &line)?,
            At::Row(row) => place.serialize_field("row", &row)?,
        }
        place.end()
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// One object of a file, with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Where it stands.
    pub place: Place,
    /// Its fields, in the file's order.
    pub fields: Map<String, Value>,
}

impl Record {
    /// A record of `file`.
    pub fn new(file: impl Into<Arc<Path>>, at: At, fields: Map<String, Value>) -> Self {
        let file = file.into();
        Self {
            place: Place { file, at },
            fields,
        }
    }

    /// The value of `field`; a null counts as absent.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// Whether the field stands in the record, be it null.
    pub fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// A text that must be there; `expected` names the field in the message.
    ///
    /// # Errors
    /// [`DataError::MissingField`] with the fields that are there, [`DataError::FieldType`].
    pub fn text(&self, field: &str, expected: &'static str) -> Result<String, DataError> {
        self.optional_text(field)?
            .ok_or_else(|| self.missing(expected))
    }

    /// A text that may be absent or null.
    ///
    /// # Errors
    /// [`DataError::FieldType`].
    pub fn optional_text(&self, field: &str) -> Result<Option<String>, DataError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.wrong_type(field, "a string", other)),
        }
    }

    /// A truth value that may be absent or null.
    ///
    /// # Errors
    /// [`DataError::FieldType`].
    pub fn optional_bool(&self, field: &str) -> Result<Option<bool>, DataError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(other) => Err(self.wrong_type(field, "true or false", other)),
        }
    }

    /// A count that may be absent or null.
    ///
    /// # Errors
    /// [`DataError::FieldType`].
    pub fn optional_count(&self, field: &str) -> Result<Option<u64>, DataError> {
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
            place: self.place.clone(),
            expected,
            found: self.fields.keys().cloned().collect(),
        }
    }

    /// The error for a field of another type.
    pub(crate) fn wrong_type(
        &self,
        field: &str,
        expected: &'static str,
        found: &Value,
    ) -> DataError {
        DataError::FieldType {
            place: self.place.clone(),
            field: field.to_owned(),
            expected,
            found: type_name(found),
        }
    }
}

/// A JSON type in words.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The JSON parser's words without their place, which our own errors bring.
pub(crate) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => text,
    }
}
