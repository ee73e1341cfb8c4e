//! Two reports on the same questions, side by side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Paired, Report};
use crate::{Example, Failure, Hardness};

/// Two reports that are not on the same questions. Positions count from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComparisonError {
    /// Another number of questions.
    #[error("the first report has {first} questions, the second {second}")]
    Length {
        /// Questions of the first.
        first: usize,
        /// Questions of the second.
        second: usize,
    },
    /// Another question, database or gold in one place.
    #[error(
        "example {position}: `{field}` is {first:?} in the first report and {second:?} in the second"
    )]
    Differs {
        /// The first place that differs.
        position: usize,
        /// What differs there.
        field: &'static str,
        /// In the first report.
        first: String,
        /// In the second report.
        second: String,
    },
}

/// One side of a question that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The prediction.
    pub predicted: Option<String>,
    /// Whether it matches.
    #[serde(rename = "match")]
    pub is_match: bool,
    /// Why not.
    pub failure: Option<Failure>,
    /// The failure in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl From<&Example> for Side {
    fn from(example: &Example) -> Self {
        Self {
            predicted: example.predicted.clone(),
            is_match: example.is_match,
            failure: example.failure,
            error: example.error.clone(),
        }
    }
}

/// A question that one report has right and the other wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its place in the question file, from 0.
    pub index: usize,
    /// The database.
    pub db_id: String,
    /// The question.
    pub question: String,
    /// The gold SQL.
    pub gold: String,
    /// Spider's level.
    pub hardness: Option<Hardness>,
    /// In the first report.
    pub first: Side,
    /// In the second report.
    pub second: Side,
}

/// A paired comparison of two reports by execution accuracy.
///
/// ```
/// use anneal_sql::{Budget, Comparison, Meta, Report, Origin};
/// let source = Origin::Folder { path: "databases".into() };
/// let report = Report::new(Meta::new("none", source, false, &Budget::default()), vec![]);
/// let comparison = Comparison::of(&report, &report)?;
/// assert_eq!((comparison.all.p_exact, comparison.changed.len()), (1.0, 0));
/// # Ok::<(), anneal_sql::ComparisonError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The first report's name.
    pub first: String,
    /// The second report's name.
    pub second: String,
    /// Questions left out because the gold does not run in one of the reports.
    pub left_out: usize,
    /// All other questions.
    pub all: Paired,
    /// By Spider's level.
    pub by_hardness: BTreeMap<Hardness, Paired>,
    /// The questions that one has right and the other wrong, in their order.
    pub changed: Vec<Change>,
}

impl Comparison {
    /// Compares two reports on the same questions.
    ///
    /// # Errors
    /// If they have another number of examples, or an example has another `index`, `db_id`, `question` or `gold`.
    pub fn of(first: &Report, second: &Report) -> Result<Self, ComparisonError> {
        same_questions(first, second)?;
        let (mut left_out, mut table, mut changed) = (0, [0; 4], Vec::new());
        let mut by_hardness: BTreeMap<Hardness, [usize; 4]> = BTreeMap::new();
        for (a, b) in first.examples.iter().zip(&second.examples) {
            if a.gold_error.is_some() || b.gold_error.is_some() {
                left_out += 1;
                continue;
            }
            let cell = match (a.is_match, b.is_match) {
                (true, true) => 0,
                (true, false) => 1,
                (false, true) => 2,
                (false, false) => 3,
            };
            table[cell] += 1;
            if let Some(hardness) = b.hardness {
                by_hardness.entry(hardness).or_default()[cell] += 1;
            }
            if a.is_match != b.is_match {
                changed.push(Change {
                    index: b.index,
                    db_id: b.db_id.clone(),
                    question: b.question.clone(),
                    gold: b.gold.clone(),
                    hardness: b.hardness,
                    first: a.into(),
                    second: b.into(),
                });
            }
        }
        Ok(Self {
            first: first.meta.name.clone(),
            second: second.meta.name.clone(),
            left_out,
            all: Paired::new(table),
            by_hardness: by_hardness
                .into_iter()
                .map(|(key, table)| (key, Paired::new(table)))
                .collect(),
            changed,
        })
    }
}

/// The first place where the two are about different things.
fn same_questions(first: &Report, second: &Report) -> Result<(), ComparisonError> {
    let lengths = [first.examples.len(), second.examples.len()];
    for (position, (a, b)) in first.examples.iter().zip(&second.examples).enumerate() {
        let differs = |field, first: &str, second: &str| ComparisonError::Differs {
            position,
            field,
            first: first.into(),
            second: second.into(),
        };
        for (field, a, b) in [
            ("db_id", &a.db_id, &b.db_id),
            ("question", &a.question, &b.question),
            ("gold", &a.gold, &b.gold),
        ] {
            if a != b {
                return Err(differs(field, a, b));
            }
        }
        if a.index != b.index {
            return Err(differs("index", &a.index.to_string(), &b.index.to_string()));
        }
    }
    if lengths[0] != lengths[1] {
        return Err(ComparisonError::Length {
            first: lengths[0],
            second: lengths[1],
        });
    }
    Ok(())
}
