//! The learning rate over a run: warm-up, then a decay that ends with the budget.
//!
//! The decay follows the used part of the budget, not the step number, so that it reaches its
//! end with the minutes when the minutes end first. Where only steps are limited it is Hugging
//! Face's `get_cosine_schedule_with_warmup` (or `linear`, or `constant`) exactly.

use std::f64::consts::PI;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::budget::Limits;
use crate::error::{Result, TrainError};

/// The shape of the decay after the warm-up; `p` is the used part of what is left then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// `1`.
    Constant,
    /// `1 − p`.
    Linear,
    /// `½(1 + cos πp)`.
    #[default]
    Cosine,
}

/// The length of the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Warmup {
    /// Optimiser steps.
    Steps(u64),
    /// A part of the budget, below 1.
    Ratio(f64),
}

/// Warm-up and decay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// The shape after the warm-up.
    pub decay: Decay,
    /// The warm-up.
    pub warmup: Warmup,
}

impl Default for Schedule {
    /// Cosine without warm-up.
    fn default() -> Self {
        Self {
            decay: Decay::Cosine,
            warmup: Warmup::Steps(0),
        }
    }
}

/// A [`Schedule`] fitted to a budget; it remembers when the warm-up ended.
///
/// With `s` steps done, `T` and `B` the limits in steps and time, `P = min(1, max(s/T, elapsed/B))`:
///
/// - warm-up of `w` steps: the factor is `s/w` while `s < w`, so that the **first step has the
///   learning rate 0**, as in Hugging Face. A ratio `r` gives `P/r` while `P < r`.
/// - after it: `decay(p)` with `p = (P − P_w)/(1 − P_w)`, where `P_w` is `P` at the first step
///   after the warm-up (`r` for a ratio, 0 without a warm-up). It starts at 1 and ends at 0 when
///   the budget is used up, whichever limit that is. With steps alone, `P_w = w/T` and
///   `p = (s − w)/(T − w)`, Hugging Face's formula.
///
/// With a time limit `P_w` depends on the machine; it is kept in checkpoints.
///
/// # Example
/// ```
/// use anneal_train::{Budget, Decay, Schedule, Scheduler, Warmup};
/// use std::time::Duration;
///
/// let limits = Budget { max_steps: Some(10), ..Budget::default() }.limits(0).unwrap();
/// let schedule = Schedule { decay: Decay::Cosine, warmup: Warmup::Steps(3) };
/// let mut scheduler = Scheduler::new(schedule, limits).unwrap();
/// // transformers: get_cosine_schedule_with_warmup(optimizer, 3, 10)
/// let expected = [0.0, 0.333333, 0.666667, 1.0, 0.950484, 0.811745, 0.61126, 0.38874, 0.188255, 0.049516];
/// for (step, expected) in expected.into_iter().enumerate() {
///     let factor = scheduler.factor(step as u64, Duration::ZERO);
///     assert!((factor - expected).abs() < 1e-6, "step {step}: {factor}");
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Scheduler {
    schedule: Schedule,
    limits: Limits,
    warmup_end: Option<f64>,
}

impl Scheduler {
    /// Fits a schedule to a run's limits.
    ///
    /// # Errors
    /// [`TrainError::InvalidSetting`] where a warm-up ratio is not in `0..1`.
    pub fn new(schedule: Schedule, limits: Limits) -> Result<Self> {
        let warmup_end = match schedule.warmup {
            Warmup::Steps(0) => Some(0.0),
            Warmup::Steps(_) => None,
            Warmup::Ratio(ratio) if (0.0..1.0).contains(&ratio) => Some(ratio),
            Warmup::Ratio(ratio) => {
                return Err(TrainError::InvalidSetting {
                    name: "warmup ratio",
                    value: ratio.to_string(),
                    expected: "at least 0 and below 1",
                });
            }
        };
        Ok(Self {
            schedule,
            limits,
            warmup_end,
        })
    }

    /// The factor on the peak learning rate for the step that follows `step` finished ones.
    pub fn factor(&mut self, step: u64, elapsed: Duration) -> f64 {
        let progress = self.limits.progress(step, elapsed);
        match self.schedule.warmup {
            Warmup::Steps(steps) if step < steps => return step as f64 / steps as f64,
            Warmup::Ratio(ratio) if progress < ratio => return progress / ratio,
            _ => {}
        }
        let start = *self.warmup_end.get_or_insert(progress);
        let rest = 1.0 - start;
        let p = if rest > 0.0 {
            ((progress - start) / rest).clamp(0.0, 1.0)
        } else {
            1.0
        };
        match self.schedule.decay {
            Decay::Constant => 1.0,
            Decay::Linear => 1.0 - p,
            Decay::Cosine => 0.5 * (1.0 + (PI * p).cos()),
        }
    }

