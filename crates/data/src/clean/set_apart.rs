//! Rows that were set apart: a list that stands next to a run, so that nothing is dropped in silence.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use super::{CleanError, Fault};
use crate::split::row_text;
use crate::{Place, Row};

/// A row that was set apart, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetApart {
    /// Where it stands.
    pub place: Place,
    /// Its question, or the first user turn.
    pub question: String,
    /// The step that set it apart.
    pub step: String,
    /// Why.
    #[serde(flatten)]
    pub fault: Fault,
}

impl SetApart {
    /// `row` as set apart by `step`.
    pub fn new(row: &Row, step: impl Into<String>, fault: Fault) -> Self {
        Self {
            place: row.place.clone(),
            question: row_text::question(row).into_owned(),
            step: step.into(),
            fault,
        }
    }
}

/// Rows that stay, and those that do not; together they are all that came, each in its order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cleaned {
    /// The rows that stay.
    pub rows: Vec<Row>,
    /// The others.
    pub set_apart: Vec<SetApart>,
}

/// How many rows each step set apart for each reason.
///
/// ```
/// # use anneal_data::count_reasons;
/// assert!(count_reasons(&[]).is_empty());
/// ```
pub fn count_reasons(set_apart: &[SetApart]) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for row in set_apart {
        let key = (row.step.clone(), row.fault.reason.to_string());
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}

/// Writes one JSON object for each row: `place`, `question`, `step`, `reason`, and `detail` or `met`.
///
/// # Errors
/// [`CleanError::Write`].
pub fn write_set_apart(mut to: impl Write, set_apart: &[SetApart]) -> Result<(), CleanError> {
    let error = |source| CleanError::Write { source };
    for row in set_apart {
        serde_json::to_writer(&mut to, row).map_err(|source| error(source.into()))?;
        to.write_all(b"\n").map_err(error)?;
    }
    to.flush().map_err(error)
}
