//! How long a run may take, in steps, epochs or minutes, and how much of that is used.

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
}

impl Budget {
    /// Turns epochs into steps, rounded up, and minutes into a duration.
    ///
    /// # Errors
    /// [`TrainError::InvalidSetting`] where no limit is set or one is not positive.
    ///
    /// # Example
    /// ```
    /// use anneal_train::Budget;
    /// use std::time::Duration;
    ///
    /// let budget = Budget { epochs: Some(1.5), max_minutes: Some(10.0), ..Budget::default() };
    /// let limits = budget.limits(25).unwrap();
    /// assert_eq!(limits.steps, Some(38));
    /// // 19 of 38 steps after 6 of 10 minutes: the minutes will end first.
    /// assert_eq!(limits.progress(19, Duration::from_secs(360)), 0.6);
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
        if steps.is_none() && time.is_none() {
            return Err(TrainError::InvalidSetting {
                name: "budget",
                value: "none".into(),
                expected: "one of max_steps, epochs and max_minutes",
            });
        }
        Ok(Limits { steps, time })
    }
}

/// A [`Budget`] in steps and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Optimiser steps, where they are limited.
    pub steps: Option<u64>,
    /// Training time, where it is limited.
    pub time: Option<Duration>,
}

impl Limits {
    /// The used part of the budget, in `0..=1`: `min(1, max(step / steps, elapsed / time))`.
    pub fn progress(&self, step: u64, elapsed: Duration) -> f64 {
        let of_steps = self.steps.map_or(0.0, |steps| step as f64 / steps as f64);
        let of_time = self.time.map_or(0.0, |time| {
            elapsed.as_secs_f64() / time.as_secs_f64().max(f64::MIN_POSITIVE)
        });
        of_steps.max(of_time).min(1.0)
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
            max_minutes: None,
        };
        assert_eq!(budget.limits(13).unwrap().steps, Some(26));
        assert_eq!(budget.limits(30).unwrap().steps, Some(40));
        let limits = budget.limits(30).unwrap();
        assert_eq!(limits.progress(10, Duration::from_secs(1 << 40)), 0.25);
        assert_eq!(limits.progress(41, Duration::ZERO), 1.0);
    }

    #[test]
    fn bad_limits_are_named() {
        let message = |budget: Budget| budget.limits(5).unwrap_err().to_string();
        assert_eq!(
            message(Budget::default()),
            "`budget` must be one of max_steps, epochs and max_minutes, got none"
        );
        let budget = Budget {
            max_minutes: Some(-2.0),
            ..Budget::default()
        };
        assert_eq!(message(budget), "`max_minutes` must be positive, got -2");
        let budget = Budget {
            max_minutes: Some(1e300),
            ..Budget::default()
        };
        assert!(message(budget).starts_with("`max_minutes` must be a time"));
    }
}