    /// The limits that the schedule is fitted to.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The used part of the budget at which the warm-up ended, once it has.
    pub fn warmup_end(&self) -> Option<f64> {
        self.warmup_end
    }

    /// Sets what [`warmup_end`](Self::warmup_end) was when a checkpoint was written.
    pub(crate) fn resume(&mut self, warmup_end: Option<f64>) {
        self.warmup_end = warmup_end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    fn scheduler(decay: Decay, warmup: Warmup, budget: Budget) -> Scheduler {
        Scheduler::new(Schedule { decay, warmup }, budget.limits(0).unwrap()).unwrap()
    }

    fn steps(max_steps: u64) -> Budget {
        Budget {
            max_steps: Some(max_steps),
            ..Budget::default()
        }
    }

    /// transformers' lambdas, with `num_cycles` 0.5.
    fn hugging_face(decay: Decay, s: f64, w: f64, t: f64) -> f64 {
        if s < w {
            return s / w.max(1.0);
        }
        let p = (s - w) / (t - w).max(1.0);
        match decay {
            Decay::Constant => 1.0,
            Decay::Linear => (1.0 - p).max(0.0),
            Decay::Cosine => (0.5 * (1.0 + (PI * 0.5 * 2.0 * p).cos())).max(0.0),
        }
    }

    #[test]
    fn steps_alone_give_hugging_faces_numbers() {
        for decay in [Decay::Constant, Decay::Linear, Decay::Cosine] {
            for (warmup, total) in [(0, 7), (1, 7), (5, 23), (22, 23)] {
                let mut scheduler = scheduler(decay, Warmup::Steps(warmup), steps(total));
                for step in 0..total {
                    let factor = scheduler.factor(step, Duration::from_secs(step * 1000));
                    let expected = hugging_face(decay, step as f64, warmup as f64, total as f64);
                    assert!(
                        (factor - expected).abs() < 1e-14,
                        "{decay:?} {warmup}/{total} step {step}: {factor} against {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_ratio_of_the_steps_equals_that_many_steps() {
        let mut ratio = scheduler(Decay::Cosine, Warmup::Ratio(0.25), steps(20));
        let mut count = scheduler(Decay::Cosine, Warmup::Steps(5), steps(20));
        for step in 0..20 {
            let (a, b) = (
                ratio.factor(step, Duration::ZERO),
                count.factor(step, Duration::ZERO),
            );
            assert!((a - b).abs() < 1e-14, "step {step}: {a} against {b}");
        }
    }

    #[test]
    fn minutes_alone_end_at_zero_and_join_the_warm_up_without_a_jump() {
        let budget = Budget {
            max_minutes: Some(1.0),
            ..Budget::default()
        };
        let mut scheduler = scheduler(Decay::Cosine, Warmup::Steps(4), budget);
        // Steps of 3 seconds: the warm-up ends after 12 of 60 seconds.
        let mut factor = |step: u64| scheduler.factor(step, Duration::from_secs(3 * step));
        let factors: Vec<f64> = (0..=20).map(&mut factor).collect();
        assert_eq!(factors[..5], [0.0, 0.25, 0.5, 0.75, 1.0]);
        for (step, &factor) in factors.iter().enumerate().skip(4) {
            let p = (3.0 * step as f64 - 12.0) / 48.0;
            assert!((factor - 0.5 * (1.0 + (PI * p).cos())).abs() < 1e-12);
        }
        assert!(factors[20] < 1e-15);
        assert_eq!(scheduler.warmup_end(), Some(0.2));
    }

    #[test]
    fn the_limit_that_ends_first_drives_the_decay() {
        let budget = Budget {
            max_steps: Some(100),
            max_minutes: Some(1.0),
            epochs: None,
        };
        let mut scheduler = scheduler(Decay::Linear, Warmup::Steps(0), budget);
        assert_eq!(scheduler.factor(50, Duration::from_secs(15)), 0.5);
        assert_eq!(scheduler.factor(50, Duration::from_secs(45)), 0.25);
        assert_eq!(scheduler.factor(51, Duration::from_secs(61)), 0.0);
    }

    #[test]
    fn a_ratio_of_one_is_refused() {
        let limits = steps(4).limits(0).unwrap();
        let schedule = Schedule {
            decay: Decay::Linear,
            warmup: Warmup::Ratio(1.0),
        };
        let message = Scheduler::new(schedule, limits).unwrap_err().to_string();
        assert_eq!(
            message,
            "`warmup ratio` must be at least 0 and below 1, got 1"
        );
    }
}
