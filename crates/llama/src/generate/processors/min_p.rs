//! Tokens that are not too improbable beside the best.

use std::num::NonZeroUsize;

use super::{checked, largest, share};
use crate::{LlamaError, LogitsProcessor, RowContext};

/// Forbids every token whose probability is below `p` times the largest.
///
/// As transformers' `MinPLogitsWarper`. Nguyen et al., 2024, "Turning Up the
/// Heat: Min-p Sampling for Creative and Coherent LLM Outputs".
#[derive(Debug, Clone)]
pub struct MinP {
    p: f64,
    min_tokens_to_keep: usize,
}

impl MinP {
    /// Keeps what has `p` times the largest probability, or more.
    ///
    /// # Errors
    /// [`LlamaError::GenerateOption`] if it is not between 0 and 1.
    pub fn new(p: f64) -> Result<Self, LlamaError> {
        let expected = "a number from 0 (off) to 1";
        Ok(Self {
            p: checked("min_p", p, (0.0..=1.0).contains(&p), expected)?,
            min_tokens_to_keep: 1,
        })
    }

    /// Keeps at least the `count` most probable tokens; of equal ones at the
    /// border those of smaller id.
    pub fn with_min_tokens_to_keep(mut self, count: NonZeroUsize) -> Self {
        self.min_tokens_to_keep = count.get();
        self
    }

    /// The ids that stay whatever their probability.
    fn best(&self, logits: &[f32]) -> Vec<usize> {
        // The largest is never below `p` times itself.
        if self.min_tokens_to_keep == 1 {
            return Vec::new();
        }
        let mut ids: Vec<usize> = (0..logits.len()).collect();
        ids.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        ids.truncate(self.min_tokens_to_keep);
        ids
    }
}

impl LogitsProcessor for MinP {
    fn process(&mut self, _context: RowContext<'_>, logits: &mut [f32]) {
        let largest = largest(logits);
        let best: Vec<(usize, f32)> = self
            .best(logits)
            .into_iter()
            .map(|id| (id, logits[id]))
            .collect();
        for logit in logits.iter_mut() {
            if share(*logit, largest) < self.p {
                *logit = f32::NEG_INFINITY;
            }
        }
        for (id, logit) in best {
            logits[id] = logit;
        }
    }
}
