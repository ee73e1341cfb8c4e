//! A record's fields by our names, whatever its file calls them, taken out one by one.

use serde_json::Value;

use super::columns::{self, Columns};
use super::field::Field;
use super::{FormatError, turns};
use crate::{DataError, Message, Record, Role};

/// A record that is being read.
pub(super) struct Fields<'c> {
    pub(super) record: Record,
    pub(super) columns: &'c Columns,
}

/// The column of `record` that holds `field`, if there is one; its value may be null.
///
/// Of a name and its alias the one wins that holds what the field should, else the one that is not
/// null, else the first.
///
/// # Errors
/// A mapped column that is not there.
pub(super) fn column<'c>(
    record: &Record,
    columns: &'c Columns,
    field: Field,
) -> Result<Option<&'c str>, FormatError> {
    if let Some(column) = columns.get(field.name) {
        if columns::find(record, column).is_none() {
            return Err(FormatError::MappedColumn {
                place: record.place.clone(),
                name: field.name.to_owned(),
                column: column.to_owned(),
                found: record.fields.keys().cloned().collect(),
            });
        }
        return Ok(Some(column));
    }
    let there = || {
        let names = field.names().filter(|name| !columns.claims(name));
        names.filter_map(|name| Some((name, record.fields.get(name)?)))
    };
    let best = there()
        .find(|(_, value)| field.kind.accepts(value))
        .or_else(|| there().find(|(_, value)| !value.is_null()))
        .or_else(|| there().next());
    Ok(best.map(|(name, _)| name))
}

/// What a field holds that may be a text or a list of turns.
pub(super) enum Said {
    Text(String),
    Turns(Vec<Message>),
}

impl Said {
    /// The turns; a text is one turn of `role`.
    pub(super) fn into_turns(self, role: Role) -> Vec<Message> {
        match self {
            Self::Text(text) => vec![Message::new(role, text)],
            Self::Turns(turns) => turns,
        }
    }
}

impl<'c> Fields<'c> {
    /// The name of `field` in the file, for messages.
    pub(super) fn label(&self, field: Field) -> &'c str {
        let column = column(&self.record, self.columns, field);
        column.ok().flatten().unwrap_or(field.name)
    }

    /// Takes a field that may be absent or null.
    pub(super) fn take(&mut self, field: Field) -> Result<Option<(&'c str, Value)>, DataError> {
        let Some(column) = column(&self.record, self.columns, field)? else {
            return Ok(None);
        };
        let value = columns::take(&mut self.record, column);
        let value = value.filter(|value| !value.is_null());
        Ok(value.map(|value| (column, value)))
    }

    /// Takes a field that must be there; `expected` is its type in words.
    fn require(
        &mut self,
        field: Field,
        expected: &'static str,
    ) -> Result<(&'c str, Value), DataError> {
        let there = column(&self.record, self.columns, field)?;
        self.take(field)?.ok_or_else(|| match there {
            Some(column) => self.record.wrong_type(column, expected, &Value::Null),
            None => self.record.missing(field.expected),
        })
    }

    /// Takes a text that must be there and say something.
    pub(super) fn text(&mut self, field: Field) -> Result<String, DataError> {
        let (column, value) = self.require(field, "a string")?;
        match value {
            Value::String(text) => self.not_blank(column, text),
            other => Err(self.record.wrong_type(column, "a string", &other)),
        }
    }

    /// Takes a text that may be absent or null, and may be empty.
    pub(super) fn optional_text(&mut self, field: Field) -> Result<Option<String>, DataError> {
        match self.take(field)? {
            None => Ok(None),
            Some((_, Value::String(text))) => Ok(Some(text)),
            Some((column, other)) => Err(self.record.wrong_type(column, "a string", &other)),
        }
    }

    /// Takes a list of turns that must be there.
    pub(super) fn turns(&mut self, field: Field) -> Result<Vec<Message>, DataError> {
        let (column, value) = self.require(field, "a list of turns")?;
        match value {
            Value::Array(list) => Ok(turns::read(&self.record.place, column, list)?),
            other => Err(self.record.wrong_type(column, "a list of turns", &other)),
        }
    }

    /// Takes a text or a list of turns that must be there.
    pub(super) fn said(&mut self, field: Field) -> Result<Said, DataError> {
        const EXPECTED: &str = "a string or a list of turns";
        let (column, value) = self.require(field, EXPECTED)?;
        match value {
            Value::String(text) => Ok(Said::Text(self.not_blank(column, text)?)),
            Value::Array(list) => Ok(Said::Turns(turns::read(&self.record.place, column, list)?)),
            other => Err(self.record.wrong_type(column, EXPECTED, &other)),
        }
    }

    /// Takes a truth value that may be absent; CSV has it as text, as pandas writes it or in lower case.
    pub(super) fn flag(&mut self, field: Field) -> Result<Option<bool>, DataError> {
        let Some((column, value)) = self.take(field)? else {
            return Ok(None);
        };
        match &value {
            Value::Bool(flag) => Ok(Some(*flag)),
            Value::String(text) if text.is_empty() => Ok(None),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            _ => Err(self.record.wrong_type(column, "true or false", &value)),
        }
    }

    /// `text` of `column`, if it says something.
    pub(super) fn not_blank(&self, column: &str, text: String) -> Result<String, DataError> {
        if text.trim().is_empty() {
            return Err(FormatError::Blank {
                place: self.record.place.clone(),
                field: column.to_owned(),
            }
            .into());
        }
        Ok(text)
    }
}
