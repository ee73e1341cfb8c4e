//! The learning rate over a run: warm-up, then a decay that ends with the budget.
//!
//! The decay follows the used part of the budget, not the step number, so that it reaches its
//! end with the minutes (or the tokens) when those end first. Where only steps are limited it is
//! Hugging Face's `get_cosine_with_min_lr_schedule_with_warmup` (or `linear`, or `constant`) exactly.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::budget::{Limits, Spent};
use crate::error::Result;
use crate::range::{Range, check};

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
    /// A part of the budget, below 1. Where only steps are limited, rounded up to whole steps.
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
    /// `m`: where the decay ends, as a part of the peak, 0: `decay(p)·(1 − m) + m`. The warm-up
    /// still begins at 0, and a constant rate stays at 1.
    pub min_lr_ratio: f64,
}

impl Default for Schedule {
    /// Cosine to 0 without warm-up.
    fn default() -> Self {
        Self {
            decay: Decay::Cosine,
            warmup: Warmup::Steps(0),
            min_lr_ratio: 0.0,
        }
    }
}

/// A [`Schedule`] fitted to a budget; it remembers when the warm-up ended.
///
/// With `s` steps done, `T`, `B` and `K` the limits in steps, time and tokens, and
/// `P = min(1, max(s/T, time/B, tokens/K))`:
///
/// - warm-up of `w` steps: the factor is `s/w` while `s < w`, so that the **first step has the
///   learning rate 0**, as in Hugging Face. A ratio `r` gives `P/r` while `P < r`; where only steps
///   are limited it is `⌈r·T⌉` steps, as there.
/// - after it: `decay(p)·(1 − m) + m` with `p = (P − P_w)/(1 − P_w)`, where `P_w` is `P` at the first
///   step after the warm-up (`r` for a ratio, 0 without a warm-up) and `m` is `min_lr_ratio`. It
///   starts at 1 and ends at `m` when the budget is used up, whichever limit that is. With steps
///   alone, `P_w = w/T` and `p = (s − w)/(T − w)`, Hugging Face's formula.
/// - past the end nothing changes: the factor stays what it was when the budget was used up, in the
///   middle of a warm-up that is longer than the budget too.
///
/// With a limit in time or tokens `P_w` depends on the run; it is kept in checkpoints.
///
/// # Example
/// ```
/// use anneal_train::{Budget, Decay, Schedule, Scheduler, Spent, Warmup};
///
/// let limits = Budget { max_steps: Some(10), ..Budget::default() }.limits(0).unwrap();
/// let schedule = Schedule { warmup: Warmup::Steps(3), ..Schedule::default() };
/// let mut scheduler = Scheduler::new(schedule, limits).unwrap();
/// // transformers: get_cosine_schedule_with_warmup(optimizer, 3, 10)
/// let expected = [0.0, 0.333333, 0.666667, 1.0, 0.950484, 0.811745, 0.61126, 0.38874, 0.188255, 0.049516];
/// for (step, expected) in expected.into_iter().enumerate() {
///     let factor = scheduler.factor(Spent { steps: step as u64, ..Spent::default() });
///     assert!((factor - expected).abs() < 1e-6, "step {step}: {factor}");
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Scheduler {
    schedule: Schedule,
    limits: Limits,
    warmup_end: Option<f64>,
    end: Option<f64>,
}

impl Scheduler {
    /// Fits a schedule to a run's limits.
    ///
    /// # Errors
    /// [`TrainError::InvalidSetting`](crate::TrainError::InvalidSetting) where a warm-up ratio is
    /// not in `0..1`, or `min_lr_ratio` not in `0..=1`.
    pub fn new(mut schedule: Schedule, limits: Limits) -> Result<Self> {
        check([("min_lr_ratio", schedule.min_lr_ratio, Range::Part)])?;
        if let Warmup::Ratio(ratio) = schedule.warmup {
            check([("warmup ratio", ratio, Range::BelowOne)])?;
            if let Some(steps) = limits.steps_alone() {
                schedule.warmup = Warmup::Steps((steps as f64 * ratio).ceil() as u64);
            }
        }
        let mut scheduler = Self {
            schedule,
            limits,
            warmup_end: None,
            end: None,
        };
        scheduler.warmup_end = match schedule.warmup {
            Warmup::Steps(1..) => None,
            _ => scheduler.known_warmup_end(),
        };
        Ok(scheduler)
    }

