//! How long a run may take, in steps, epochs, tokens or minutes, and how much of that is used.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainError};

/// The limits of a run; the one reached first ends it. At least one must be set.
///
/// (Hugging Face's `max_steps` overrides the epochs instead.)
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Optimiser steps.
    pub max_steps: Option<u64>,
    /// Passes over the data, which may end within one.
    pub epochs: Option<f64>,
    /// Minutes of training, over all sessions of a resumed run.
    pub max_minutes: Option<f64>,
    /// Tokens that went through the model, padding left out. The step that reaches the limit is
    /// done whole. Needs [`Accumulator::count_tokens`](crate::Accumulator::count_tokens).
    pub max_tokens: Option<u64>,
}

impl Budget {
    /// Turns epochs into steps, rounded up, and minutes into a duration.
    ///
    /// # Errors
    /// [`TrainError::InvalidSetting`] where no limit is set or one is not positive.
    ///
    /// # Example
    /// ```
    /// use anneal_train::{Budget, Spent};
    /// use std::time::Duration;
    ///
    /// let budget = Budget { epochs: Some(1.5), max_minutes: Some(10.0), ..Budget::default() };
    /// let limits = budget.limits(25).unwrap();
    /// assert_eq!(limits.steps, Some(38));
    /// // 19 of 38 steps after 6 of 10 minutes: the minutes will end first.
    /// let spent = Spent { steps: 19, time: Duration::from_secs(360), tokens: 0 };
    /// assert_eq!(limits.progress(spent), 0.6);
    /// ```
    pub fn limits(&self, steps_per_epoch: u64) -> Result<Limits> {
        let positive = |name, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(value)
            } else {
                Err(TrainError::InvalidSetting {
                    name,
                    value: value.to_string(),
                    expected: "positive",
                })
            }
        };
        let mut steps = None;
        if let Some(max_steps) = self.max_steps {
            positive("max_steps", max_steps as f64)?;
            steps = Some(max_steps);
        }
        if let Some(epochs) = self.epochs {
            positive("epochs", epochs)?;
            positive("steps_per_epoch", steps_per_epoch as f64)?;
            let of_epochs = (epochs * steps_per_epoch as f64).ceil() as u64;
            steps = Some(steps.map_or(of_epochs, |s| s.min(of_epochs)));
        }
        let time = match self.max_minutes {
            None => None,
            Some(minutes) => {
                let seconds = positive("max_minutes", minutes)? * 60.0;
                let time = Duration::try_from_secs_f64(seconds);
                Some(time.map_err(|_| TrainError::InvalidSetting {
                    name: "max_minutes",
                    value: minutes.to_string(),
                    expected: "a time that fits a clock",
                })?)
            }
        };
        if let Some(max_tokens) = self.max_tokens {
            positive("max_tokens", max_tokens as f64)?;
        }
        let tokens = self.max_tokens;
        if steps.is_none() && time.is_none() && tokens.is_none() {
            return Err(TrainError::InvalidSetting {
                name: "budget",
                value: "none".into(),
                expected: "one of max_steps, epochs, max_tokens and max_minutes",
            });
        }
        Ok(Limits {
            steps,
            time,
            tokens,
        })
    }
}

/// What a run has used of its [`Limits`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Optimiser steps done.
    pub steps: u64,
    /// Time trained, over all sessions.
    pub time: Duration,
    /// Tokens that went through the model.
    pub tokens: u64,
}

/// A [`Budget`] in steps, time and tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Optimiser steps, where they are limited.
    pub steps: Option<u64>,
    /// Training time, where it is limited.
    pub time: Option<Duration>,
    /// Tokens through the model, where they are limited.
    pub tokens: Option<u64>,
}

impl Limits {
    /// The used part of the budget, in `0..=1`: the largest of `steps / max_steps`,
    /// `time / max_time` and `tokens / max_tokens`, and at most 1.
    pub fn progress(&self, spent: Spent) -> f64 {
        let of = |used: u64, limit: Option<u64>| limit.map_or(0.0, |l| used as f64 / l as f64);
        let of_time = self.time.map_or(0.0, |time| {
            spent.time.as_secs_f64() / time.as_secs_f64().max(f64::MIN_POSITIVE)
        });
        of(spent.steps, self.steps)
            .max(of(spent.tokens, self.tokens))
            .max(of_time)
            .min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_limit_counts() {
        let budget = Budget {
            max_steps: Some(40),
            epochs: Some(2.0),
            max_tokens: Some(1000),
            ..Budget::default()
        };
        assert_eq!(budget.limits(13).unwrap().steps, Some(26));
        assert_eq!(budget.limits(30).unwrap().steps, Some(40));
        let limits = budget.limits(30).unwrap();
        let progress = |steps, tokens| {
            limits.progress(Spent {
                steps,
                time: Duration::from_secs(1 << 40),
                tokens,
            })
        };
        assert_eq!(progress(10, 100), 0.25);
        assert_eq!(progress(10, 500), 0.5);
        assert_eq!(progress(41, 0), 1.0);
        assert_eq!(progress(1, 1001), 1.0);
    }

    #[test]
    fn bad_limits_are_named() {
        let message = |budget: Budget| budget.limits(5).unwrap_err().to_string();
        assert_eq!(
            message(Budget::default()),
            "`budget` must be one of max_steps, epochs, max_tokens and max_minutes, got none"
        );
        let budget = Budget {
            max_minutes: Some(-2.0),
            ..Budget::default()
        };
        assert_eq!(message(budget), "`max_minutes` must be positive, got -2");
        let budget = Budget {
            max_tokens: Some(0),
            ..Budget::default()
        };
        assert_eq!(message(budget), "`max_tokens` must be positive, got 0");
        let budget = Budget {
            max_minutes: Some(1e300),
            ..Budget::default()
        };
        assert!(message(budget).starts_with("`max_minutes` must be a time"));
    }
}
