//! The most probable tokens, by number.

use std::num::NonZeroUsize;

use crate::{LogitsProcessor, RowContext};

/// Forbids all but the `k` largest logits; those equal to the last of them stay
/// too. A `k` beyond the vocabulary forbids nothing. As transformers'
/// `TopKLogitsWarper`.
#[derive(Debug, Clone)]
pub struct TopK {
    k: usize,
    // Kept from call to call: a vocabulary is large.
    order: Vec<f32>,
}

impl TopK {
    /// Keeps the `k` most probable tokens.
    pub fn new(k: NonZeroUsize) -> Self {
        Self {
            k: k.get(),
            order: Vec::new(),
        }
    }

    /// Keeps at least `count` tokens (transformers' `min_tokens_to_keep`).
    pub fn with_min_tokens_to_keep(mut self, count: NonZeroUsize) -> Self {
        self.k = self.k.max(count.get());
        self
    }
}

impl LogitsProcessor for TopK {
    fn process(&mut self, _context: RowContext<'_>, logits: &mut [f32]) {
        if self.k >= logits.len() {
            return;
        }
        self.order.clear();
        self.order.extend_from_slice(logits);
        let descending = |a: &f32, b: &f32| b.total_cmp(a);
        let (_, &mut last, _) = self.order.select_nth_unstable_by(self.k - 1, descending);
        for logit in logits {
            if *logit < last {
                *logit = f32::NEG_INFINITY;
            }
        }
    }
}
