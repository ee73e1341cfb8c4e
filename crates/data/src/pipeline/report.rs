//! What became of the rows of a run.

use super::prepare::{Outcome, Prepared, PreparedRow};
use crate::{LengthReport, SetApart};

/// The account of a [`Preparer`](super::Preparer): `rows = lengths.kept + lengths.dropped + set_apart.len()`,
/// where a preference counts as one row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PrepareReport {
    /// Rows that came.
    pub rows: usize,
    /// Rows that were set apart, and why.
    pub set_apart: Vec<SetApart>,
    /// What became of rows because of their length.
    pub lengths: LengthReport,
    /// Preferences among the rows that were kept.
    pub pairs: usize,
    /// Tokens of the rows that were kept; of both answers of a preference.
    pub tokens: usize,
    /// Those of them that are trained.
    pub trained_tokens: usize,
}

impl PrepareReport {
    /// Counts a row, and gives it back if it was kept.
    pub(super) fn add(&mut self, outcome: Outcome) -> Option<PreparedRow> {
        self.rows += 1;
        let lengths = &mut self.lengths;
        match outcome {
            Outcome::SetApart(row) => {
                self.set_apart.push(row);
                None
            }
            Outcome::TooLong(tokens) => {
                lengths.longest = lengths.longest.max(tokens);
                lengths.dropped += 1;
                None
            }
            Outcome::Kept(row, tokens) => {
                lengths.longest = lengths.longest.max(tokens);
                lengths.kept += 1;
                lengths.shortened += usize::from(row.tables_dropped > 0);
                lengths.tables_dropped += row.tables_dropped;
                self.pairs += usize::from(matches!(row.prepared, Prepared::Pair(_)));
                for example in row.prepared.examples() {
                    self.tokens += example.len();
                    self.trained_tokens += example.target_count();
                }
                Some(row)
            }
        }
    }
}
