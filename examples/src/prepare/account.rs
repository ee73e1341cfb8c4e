//! Counts of a run, as it goes on.

use std::collections::BTreeMap;
use std::time::Instant;

use anneal_data::{ExamplesDigest, PrepareReport, PreparedRow, count_reasons};

use super::number::number;
use super::{Packed, Summary};

/// What has come out so far.
#[derive(Debug)]
pub(super) struct Account {
    started: Instant,
    rows: usize,
    tokens: usize,
    /// Examples by their tokens.
    lengths: BTreeMap<usize, usize>,
    digest: ExamplesDigest,
}

impl Account {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            rows: 0,
            tokens: 0,
            lengths: BTreeMap::new(),
            digest: ExamplesDigest::default(),
        }
    }

    pub(super) fn keep(&mut self, row: &PreparedRow) {
        self.rows += 1;
        for example in row.prepared.examples() {
            self.tokens += example.len();
            *self.lengths.entry(example.len()).or_default() += 1;
            self.digest.add(example);
        }
    }

    /// The name of all examples in their order, down to the bit.
    pub(super) fn digest(&self) -> String {
        self.digest.clone().finish()
    }

    pub(super) fn examples(&self) -> usize {
        self.lengths.values().sum()
    }

    /// The numbers that a progress bar shows.
    pub(super) fn pace(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64().max(1e-3);
        let rate = |count: usize| number((count as f64 / seconds) as usize);
        format!(
            "{} rows, {} rows/s, {} tokens/s",
            number(self.rows),
            rate(self.rows),
            rate(self.tokens)
        )
    }

    pub(super) fn summary(
        &self,
        source: String,
        report: &PrepareReport,
        max_length: Option<usize>,
        packed: Option<Packed>,
    ) -> Summary {
        let reasons = count_reasons(&report.set_apart).into_iter();
        let mut left_out: Vec<(String, usize)> = reasons
            .map(|((step, reason), count)| (format!("{reason} ({step})"), count))
            .collect();
        if let Some(most) = max_length.filter(|_| report.lengths.dropped > 0) {
            let longest = number(report.lengths.longest);
            let why = format!("over {} tokens, the longest {longest}", number(most));
            left_out.push((why, report.lengths.dropped));
        }
        left_out.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Summary {
            source,
            read: report.rows,
            kept: report.lengths.kept,
            left_out,
            shortened: report.lengths.shortened,
            examples: self.examples(),
            tokens: report.tokens,
            trained: report.trained_tokens,
            lengths: self.lengths(),
            packed,
            elapsed: self.started.elapsed(),
        }
    }

    /// The tokens of the middle example and of the longest.
    fn lengths(&self) -> Option<(usize, usize)> {
        let (&longest, _) = self.lengths.last_key_value()?;
        let half = self.examples().div_ceil(2);
        let mut seen = 0;
        let middle = self.lengths.iter().find(|(_, count)| {
            seen += **count;
            seen >= half
        });
        Some((*middle?.0, longest))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use anneal_data::{At, Example, Place, Prepared};

    use super::*;

    #[test]
    fn the_middle_is_the_lower_median() {
        let mut account = Account::new();
        for tokens in [3, 9, 5, 4] {
            let example = Example::new(vec![1; tokens], vec![true; tokens]).unwrap();
            account.keep(&PreparedRow {
                place: Place {
                    file: Path::new("rows.jsonl").into(),
                    at: At::Line(1),
                },
                prepared: Prepared::Example(example),
                tables_dropped: 0,
            });
        }
        assert_eq!((account.lengths(), account.examples()), (Some((4, 9)), 4));
        assert_eq!(Account::new().lengths(), None);
    }
}
