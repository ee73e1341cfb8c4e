//! The report: every example, and the counts over them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Meta, Rate, Scores};
use crate::{Example, Failure, Hardness};

/// Everything that an evaluation says.
///
/// All counts follow from the examples; [`Report::new`] is the only way to make them.
/// Maps are ordered, so the same examples give the same bytes.
///
/// ```
/// use anneal_sql::{Budget, Meta, Report, Origin};
/// let source = Origin::Folder { path: "databases".into() };
/// let report = Report::new(Meta::new("none", source, false, &Budget::default()), vec![]);
/// assert_eq!(report.totals().matches.of, 0);
/// assert_eq!(report.totals().execution_accuracy, None);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub(super) meta: Meta,
    pub(super) totals: Scores,
    pub(super) by_hardness: BTreeMap<Hardness, Scores>,
    pub(super) by_database: BTreeMap<String, Scores>,
    pub(super) failures: BTreeMap<Failure, Rate>,
    pub(super) examples: Vec<Example>,
}

impl Report {
    /// Counts `examples`.
    #[must_use]
    pub fn new(meta: Meta, examples: Vec<Example>) -> Self {
        let mut by_hardness: BTreeMap<Hardness, Vec<&Example>> = BTreeMap::new();
        let mut by_database: BTreeMap<String, Vec<&Example>> = BTreeMap::new();
        let mut failures: BTreeMap<Failure, usize> = BTreeMap::new();
        for example in &examples {
            if let Some(hardness) = example.hardness {
                by_hardness.entry(hardness).or_default().push(example);
            }
            if !example.db_id.is_empty() {
                by_database
                    .entry(example.db_id.clone())
                    .or_default()
                    .push(example);
            }
            if let (None, false, Some(failure)) =
                (&example.gold_error, example.is_match, example.failure)
            {
                *failures.entry(failure).or_default() += 1;
            }
        }
        let totals = Scores::of(&examples.iter().collect::<Vec<_>>());
        let rate = |(failure, count)| (failure, Rate::new(count, totals.judged));
        Self {
            meta,
            by_hardness: by_hardness
                .iter()
                .map(|(&key, of)| (key, Scores::of(of)))
                .collect(),
            by_database: by_database
                .iter()
                .map(|(key, of)| (key.clone(), Scores::of(of)))
                .collect(),
            failures: failures.into_iter().map(rate).collect(),
            totals,
            examples,
        }
    }

    /// What was judged, and how.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The scores of all examples.
    #[must_use]
    pub fn totals(&self) -> &Scores {
        &self.totals
    }

    /// The scores by Spider's level of the gold; examples without one are in none.
    #[must_use]
    pub fn by_hardness(&self) -> &BTreeMap<Hardness, Scores> {
        &self.by_hardness
    }

    /// The scores by database; examples that name none are in none.
    #[must_use]
    pub fn by_database(&self) -> &BTreeMap<String, Scores> {
        &self.by_database
    }

    /// Failures by class, each as a share of the judged examples; a class that does not occur is absent.
    #[must_use]
    pub fn failures(&self) -> &BTreeMap<Failure, Rate> {
        &self.failures
    }

    /// The examples, in the order of the questions.
    #[must_use]
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }
}
