//! A comparison as text for a terminal.

use std::fmt::{self, Write};

use super::table::clean;
use super::{Comparison, Paired};

/// Changed questions that the text names at most.
const CHANGES: usize = 8;

impl Comparison {
    /// A table of at most 20 lines: the four counts, the difference with its interval and McNemar's test, the
    /// same by hardness, and the first questions that changed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let _ = self.write_text(&mut text);
        text
    }

    fn write_text(&self, to: &mut String) -> fmt::Result {
        writeln!(
            to,
            "first:  {}\nsecond: {}",
            clean(&self.first, 80),
            clean(&self.second, 80)
        )?;
        let all = &self.all;
        write!(to, "{} questions", all.pairs())?;
        if self.left_out > 0 {
            write!(to, ", {} left out: their gold does not run", self.left_out)?;
        }
        writeln!(
            to,
            "\nboth right {}, only the first {}, only the second {}, neither {}",
            all.both, all.only_first, all.only_second, all.neither
        )?;
        writeln!(
            to,
            "{:<14}{:>9} {:>9} {:>11}   {:<20} {:>9} {:>9}",
            "", "first", "second", "difference", "95 % interval", "McNemar p", "mid-p"
        )?;
        write_paired(to, "all", all)?;
        for (hardness, paired) in &self.by_hardness {
            write_paired(to, &format!("  {}", hardness.words()), paired)?;
        }
        for change in self.changed.iter().take(CHANGES) {
            let sign = if change.second.is_match { '+' } else { '-' };
            writeln!(
                to,
                "{sign} #{} {}: {}",
                change.index,
                clean(&change.db_id, 22),
                clean(&change.question, 70)
            )?;
        }
        if self.changed.len() > CHANGES {
            writeln!(
                to,
                "  and {} more that changed",
                self.changed.len() - CHANGES
            )?;
        }
        Ok(())
    }
}

fn write_paired(to: &mut String, name: &str, paired: &Paired) -> fmt::Result {
    let percent =
        |rate: Option<f64>| rate.map_or("-".into(), |rate| format!("{:.1} %", 100.0 * rate));
    let difference = paired
        .difference
        .map_or("-".into(), |d| format!("{:+.1}", 100.0 * d));
    let interval = paired.interval.map_or(String::new(), |[low, high]| {
        format!("{:+.1} to {:+.1}", 100.0 * low, 100.0 * high)
    });
    writeln!(
        to,
        "{name:<14}{:>9} {:>9} {difference:>11}   {interval:<20} {:>9} {:>9}",
        percent(paired.first.rate),
        percent(paired.second.rate),
        p_value(paired.p_exact),
        p_value(paired.p_mid)
    )
}

/// Two digits, as much as a p-value says.
fn p_value(p: f64) -> String {
    if p >= 0.001 {
        format!("{p:.3}")
    } else {
        format!("{p:.1e}")
    }
}