    /// The factor on the peak learning rate for the step that follows what is spent.
    ///
    /// Call it in the order of the steps: it remembers when the warm-up ended, and what the factor
    /// was when the budget was used up.
    pub fn factor(&mut self, spent: Spent) -> f64 {
        let progress = self.limits.progress(spent);
        if progress < 1.0 {
            return self.within(spent.steps, progress);
        }
        if let Some(end) = self.end {
            return end;
        }
        // Steps past a limit in steps do not count; a warm-up may not have ended there.
        let last = self.limits.steps.unwrap_or(u64::MAX);
        let end = self.within(spent.steps.min(last), progress);
        self.end = Some(end);
        end
    }

    fn within(&mut self, step: u64, progress: f64) -> f64 {
        match self.schedule.warmup {
            Warmup::Steps(steps) if step < steps => return step as f64 / steps as f64,
            Warmup::Ratio(ratio) if progress < ratio => return progress / ratio,
            _ => {}
        }
        let known = self.known_warmup_end().unwrap_or(progress);
        let start = *self.warmup_end.get_or_insert(known);
        let rest = 1.0 - start;
        let p = if rest > 0.0 {
            ((progress - start) / rest).clamp(0.0, 1.0)
        } else {
            1.0
        };
        let decay = match self.schedule.decay {
            Decay::Constant => return 1.0,
            Decay::Linear => 1.0 - p,
            Decay::Cosine => 0.5 * (1.0 + (PI * p).cos()),
        };
        let min = self.schedule.min_lr_ratio;
        decay * (1.0 - min) + min
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
    ///
    /// A run may be resumed with another budget: what depends on nothing else is that budget's.
    pub(crate) fn resume(&mut self, warmup_end: Option<f64>) {
        self.end = None;
        self.warmup_end = match self.schedule.warmup {
            Warmup::Ratio(_) => self.known_warmup_end(),
            Warmup::Steps(_) => warmup_end.map(|end| self.known_warmup_end().unwrap_or(end)),
        };
    }

    /// Where the warm-up ends, if the settings alone say it: with minutes or tokens in the budget a
    /// number of steps does not, and the first step after it decides.
    fn known_warmup_end(&self) -> Option<f64> {
        match (self.schedule.warmup, self.limits.steps_alone()) {
            (Warmup::Ratio(ratio), _) => Some(ratio),
            (Warmup::Steps(0), _) => Some(0.0),
            (Warmup::Steps(warmup), Some(steps)) => Some((warmup as f64 / steps as f64).min(1.0)),
            (Warmup::Steps(_), None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::budget::Budget;

    fn scheduler(decay: Decay, warmup: Warmup, budget: Budget) -> Scheduler {
        let schedule = Schedule {
            decay,
            warmup,
            ..Schedule::default()
        };
        Scheduler::new(schedule, budget.limits(0).unwrap()).unwrap()
    }

    fn steps(max_steps: u64) -> Budget {
        Budget {
            max_steps: Some(max_steps),
            ..Budget::default()
        }
    }

    fn at(steps: u64, seconds: u64) -> Spent {
        Spent {
            steps,
            time: Duration::from_secs(seconds),
            tokens: 0,
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
        let mut factor = |step: u64| scheduler.factor(at(step, 3 * step));
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
    fn a_ratio_of_the_minutes_is_no_number_of_steps() {
        let budget = Budget {
            max_minutes: Some(1.0),
            max_steps: Some(1000),
            ..Budget::default()
        };
        let mut scheduler = scheduler(Decay::Linear, Warmup::Ratio(0.25), budget);
        assert_eq!(scheduler.factor(at(1, 6)), 0.4);
        assert_eq!(scheduler.factor(at(2, 15)), 1.0);
        assert_eq!(scheduler.factor(at(3, 30)), 1.0 - 0.25 / 0.75);
    }

    #[test]
    fn the_limit_that_ends_first_drives_the_decay() {
        let budget = Budget {
            max_steps: Some(100),
            max_minutes: Some(1.0),
            max_tokens: Some(4000),
            ..Budget::default()
        };
        let mut scheduler = scheduler(Decay::Linear, Warmup::Steps(0), budget);
        let mut factor = |steps, seconds, tokens| {
            scheduler.factor(Spent {
                tokens,
                ..at(steps, seconds)
            })
        };
        assert_eq!(factor(50, 15, 800), 0.5);
        assert_eq!(factor(50, 45, 800), 0.25);
        assert_eq!(factor(50, 45, 3500), 0.125);
        assert_eq!(factor(51, 61, 3500), 0.0);
    }

    #[test]
    fn a_run_resumed_with_more_steps_has_their_schedule() {
        let mut before = scheduler(Decay::Linear, Warmup::Steps(4), steps(20));
        for (resumed_at, max_steps) in [(2, 40), (4, 40), (12, 40), (12, 15)] {
            before.factor(at(resumed_at, 0));
            let new = || scheduler(Decay::Linear, Warmup::Steps(4), steps(max_steps));
            let (mut resumed, mut straight) = (new(), new());
            resumed.resume(before.warmup_end());
            for step in 0..=max_steps {
                let expected = straight.factor(at(step, 0));
                if step >= resumed_at {
                    assert_eq!(resumed.factor(at(step, 0)), expected, "step {step}");
                }
            }
        }
        // With minutes alone the checkpoint knows.
        let minute = Budget {
            max_minutes: Some(1.0),
            ..Budget::default()
        };
        let mut timed = scheduler(Decay::Linear, Warmup::Steps(4), minute);
        timed.resume(Some(0.2));
        assert_eq!(timed.factor(at(5, 36)), 1.0 - (0.6 - 0.2) / 0.8);
    }

    #[test]
    fn nothing_rises_past_the_end() {
        let schedule = Schedule {
            decay: Decay::Cosine,
            warmup: Warmup::Steps(2),
            min_lr_ratio: 0.1,
        };
        let mut decayed = Scheduler::new(schedule, steps(8).limits(0).unwrap()).unwrap();
        // transformers' cosine would be at 0.55 again at step 11, and at 1 at step 14.
        for step in [7, 8, 9, 11, 14, 1000] {
            let factor = decayed.factor(at(step, 0));
            let expected = if step == 7 {
                0.1 + 0.9 * 0.5 * (1.0 + (PI * 5.0 / 6.0).cos())
            } else {
                0.1
            };
            assert!((factor - expected).abs() < 1e-15, "step {step}: {factor}");
        }
    }

    #[test]
    fn a_warm_up_longer_than_the_budget_stops_where_the_budget_ends() {
        for decay in [Decay::Constant, Decay::Linear, Decay::Cosine] {
            let mut early = scheduler(decay, Warmup::Steps(40), steps(10));
            let factors: Vec<f64> = (0..60).map(|step| early.factor(at(step, 0))).collect();
            for (step, factor) in factors.into_iter().enumerate() {
                assert_eq!(factor, step.min(10) as f64 / 40.0, "{decay:?} step {step}");
            }
            // The same where the run is asked for the first time after its end.
            let mut late = scheduler(decay, Warmup::Steps(40), steps(10));
            assert_eq!(late.factor(at(33, 0)), 0.25);
        }
        let budget = Budget {
            max_minutes: Some(0.5),
            ..Budget::default()
        };
        let mut scheduler = scheduler(Decay::Linear, Warmup::Steps(40), budget);
        let factors =
            [(4, 12), (10, 30), (11, 33), (200, 600)].map(|(s, t)| scheduler.factor(at(s, t)));
        assert_eq!(factors, [0.1, 0.25, 0.25, 0.25]);
    }

    #[test]
    fn ratios_out_of_range_are_refused() {
        let new = |warmup, min_lr_ratio| {
            let schedule = Schedule {
                decay: Decay::Linear,
                warmup,
                min_lr_ratio,
            };
            let scheduler = Scheduler::new(schedule, steps(4).limits(0).unwrap());
            scheduler.unwrap_err().to_string()
        };
        assert_eq!(
            new(Warmup::Ratio(1.0), 0.0),
            "`warmup ratio` must be at least 0 and below 1, got 1"
        );
        assert_eq!(
            new(Warmup::Steps(1), 1.5),
            "`min_lr_ratio` must be from 0 to 1, got 1.5"
        );
    }
}
