//! How much of the work is padding.

use std::collections::BTreeMap;

/// The account of an epoch's padding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Padding {
    /// Optimizer steps.
    pub steps: usize,
    /// Micro-batches.
    pub micro_batches: usize,
    /// Tokens of the examples.
    pub tokens: usize,
    /// Tokens with padding: the sum of `rows · width`.
    pub padded_tokens: usize,
    /// Micro-batches of each width.
    pub widths: BTreeMap<usize, usize>,
}

impl Padding {
    /// The part of the padded tokens that are tokens, from 0 to 1.
    pub fn efficiency(&self) -> f64 {
        self.tokens as f64 / self.padded_tokens as f64
    }

    /// Counts a micro-batch.
    pub(super) fn add(&mut self, tokens: usize, rows: usize, width: usize) {
        self.micro_batches += 1;
        self.tokens += tokens;
        self.padded_tokens += rows * width;
        *self.widths.entry(width).or_default() += 1;
    }
}
