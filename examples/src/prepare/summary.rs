//! What became of the rows, in a few lines.

use std::fmt::Write as _;
use std::time::Duration;

use super::number::{counted, number, percent};

/// The account of a run; what was not asked for is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Where the rows came from, in words: "2 files, read as spider".
    pub source: String,
    /// Rows that were read.
    pub read: usize,
    /// Rows that were kept.
    pub kept: usize,
    /// Rows that were left out, each kind with its count, the commonest first.
    pub left_out: Vec<(String, usize)>,
    /// Rows over the maximum length that lost tables until they fitted.
    pub shortened: usize,
    /// Examples that the kept rows became: a preference is two.
    pub examples: usize,
    /// Tokens of the examples.
    pub tokens: usize,
    /// Those of them that are trained.
    pub trained: usize,
    /// Tokens of the middle example and of the longest.
    pub lengths: Option<(usize, usize)>,
    /// What packing made.
    pub packed: Option<Packed>,
    /// How long it took.
    pub elapsed: Duration,
}

/// What packing made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packed {
    /// Packed rows.
    pub rows: usize,
    /// Places for tokens in all of them, padding included.
    pub places: usize,
    /// Tokens of a row at most.
    pub capacity: usize,
}

impl Summary {
    /// The lines, the last with its end.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, what: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<12}{what}");
        };
        line(
            "rows",
            format!("{} from {}", number(self.read), self.source),
        );
        line("  kept", number(self.kept));
        for (why, count) in &self.left_out {
            line("  left out", format!("{}: {why}", number(*count)));
        }
        if self.shortened > 0 {
            line(
                "  shortened",
                format!("{}, by tables of the context", number(self.shortened)),
            );
        }
        let share = percent(self.trained, self.tokens);
        let trained = format!(
            "{}, of which {} are trained ({share})",
            number(self.tokens),
            number(self.trained)
        );
        line("tokens", trained);
        if let Some((middle, longest)) = self.lengths {
            line(
                "per example",
                format!(
                    "{} in the middle, {} at most",
                    number(middle),
                    number(longest)
                ),
            );
        }
        if let Some(packed) = self.packed {
            let each = self.examples as f64 / packed.rows.max(1) as f64;
            let full = percent(self.tokens, packed.places);
            let rows = counted(packed.rows, "row");
            line(
                "packed",
                format!(
                    "{rows} of at most {} tokens, {each:.1} examples each; {full} of the places hold a token",
                    number(packed.capacity)
                ),
            );
        }
        let seconds = self.elapsed.as_secs_f64().max(1e-3);
        let rate = |count: usize| number((count as f64 / seconds).round() as usize);
        line(
            "took",
            format!(
                "{seconds:.1} s: {} rows/s, {} tokens/s",
                rate(self.read),
                rate(self.tokens)
            ),
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_has_its_line() {
        let summary = Summary {
            source: "1 file, read as spider".into(),
            read: 1_200,
            kept: 1_190,
            left_out: vec![("over 64 tokens".into(), 8), ("duplicates".into(), 2)],
            shortened: 3,
            examples: 1_190,
            tokens: 50_000,
            trained: 12_500,
            lengths: Some((41, 64)),
            packed: Some(Packed {
                rows: 800,
                places: 51_200,
                capacity: 64,
            }),
            elapsed: Duration::from_millis(2_500),
        };
        assert_eq!(
            summary.text(),
            "rows        1,200 from 1 file, read as spider
  kept      1,190
  left out  8: over 64 tokens
  left out  2: duplicates
  shortened 3, by tables of the context
tokens      50,000, of which 12,500 are trained (25.0 %)
per example 41 in the middle, 64 at most
packed      800 rows of at most 64 tokens, 1.5 examples each; 97.7 % of the places hold a token
took        2.5 s: 480 rows/s, 20,000 tokens/s
"
        );
    }
}
