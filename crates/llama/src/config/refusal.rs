//! A setting that can't be used, before the file that holds it is named.

use std::path::Path;

use crate::LlamaError;

/// A setting's name, its value, and what would have been accepted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) field: String,
    pub(crate) found: String,
    pub(crate) expected: String,
}

impl Refusal {
    pub(crate) fn new(
        field: impl Into<String>,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }

    /// The same refusal under the name that a file gives the setting.
    pub(crate) fn renamed(self, name: impl FnOnce(&str) -> String) -> Self {
        Self {
            field: name(&self.field),
            ..self
        }
    }

    /// The error that names the file as well.
    pub(crate) fn at(self, path: &Path) -> LlamaError {
        LlamaError::Config {
            path: path.to_owned(),
            field: self.field,
            found: self.found,
            expected: self.expected,
        }
    }
}
