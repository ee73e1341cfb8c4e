//! A row's fields as a prompt's templates see them.

use minijinja::Value;

use crate::{DataError, SqlSample};

/// The fields of a question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'r> {
    pub(super) question: &'r str,
    pub(super) context: &'r str,
    pub(super) db_id: Option<&'r str>,
    pub(super) difficulty: Option<&'r str>,
}

/// The fields of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'r> {
    pub(super) fields: &'r Fields<'r>,
    pub(super) sql: &'r str,
}

impl<'r> Fields<'r> {
    /// The names that a prompt may use, in the order of [`values`](Self::values).
    pub(super) const NAMES: [&'static str; 4] = ["question", "context", "db_id", "difficulty"];

    /// A question about a schema, and nothing else known.
    pub(super) fn new(context: &'r str, question: &'r str) -> Self {
        Self {
            question,
            context,
            db_id: None,
            difficulty: None,
        }
    }

    /// All that a sample has.
    pub(super) fn of(sample: &'r SqlSample) -> Result<Self, DataError> {
        Ok(Self {
            question: &sample.question,
            context: sample.context.as_deref().ok_or(DataError::NoContext)?,
            db_id: sample.db_id.as_deref(),
            difficulty: sample.difficulty.as_deref(),
        })
    }

    fn all(&self) -> [Option<&'r str>; 4] {
        let (question, context) = (Some(self.question), Some(self.context));
        [question, context, self.db_id, self.difficulty]
    }

    /// Names and values of the fields that are there.
    pub(super) fn values(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let pairs = Self::NAMES.into_iter().zip(self.all());
        pairs.filter_map(|(name, text)| Some((name, Value::from(text?))))
    }

    /// The fields that are not there.
    pub(super) fn absent(&self) -> Vec<&'static str> {
        let pairs = Self::NAMES.into_iter().zip(self.all());
        pairs
            .filter_map(|(name, text)| text.is_none().then_some(name))
            .collect()
    }
}
