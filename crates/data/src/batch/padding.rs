//! How much of the work is padding.

use std::collections::BTreeMap;

use serde::Serialize;

/// The account of an epoch's padding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Padding {
    /// Optimizer steps.
    pub steps: usize,
    /// Micro-batches.
    pub micro_batches: usize,
    /// Rows of the micro-batches.
    pub rows: usize,
    /// Tokens of the examples.
    pub tokens: usize,
    /// Tokens with padding: the sum of `rows · width`.
    pub padded_tokens: usize,
    /// Micro-batches of each width.
    pub widths: BTreeMap<usize, usize>,
    /// Rows of each number of segments; without packing every row is one segment.
    pub segments: BTreeMap<usize, usize>,
}

impl Padding {
    /// The part of the padded tokens that are tokens, from 0 to 1.
    pub fn efficiency(&self) -> f64 {
        self.tokens as f64 / self.padded_tokens as f64
    }

    /// Examples.
    pub fn examples(&self) -> usize {
        self.segments
            .iter()
            .map(|(segments, rows)| segments * rows)
            .sum()
    }

    /// Examples of a row, on average.
    pub fn segments_per_row(&self) -> f64 {
        self.examples() as f64 / self.rows as f64
    }

    /// Counts a micro-batch, given as the lengths of each row's segments.
    pub(super) fn add<'a>(&mut self, rows: impl Iterator<Item = &'a [usize]>, width: usize) {
        self.micro_batches += 1;
        *self.widths.entry(width).or_default() += 1;
        for segments in rows {
            self.rows += 1;
            self.tokens += segments.iter().sum::<usize>();
            self.padded_tokens += width;
            *self.segments.entry(segments.len()).or_default() += 1;
        }
    }
}
