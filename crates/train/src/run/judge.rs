//! Which validation is the best, and when the patience is used up.

use serde::{Deserialize, Serialize};

use super::config::{BestBy, RunConfig};
use super::validation::Validation;
use crate::error::{Result, TrainError};

/// The decisions so far; part of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Judge {
    /// The best validation.
    pub(super) best: Option<BestValues>,
    /// The value from which the next improvement is measured; higher is better.
    reference: Option<f64>,
    /// Judged validations since the last improvement.
    pub(super) patience_used: u64,
}

/// What the best checkpoint is best in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BestValues {
    pub(super) by: BestBy,
    pub(super) step: u64,
    pub(super) loss: Option<f64>,
    pub(super) score: Option<f64>,
}

impl BestValues {
    /// Higher is better.
    fn value(&self) -> Option<f64> {
        match self.by {
            BestBy::Loss => self.loss.map(|loss| -loss),
            BestBy::Score => self.score,
        }
    }
}

impl Judge {
    /// Whether this validation is the best so far; counts it against the patience.
    ///
    /// A later validation without the value is passed over (a costly score may come less often
    /// than the loss); one that is not a number is no improvement.
    pub(super) fn judge(
        &mut self,
        config: &RunConfig,
        step: u64,
        first: bool,
        validation: &Validation,
    ) -> Result<bool> {
        let candidate = BestValues {
            by: config.best_by,
            step,
            loss: validation.loss,
            score: validation.score,
        };
        let Some(value) = candidate.value() else {
            if first {
                let by = match config.best_by {
                    BestBy::Loss => "loss",
                    BestBy::Score => "score",
                };
                return Err(TrainError::NothingToJudgeBy { step, by });
            }
            return Ok(false);
        };
        let better = |than: Option<f64>, by: f64| match than {
            _ if value.is_nan() => false,
            Some(than) => value > than + by,
            None => true,
        };
        if better(self.reference, config.min_delta) {
            self.reference = Some(value);
            self.patience_used = 0;
        } else {
            self.patience_used += 1;
        }
        let best = better(self.best.as_ref().and_then(BestValues::value), 0.0);
        if best {
            self.best = Some(candidate);
        }
        Ok(best)
    }

    /// Whether the patience is used up.
    pub(super) fn gives_up(&self, config: &RunConfig) -> bool {
        config
            .patience
            .is_some_and(|patience| self.patience_used >= patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(config: &RunConfig, losses: &[f64]) -> (Vec<bool>, Judge) {
        let mut judge = Judge::default();
        let best = losses.iter().enumerate().map(|(i, &loss)| {
            let validation = Validation::default().with_loss(loss);
            judge
                .judge(config, 10 * i as u64, i == 0, &validation)
                .unwrap()
        });
        (best.collect(), judge)
    }

    #[test]
    fn any_improvement_is_the_best_but_patience_wants_min_delta() {
        let config = RunConfig {
            min_delta: 0.25,
            patience: Some(3),
            ..RunConfig::new("x")
        };
        // 0.9 and 0.8 are better by less than 0.25; 0.7 is better than 1.0 by more.
        let (best, judge) = losses(&config, &[1.0, 0.9, 0.8]);
        assert_eq!((best, judge.patience_used), (vec![true; 3], 2));
        let (best, judge) = losses(&config, &[1.0, 0.9, 0.8, 0.7]);
        assert_eq!((best, judge.patience_used), (vec![true; 4], 0));
        let (best, judge) = losses(&config, &[1.0, f64::NAN, 1.0, 0.9375, 0.5]);
        assert_eq!(best, [true, false, false, true, true]);
        assert_eq!(judge.patience_used, 0);
        let (_, judge) = losses(&config, &[1.0, f64::NAN, 1.0, 2.0]);
        assert!(judge.gives_up(&config));
        assert_eq!(judge.best.map(|best| best.step), Some(0));
    }

    #[test]
    fn a_higher_score_is_better_and_may_come_less_often() {
        let config = RunConfig {
            best_by: BestBy::Score,
            patience: Some(1),
            ..RunConfig::new("x")
        };
        let mut judge = Judge::default();
        let loss = Validation::default().with_loss(1.0);
        let message = judge.judge(&config, 5, true, &loss).unwrap_err();
        assert_eq!(
            message.to_string(),
            "the validation after step 5 gave no score, by which the best checkpoint is chosen"
        );
        let score = |score| loss.clone().with_score("accuracy", score);
        assert!(judge.judge(&config, 5, true, &score(0.25)).unwrap());
        assert!(!judge.judge(&config, 6, false, &loss).unwrap());
        assert!(!judge.gives_up(&config));
        assert!(judge.judge(&config, 7, false, &score(0.5)).unwrap());
        assert!(!judge.judge(&config, 8, false, &score(0.5)).unwrap());
        assert!(judge.gives_up(&config));
    }
}
