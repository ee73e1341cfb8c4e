//! A report as text for a terminal.

use std::fmt::{self, Write};

use super::{Mean, Origin, Rate, Report, Scores};

/// Classes of failures and databases that the text names at most; the rest is summed up.
const CLASSES: usize = 6;
const DATABASES: usize = 3;

impl Report {
    /// A table of at most 29 lines: what was judged, every metric with its interval, the execution accuracy by
    /// hardness, the commonest classes of failures, and the weakest databases (those whose interval ends
    /// lowest, so that a database with one question does not come first).
    ///
    /// Names from outside are escaped, so that nothing in them reaches the terminal as a command.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_text(&mut text);
        text
    }

    fn write_text(&self, to: &mut String) -> fmt::Result {
        writeln!(to, "{}", self.describe())?;
        let totals = &self.totals;
        write!(
            to,
            "{} questions, {} judged",
            totals.examples, totals.judged
        )?;
        if totals.gold_failed > 0 {
            write!(
                to,
                ", {} left out: their gold does not run",
                totals.gold_failed
            )?;
        }
        writeln!(
            to,
            "\n{:<26}{:>7} {:>7} {:>8}   95 % interval",
            "", "count", "of", "rate"
        )?;
        for (name, rate) in rates(totals) {
            if rate.of > 0 || name == "execution" {
                write_rate(to, name, rate)?;
            }
        }
        for (name, mean) in [
            ("soft F1 (BIRD)", &totals.soft_f1),
            ("R-VES (BIRD)", &totals.r_ves),
        ] {
            if mean.of > 0 {
                write_mean(to, name, mean)?;
            }
        }
        if !self.by_hardness.is_empty() {
            writeln!(to, "execution by hardness")?;
        }
        for (hardness, scores) in &self.by_hardness {
            write_rate(to, &format!("  {}", hardness.words()), &scores.matches)?;
        }
        self.write_failures(to)?;
        self.write_databases(to)
    }

    /// One line: the name, the databases, the switches, the versions.
    pub(super) fn describe(&self) -> String {
        let meta = &self.meta;
        let databases = match &meta.databases {
            Origin::Folder { path } => format!("databases in {}", clean(path, 60)),
            Origin::Generated { each, seed } => {
                format!("{each} generated databases each, seed {seed}")
            }
        };
        let distinct = if meta.ignore_distinct {
            "ignored"
        } else {
            "kept"
        };
        format!(
            "{}: {databases}, DISTINCT {distinct}, anneal-sql {}, SQLite {}",
            clean(&meta.name, 60),
            clean(&meta.anneal_sql, 20),
            clean(&meta.sqlite, 20)
        )
    }

    fn write_failures(&self, to: &mut String) -> fmt::Result {
        let mut failures: Vec<_> = self.failures.iter().collect();
        failures.sort_by_key(|(_, rate)| std::cmp::Reverse(rate.count));
        if !failures.is_empty() {
            writeln!(to, "failures by class")?;
        }
        for (failure, rate) in failures.iter().take(CLASSES) {
            write_rate(to, &format!("  {}", failure.words()), rate)?;
        }
        let rest: usize = failures
            .iter()
            .skip(CLASSES)
            .map(|(_, rate)| rate.count)
            .sum();
        if rest > 0 {
            let name = format!("  {} other classes", failures.len() - CLASSES);
            write_rate(to, &name, &Rate::new(rest, self.totals.judged))?;
        }
        Ok(())
    }

    fn write_databases(&self, to: &mut String) -> fmt::Result {
        let mut databases: Vec<(&String, &Rate, f64)> = self
            .by_database
            .iter()
            .filter_map(|(name, scores)| Some((name, &scores.matches, scores.matches.interval?[1])))
            .collect();
        if databases.len() < 2 {
            return Ok(());
        }
        databases.sort_by(|a, b| a.2.total_cmp(&b.2));
        writeln!(to, "weakest of {} databases", databases.len())?;
        for (name, rate, _) in databases.iter().take(DATABASES) {
            write_rate(to, &format!("  {}", clean(name, 22)), rate)?;
        }
        Ok(())
    }
}

/// The rates of a report with their names.
pub(super) fn rates(scores: &Scores) -> [(&'static str, &Rate); 7] {
    [
        ("execution", &scores.matches),
        ("exact text", &scores.exact),
        ("normalised text", &scores.normalised),
        ("components (Spider)", &scores.components),
        ("execution (BIRD)", &scores.bird),
        ("column subset (sql-eval)", &scores.subset),
        ("runs", &scores.runs),
    ]
}

fn write_rate(to: &mut String, name: &str, rate: &Rate) -> fmt::Result {
    write!(to, "{name:<26}{:>7} {:>7} ", rate.count, rate.of)?;
    match (rate.rate, rate.interval) {
        (Some(share), Some([low, high])) => writeln!(
            to,
            "{:>6.1} %   {:>4.1} to {:.1} %",
            100.0 * share,
            100.0 * low,
            100.0 * high
        ),
        _ => writeln!(to, "{:>8}", "-"),
    }
}

fn write_mean(to: &mut String, name: &str, mean: &Mean) -> fmt::Result {
    let (Some(value), Some([low, high])) = (mean.mean, mean.interval) else {
        return Ok(());
    };
    writeln!(
        to,
        "{name:<26}{:>7} {:>7} {:>8.3}   {low:.3} to {high:.3}",
        "mean", mean.of, value
    )
}

/// Text from outside for one line of a terminal: control and invisible characters escaped, at most `most`
/// characters.
pub(super) fn clean(text: &str, most: usize) -> String {
    let mut out = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == most {
            out.push('…');
            break;
        }
        match character {
            '"' | '\'' | '\\' => out.push(character),
            _ => out.extend(character.escape_debug()),
        }
    }
    out
}
