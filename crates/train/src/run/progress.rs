//! A run's line of progress: smoothed loss and rates, and the time left.

use super::summary::Ended;
use super::validation::ValidationRecord;
use crate::metrics::MetricsRecord;
use crate::progress::{Progress, ProgressReport};

/// The weight of the past against one step, about the last twenty steps.
const SMOOTHING: f64 = 0.95;

/// Shows steps and validations.
#[derive(Debug)]
pub(super) struct RunProgress {
    display: Progress,
    smoothed: Smoothed,
    validated: String,
}

impl RunProgress {
    pub(super) fn new(report: ProgressReport) -> Self {
        Self {
            display: Progress::without_time_left(report),
            smoothed: Smoothed::default(),
            validated: String::new(),
        }
    }

    /// Shows a step after which `part` of the budget is used.
    pub(super) fn step(&mut self, part: f64, record: &MetricsRecord) {
        if self.display.is_hidden() {
            return;
        }
        self.smoothed.add(part, record);
        let text = self.smoothed.describe(part, record);
        self.display
            .update(part, &format!("{text}{}", self.validated));
    }

    /// Shows the last validation behind the steps that follow it.
    pub(super) fn validated(&mut self, record: &ValidationRecord) {
        let mut text = " | validation".to_owned();
        if let Some(loss) = record.validation.loss {
            text.push_str(&format!(" loss {loss:.4}"));
        }
        if let Some(score) = record.validation.score {
            let name = record.validation.score_name.as_deref().unwrap_or("score");
            text.push_str(&format!(" {name} {score:.3}"));
        }
        self.validated = text;
    }

    pub(super) fn finish(self, ended: Ended, steps: u64) {
        let why = match ended {
            Ended::Budget => "the budget is used up",
            Ended::EarlyStopping => "no improvement for too long",
            Ended::Signal => "stopped and saved; it can be resumed",
        };
        self.display
            .finish(&format!("{steps} steps done, {why}{}", self.validated));
    }
}

/// Running means of a run, young ones corrected for having begun at 0.
///
/// Rates are ratios of running means, `mean(tokens) / mean(seconds)`, so that long steps count by
/// their length.
#[derive(Clone, Copy, Debug, Default)]
struct Smoothed {
    weight: f64,
    losses: f64,
    loss_weight: f64,
    tokens: f64,
    examples: f64,
    seconds: f64,
    parts: f64,
    last_part: Option<f64>,
}

impl Smoothed {
    fn add(&mut self, part: f64, record: &MetricsRecord) {
        let mix = |old: &mut f64, new: f64| *old = SMOOTHING * *old + (1.0 - SMOOTHING) * new;
        if record.loss.is_finite() {
            mix(&mut self.losses, record.loss);
            mix(&mut self.loss_weight, 1.0);
        }
        mix(&mut self.tokens, record.tokens as f64);
        mix(&mut self.examples, record.examples as f64);
        // The first step of a session tells no difference of parts: it counts for none of the two.
        if let Some(last) = self.last_part.replace(part) {
            mix(&mut self.parts, part - last);
            mix(&mut self.weight, record.seconds);
        }
        mix(&mut self.seconds, record.seconds);
    }

    /// Seconds until the budget is used up, whichever of its limits that is: the used part grows as
    /// it did over the last steps. Validations to come are not in it.
    fn seconds_left(&self, part: f64) -> Option<f64> {
        let rate = self.parts / self.weight;
        (rate.is_finite() && rate > 0.0).then(|| (1.0 - part).max(0.0) / rate)
    }

    fn describe(&self, part: f64, record: &MetricsRecord) -> String {
        let mut text = format!("step {}", record.step);
        if self.loss_weight > 0.0 {
            text.push_str(&format!(" loss {:.4}", self.losses / self.loss_weight));
        }
        text.push_str(&format!(" lr {:.2e}", record.lr));
        if self.seconds > 0.0 {
            let (tokens, examples) = (self.tokens / self.seconds, self.examples / self.seconds);
            text.push_str(&format!(" {tokens:.0} tokens/s {examples:.1} examples/s"));
        }
        if let Some(left) = self.seconds_left(part) {
            text.push_str(&format!(" {} left", time(left)));
        }
        text
    }
}

/// `0:07`, `12:30` or `3:05:00`.
fn time(seconds: f64) -> String {
    let s = seconds.round().min(1e9) as u64;
    match s / 3600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        hours => format!("{hours}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::StepReport;

    fn record(step: u64, loss: f64, tokens: u64, seconds: f64) -> MetricsRecord {
        let report = StepReport {
            step,
            loss,
            trained_tokens: 30,
            grad_norm: 0.5,
            learning_rate: 2e-4,
            seconds,
        };
        MetricsRecord::new(&report, 0.0, tokens).with_examples(4)
    }

    #[test]
    fn a_constant_run_shows_its_own_numbers_from_the_first_step() {
        let mut smoothed = Smoothed::default();
        for step in 1..=30 {
            let (part, record) = (step as f64 / 400.0, record(step, 1.25, 100, 2.0));
            smoothed.add(part, &record);
            let left = match step {
                1 => String::new(),
                _ => format!(" {} left", time((400 - step) as f64 * 2.0)),
            };
            let expected =
                format!("step {step} loss 1.2500 lr 2.00e-4 50 tokens/s 2.0 examples/s{left}");
            assert_eq!(smoothed.describe(part, &record), expected);
        }
    }

    #[test]
    fn loss_is_smoothed_and_rates_are_weighed_by_time() {
        let mut smoothed = Smoothed::default();
        smoothed.add(0.1, &record(1, 2.0, 100, 1.0));
        smoothed.add(0.2, &record(2, 4.0, 100, 3.0));
        // Weights 0.95 and 1: (0.95 · 2 + 4) / 1.95.
        assert!((smoothed.losses / smoothed.loss_weight - 5.9 / 1.95).abs() < 1e-12);
        let rate = smoothed.tokens / smoothed.seconds;
        assert!((rate - 195.0 / 3.95).abs() < 1e-9, "{rate}");
        assert!((smoothed.seconds_left(0.2).unwrap() - 24.0).abs() < 1e-9);
        // A step that was passed over has no loss.
        smoothed.add(0.3, &record(3, f64::NAN, 100, 1.0));
        assert!((smoothed.losses / smoothed.loss_weight - 5.9 / 1.95).abs() < 1e-12);
    }

    #[test]
    fn times_are_read_at_a_glance() {
        assert_eq!(time(7.4), "0:07");
        assert_eq!(time(750.0), "12:30");
        assert_eq!(time(11_100.0), "3:05:00");
    }
}
