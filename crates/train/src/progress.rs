//! What a person sees while a run goes on, always on standard error.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::trainer::StepReport;

/// Whether progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProgressReport {
    /// A bar where standard error is a terminal, else a line every few seconds.
    Auto,
    /// Nothing: a library prints only when told to.
    #[default]
    Hidden,
}

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// The bar counts thousandths of the budget, since a run may be limited by time.
const BAR_LENGTH: u64 = 1000;

/// Shows how far a run is.
///
/// # Example
/// ```
/// use anneal_train::{Progress, ProgressReport};
///
/// let mut progress = Progress::new(ProgressReport::Hidden);
/// progress.update(0.5, "half way");
/// progress.finish("done");
/// ```
#[derive(Debug)]
pub struct Progress {
    display: Display,
}

#[derive(Debug)]
enum Display {
    Hidden,
    Bar(ProgressBar),
    Lines(Lines),
}

impl Progress {
    /// Chooses the display; nothing is shown yet.
    pub fn new(report: ProgressReport) -> Self {
        Self::with_template(report, "{bar:30} {percent:>3}% {elapsed} +{eta} {msg}")
    }

    /// A display whose messages say themselves how much time is left.
    pub(crate) fn without_time_left(report: ProgressReport) -> Self {
        Self::with_template(report, "{bar:30} {percent:>3}% {elapsed} {wide_msg}")
    }

    fn with_template(report: ProgressReport, template: &str) -> Self {
        let display = match report {
            ProgressReport::Hidden => Display::Hidden,
            ProgressReport::Auto if std::io::stderr().is_terminal() => Display::Bar(bar(template)),
            ProgressReport::Auto => Display::Lines(Lines::default()),
        };
        Self { display }
    }

    pub(crate) fn is_hidden(&self) -> bool {
        matches!(self.display, Display::Hidden)
    }

    /// Shows the used part of the budget, in `0..=1`, and a message.
    pub fn update(&mut self, part: f64, message: &str) {
        match &mut self.display {
            Display::Hidden => {}
            Display::Bar(bar) => {
                bar.set_position((part * BAR_LENGTH as f64) as u64);
                bar.set_message(message.to_owned());
            }
            Display::Lines(lines) => {
                if let Some(line) = lines.update(Instant::now(), part, message) {
                    print(&line);
                }
            }
        }
    }

    /// [`update`](Self::update) with a step's numbers and the tokens that it processed.
    pub fn step(&mut self, part: f64, report: &StepReport, tokens: u64) {
        if !self.is_hidden() {
            self.update(part, &describe(report, tokens));
        }
    }

    /// Shows a last message and ends the display.
    pub fn finish(self, message: &str) {
        match self.display {
            Display::Hidden => {}
            Display::Bar(bar) => bar.finish_with_message(message.to_owned()),
            Display::Lines(_) => print(message),
        }
    }
}

fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(BAR_LENGTH), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        // The templates are constants; indicatif's own style serves as well.
        Err(_) => bar,
    }
}

/// One line of a step's numbers.
fn describe(report: &StepReport, tokens: u64) -> String {
    let mut text = format!(
        "step {} loss {:.4} grad norm {:.3} lr {:.2e}",
        report.step, report.loss, report.grad_norm, report.learning_rate
    );
    if report.seconds > 0.0 {
        // Writing to a string cannot fail.
        let _ = write!(text, " {:.0} tokens/s", tokens as f64 / report.seconds);
    }
    text
}

/// Standard error may be closed; progress is then lost and the run goes on.
fn print(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Lines at intervals: the first at once, the last when the budget is used up.
#[derive(Debug, Default)]
struct Lines {
    last: Option<Instant>,
}

impl Lines {
    fn update(&mut self, now: Instant, part: f64, message: &str) -> Option<String> {
        let due = match self.last {
            None => true,
            Some(last) => part >= 1.0 || now.saturating_duration_since(last) >= LINE_EVERY,
        };
        due.then(|| {
            self.last = Some(now);
            format!("{:3.0}% {message}", 100.0 * part)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_at_intervals_and_at_the_end() {
        let start = Instant::now();
        let mut lines = Lines::default();
        let mut at = |ms: u64, part: f64| {
            let now = start + Duration::from_millis(ms);
            lines.update(now, part, "x")
        };
        assert_eq!(at(0, 0.0).as_deref(), Some("  0% x"));
        assert_eq!(at(4999, 0.1), None);
        assert_eq!(at(5000, 0.125).as_deref(), Some(" 12% x"));
        assert_eq!(at(9999, 0.2), None);
        assert_eq!(at(10000, 1.0).as_deref(), Some("100% x"));
    }

    #[test]
    fn a_step_is_described_in_one_line() {
        let report = StepReport {
            step: 12,
            loss: 1.25,
            trained_tokens: 30,
            grad_norm: 0.5,
            learning_rate: 2e-4,
            seconds: 0.25,
        };
        assert_eq!(
            describe(&report, 100),
            "step 12 loss 1.2500 grad norm 0.500 lr 2.00e-4 400 tokens/s"
        );
    }
}
