//! All metrics over one group of examples.

use serde::{Deserialize, Serialize};

use super::{Mean, Rate};
use crate::{Example, Failure};

/// The most that BIRD rewards one query with: for a prediction at least twice as fast as the gold.
const MOST_REWARD: f64 = 1.25;

/// Counts, rates and means over a group of examples: all of them, those of a hardness, those of a database.
///
/// Examples whose gold does not run are counted in `examples` and `gold_failed` and are in no rate:
/// they say something about the data, nothing about the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Examples in the group.
    pub examples: usize,
    /// Examples with a verdict on the prediction: `examples - gold_failed`.
    pub judged: usize,
    /// Examples left out because the gold does not run.
    pub gold_failed: usize,
    /// Predictions with the gold's result.
    pub correct: usize,
    /// Predictions that run, with another result.
    pub wrong: usize,
    /// Predictions that do not run within the budget, and missing predictions.
    pub prediction_failed: usize,
    /// `correct / judged`, the rate of `match`; `null` where nothing was judged.
    pub execution_accuracy: Option<f64>,
    /// Execution: the gold's result on every database of the suite.
    #[serde(rename = "match")]
    pub matches: Rate,
    /// The same text.
    pub exact: Rate,
    /// The same text in normal form.
    pub normalised: Rate,
    /// Spider's component match, of the examples whose gold is within Spider's grammar.
    pub components: Rate,
    /// BIRD's execution accuracy.
    pub bird: Rate,
    /// sql-eval's column-subset match.
    pub subset: Rate,
    /// Predictions that run within the budget.
    pub runs: Rate,
    /// BIRD's soft F1, from 0 to 1.
    pub soft_f1: Mean,
    /// BIRD's R-VES of the examples that were timed, from 0 to 111.8: 100 times the mean of the square roots of their
    /// rewards ([`r_ves`](crate::r_ves)).
    pub r_ves: Mean,
}

impl Scores {
    /// The scores of `examples`.
    #[must_use]
    pub fn of(examples: &[&Example]) -> Self {
        let judged: Vec<&Example> = examples
            .iter()
            .copied()
            .filter(|example| example.gold_error.is_none())
            .collect();
        let rate = |verdict: fn(&Example) -> bool| Rate::of(judged.iter().map(|e| verdict(e)));
        let matches = rate(|example| example.is_match);
        let runs = rate(runs);
        let soft_f1: Vec<f64> = judged.iter().map(|example| example.soft_f1).collect();
        let rewards = judged.iter().filter_map(|example| example.r_ves);
        let r_ves: Vec<f64> = rewards.map(|reward| 100.0 * reward.sqrt()).collect();
        Self {
            examples: examples.len(),
            judged: judged.len(),
            gold_failed: examples.len() - judged.len(),
            correct: matches.count,
            wrong: runs.count - matches.count,
            prediction_failed: judged.len() - runs.count,
            execution_accuracy: matches.rate,
            matches,
            exact: rate(|example| example.exact),
            normalised: rate(|example| example.normalised),
            components: Rate::of(judged.iter().filter_map(|example| example.components)),
            bird: rate(|example| example.bird),
            subset: rate(|example| example.subset),
            runs,
            soft_f1: Mean::new(&soft_f1, 1.0),
            r_ves: Mean::new(&r_ves, 100.0 * MOST_REWARD.sqrt()),
        }
    }
}

/// Whether the prediction ran to its end.
fn runs(example: &Example) -> bool {
    use Failure::{Empty, WrongColumns, WrongOrder, WrongRows};
    example.is_match
        || matches!(
            example.failure,
            Some(WrongColumns | WrongRows | WrongOrder | Empty)
        )
}
