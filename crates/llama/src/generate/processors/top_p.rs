//! The most probable tokens, by their joint probability.

use std::num::NonZeroUsize;

use super::{checked, largest, share};
use crate::{LlamaError, LogitsProcessor, RowContext};

/// Keeps the smallest set of most probable tokens whose probabilities sum to
/// `p` or more (nucleus sampling), and forbids the others.
///
/// As transformers' `TopPLogitsWarper`: in ascending order of probability,
/// tokens fall as long as the sum up to and with them is at most `1 − p`; of
/// equal ones the smaller id falls first. Holtzman et al., 2019, "The Curious
/// Case of Neural Text Degeneration".
#[derive(Debug, Clone)]
pub struct TopP {
    p: f64,
    min_tokens_to_keep: usize,
    // Kept from call to call.
    order: Vec<(f64, usize)>,
}

impl TopP {
    /// Keeps a probability of `p`.
    ///
    /// # Errors
    /// [`LlamaError::GenerateOption`] if it is not above 0 and at most 1.
    pub fn new(p: f64) -> Result<Self, LlamaError> {
        let expected = "a number above 0 and at most 1 (1 is off)";
        Ok(Self {
            p: checked("top_p", p, p > 0.0 && p <= 1.0, expected)?,
            min_tokens_to_keep: 1,
            order: Vec::new(),
        })
    }

    /// Keeps at least the `count` most probable tokens.
    pub fn with_min_tokens_to_keep(mut self, count: NonZeroUsize) -> Self {
        self.min_tokens_to_keep = count.get();
        self
    }
}

impl LogitsProcessor for TopP {
    fn process(&mut self, _context: RowContext<'_>, logits: &mut [f32]) {
        let largest = largest(logits);
        if largest == f32::NEG_INFINITY {
            return;
        }
        self.order.clear();
        let shares = logits.iter().map(|&logit| share(logit, largest));
        self.order.extend(shares.enumerate().map(|(id, s)| (s, id)));
        let total: f64 = self.order.iter().map(|(share, _)| share).sum();
        let limit = (1.0 - self.p) * total;
        // Tokens below the mean of what may fall sum to less than it, so they
        // fall in any order: only the others, mostly few, need sorting.
        let (count, few) = (self.order.len(), limit / self.order.len() as f64);
        let mut sum = 0.0;
        if self.min_tokens_to_keep == 1 {
            self.order.retain(|&(share, id)| {
                let falls = share < few;
                if falls {
                    sum += share;
                    logits[id] = f32::NEG_INFINITY;
                }
                !falls
            });
        }
        let kept = self.min_tokens_to_keep.min(count);
        self.order
            .sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for &(share, id) in &self.order[..self.order.len() - kept] {
            sum += share;
            if sum > limit {
                break;
            }
            logits[id] = f32::NEG_INFINITY;
        }
    }
}
