//! The plan as people read it.

use std::fmt;

use super::Plan;
pub(super) use crate::run_report::numbers::bytes;
use crate::run_report::numbers::{figure, whole};

impl fmt::Display for Plan {
    /// A few lines, the warnings last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: usize| whole(count as u64);
        let share = 100.0 * self.trained_parameters as f64 / self.all_parameters.max(1) as f64;
        writeln!(
            f,
            "{} of {} parameters are trained ({} %), in {} tensors",
            count(self.trained_parameters),
            count(self.all_parameters),
            figure(share),
            count(self.trained_tensors)
        )?;
        let end = match (self.steps, self.max_minutes) {
            (Some(steps), None) => format!("{} steps", whole(steps)),
            (Some(steps), Some(minutes)) => format!(
                "at most {} steps, and {} minutes",
                whole(steps),
                figure(minutes)
            ),
            (None, Some(minutes)) => format!(
                "{} minutes; how many steps they are depends on the machine",
                figure(minutes)
            ),
            (None, None) => "no end".to_owned(),
        };
        writeln!(
            f,
            "{end}; {} steps are a pass over the data",
            whole(self.steps_per_epoch)
        )?;
        writeln!(
            f,
            "a step has {:.1} examples and {:.0} tokens, {:.1} % of them trained; {:.1} % of the padded tokens are tokens",
            self.examples_per_step,
            self.tokens_per_step,
            100.0 * self.trained_share,
            100.0 * self.efficiency
        )?;
        write!(f, "expected peak memory {}", bytes(self.memory.peak_bytes))?;
        if let Some(available) = self.memory.available_bytes {
            write!(f, " of {}", bytes(available))?;
        }
        for (at, part) in self.memory.parts.iter().enumerate() {
            write!(
                f,
                "{}{} {}",
                if at == 0 { ": " } else { ", " },
                part.name,
                bytes(part.bytes)
            )?;
        }
        write!(f, "\n{}", self.gradient_checkpointing.text())?;
        write!(
            f,
            "\na checkpoint takes {}, all of them up to {}",
            bytes(self.disk.checkpoint_bytes),
            bytes(self.disk.needed_bytes)
        )?;
        if let Some(free) = self.disk.free_bytes {
            write!(f, " of {} free", bytes(free))?;
        }
        for warning in self.warnings() {
            write!(f, "\nwarning: {warning}")?;
        }
        Ok(())
    }
}
