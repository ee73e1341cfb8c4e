//! Column mappings: what a file calls the fields that we know under other names.

use std::str::FromStr;

use serde_json::Value;

use super::FormatError;
use crate::Record;

/// A mapping from our names of fields to a file's columns; what it does not name keeps its name.
///
/// As text: `question=Question Text,answer=sql_query`, with white space around either side dropped.
/// A column that has a comma in its name goes in through [`Columns::map`].
///
/// A column may be a path: `data.question` is the column of that name or, where there is none, the
/// field `question` of the object `data`. A column that is mapped to one field is no longer looked
/// at for another, and a mapped column must stand in every record (though it may be null where the
/// field is optional).
///
/// # Example
/// ```
/// let columns: anneal_data::Columns = "question=Question Text, answer=sql_query".parse()?;
/// assert_eq!(columns.get("answer"), Some("sql_query"));
/// assert_eq!(columns.get("context"), None);
/// # Ok::<(), anneal_data::FormatError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    pairs: Vec<(String, String)>,
}

impl Columns {
    /// Adds that our field `name` stands in the file's `column`.
    ///
    /// # Errors
    /// A name that is mapped already, a column that is taken already.
    pub fn map(
        mut self,
        name: impl Into<String>,
        column: impl Into<String>,
    ) -> Result<Self, FormatError> {
        let (name, column) = (name.into(), column.into());
        for (other_name, other_column) in &self.pairs {
            if *other_name == name {
                return Err(FormatError::NameTwice {
                    first: other_column.clone(),
                    name,
                    second: column,
                });
            }
            if *other_column == column {
                return Err(FormatError::ColumnTwice {
                    column,
                    first: other_name.clone(),
                    second: name,
                });
            }
        }
        self.pairs.push((name, column));
        Ok(self)
    }

    /// The column of our field `name`, if it is mapped.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(ours, _)| ours == name);
        found.map(|(_, column)| column.as_str())
    }

    /// Our names that are mapped, in the order in which they were.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| name.as_str())
    }

    /// Our names with their columns.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.pairs.iter();
        pairs.map(|(name, column)| (name.as_str(), column.as_str()))
    }

    /// Whether `column` belongs to a mapped field.
    pub(super) fn claims(&self, column: &str) -> bool {
        self.pairs.iter().any(|(_, mapped)| mapped == column)
    }
}

impl FromStr for Columns {
    type Err = FormatError;

    /// Reads `name=column,name=column`; an empty text maps nothing.
    fn from_str(text: &str) -> Result<Self, FormatError> {
        let mut columns = Self::default();
        if text.trim().is_empty() {
            return Ok(columns);
        }
        for part in text.split(',') {
            let sides = part.split_once('=');
            let sides = sides.map(|(name, column)| (name.trim(), column.trim()));
            let Some((name, column)) = sides.filter(|(n, c)| !n.is_empty() && !c.is_empty()) else {
                return Err(FormatError::ColumnsSyntax {
                    part: part.to_owned(),
                });
            };
            columns = columns.map(name, column)?;
        }
        Ok(columns)
    }
}

/// The value in `column`, a name or a path; a null is a value here.
pub(super) fn find<'r>(record: &'r Record, column: &str) -> Option<&'r Value> {
    record.fields.get(column).or_else(|| {
        let (first, rest) = column.split_once('.')?;
        let start = record.fields.get(first)?;
        rest.split('.').try_fold(start, |value, key| value.get(key))
    })
}

/// Takes the value out of `column` and leaves a null, so that long texts are not copied.
pub(super) fn take(record: &mut Record, column: &str) -> Option<Value> {
    if let Some(value) = record.fields.get_mut(column) {
        return Some(value.take());
    }
    let (first, rest) = column.split_once('.')?;
    let start = record.fields.get_mut(first)?;
    let found = rest
        .split('.')
        .try_fold(start, |value, key| value.get_mut(key));
    found.map(Value::take)
}
