//! The settings of batching, and what each trades for what.

use serde::{Deserialize, Serialize};

use crate::DataError;

/// How examples become optimizer steps and micro-batches.
///
/// Measured on Spider's 5,931 training rows of at most 384 SmolLM2 tokens (mean 106, 14 databases held
/// out), `batch_size` 16, `micro_tokens` 2048, epoch 0 of seed 0; efficiency is tokens over padded tokens:
///
/// | `group_rows` | `window_steps` | `micro_cost` | `width_step` | efficiency | micro-batches a step |
/// |---|---|---|---|---|---|
/// | 1 | any | 32 | 8 | 0.925 | 4.96 |
/// | 1 | any | 32 | 32 | 0.863 | 4.42 |
/// | 1 | any | 128 | 8 | 0.860 | 3.01 |
/// | 4 | 8 | 32 | 8 | 0.949 | 3.47 |
/// | 16 | 8 | 32 | 8 | 0.958 | 2.41 |
///
/// One rectangle a step (`micro_tokens` 8192 and a `micro_cost` that forbids cutting) is 0.534. Sorting
/// within a random step thus gives most of what there is to win, so steps are plain random samples by
/// default; groups win a little more and fewer, larger micro-batches, and make a step's examples alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchConfig {
    /// Examples per optimizer step. Default 16.
    pub batch_size: usize,
    /// The most tokens of a micro-batch, padding included (`rows · width`): this bounds the memory of a
    /// forward and backward pass. Default 4096.
    pub micro_tokens: usize,
    /// What a micro-batch costs besides its tokens, in tokens: launching its kernels and reading the
    /// weights once more. Higher means fewer, wider micro-batches with more padding. Default 32.
    pub micro_cost: usize,
    /// Widths are rounded up to a multiple of this, so that kernels see few shapes. Default 8.
    pub width_step: usize,
    /// Steps whose examples are drawn together and sorted by length before they are dealt out in groups.
    /// Default 8; 1 sorts within single steps only.
    pub window_steps: usize,
    /// Examples of like length that are dealt to a step together. 1 makes every step a plain random
    /// sample, whatever the window; `batch_size` makes its examples all alike in length (least padding,
    /// and gradients that depend on length). Default 1.
    pub group_rows: usize,
    /// The id that fills rows up on the right. It is never a target and may equal an end token's.
    pub pad_id: u32,
    /// The seed of the order.
    pub seed: u64,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            batch_size: 16,
            micro_tokens: 4096,
            micro_cost: 32,
            width_step: 8,
            window_steps: 8,
            group_rows: 1,
            pad_id: 0,
            seed: 0,
        }
    }
}

impl BatchConfig {
    /// The width of a micro-batch whose longest example has `tokens` tokens.
    pub fn width_of(&self, tokens: usize) -> usize {
        tokens.next_multiple_of(self.width_step)
    }

    /// Refuses a setting of 0 where at least 1 is needed.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let settings = [
            ("batch_size", self.batch_size),
            ("micro_tokens", self.micro_tokens),
            ("width_step", self.width_step),
            ("window_steps", self.window_steps),
            ("group_rows", self.group_rows),
        ];
        match settings.into_iter().find(|&(_, value)| value == 0) {
            Some((setting, _)) => Err(DataError::BatchSetting { setting }),
            None => Ok(()),
        }
    }
}
