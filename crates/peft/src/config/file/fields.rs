//! The fields of an `adapter_config.json` that is being read.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{PeftError, layers::OneOrMany};

/// The fields of a file, and its name for messages.
pub(super) struct Fields<'a> {
    pub(super) file: &'a Path,
    pub(super) fields: Map<String, Value>,
}

impl Fields<'_> {
    /// A field's value; absent and null are the same.
    pub(super) fn get<T: DeserializeOwned>(
        &self,
        field: &str,
        expected: &'static str,
    ) -> Result<Option<T>, PeftError> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value)
                .map(Some)
                .map_err(|_| self.error(field, expected)),
        }
    }

    /// The value of a field that has no default.
    pub(super) fn required<T: DeserializeOwned>(
        &self,
        field: &str,
        expected: &'static str,
    ) -> Result<T, PeftError> {
        self.get(field, expected)?
            .ok_or_else(|| self.error(field, expected))
    }

    /// A field that holds one value or a list of them.
    pub(super) fn list<T: DeserializeOwned>(
        &self,
        field: &str,
        expected: &'static str,
    ) -> Result<Option<Vec<T>>, PeftError> {
        let values = self.get::<OneOrMany<T>>(field, expected)?;
        Ok(values.map(Vec::from))
    }

    /// A wrong type or value.
    pub(super) fn error(&self, field: &str, expected: &'static str) -> PeftError {
        PeftError::ConfigField {
            file: self.file.into(),
            field: field.into(),
            found: self.found(field),
            expected,
        }
    }

    /// Something that this crate does not do.
    pub(super) fn unsupported(&self, field: &str) -> PeftError {
        PeftError::Unsupported {
            file: self.file.into(),
            field: field.into(),
            found: self.found(field),
        }
    }

    /// The file's name beside what a setting is and should be.
    pub(super) fn name_file(&self, error: PeftError) -> PeftError {
        match error {
            PeftError::InvalidSetting {
                field,
                found,
                expected,
            } => PeftError::ConfigField {
                file: self.file.into(),
                field,
                found,
                expected,
            },
            other => other,
        }
    }

    /// Refuses the first of these fields that is switched on.
    pub(super) fn refuse_all(&self, fields: &[&str]) -> Result<(), PeftError> {
        match fields.iter().find(|field| self.is_on(field)) {
            Some(field) => Err(self.unsupported(field)),
            None => Ok(()),
        }
    }

    /// Whether a field holds anything but null, false, or an empty value.
    fn is_on(&self, field: &str) -> bool {
        match self.fields.get(field) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(fields)) => !fields.is_empty(),
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Bool(true) | Value::Number(_)) => true,
        }
    }

    /// A field's value as the file says it.
    fn found(&self, field: &str) -> String {
        self.fields
            .get(field)
            .map_or_else(|| "absent".into(), Value::to_string)
    }
}
