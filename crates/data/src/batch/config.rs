//! The settings of batching, and what each trades for what.

use serde::{Deserialize, Serialize};

use crate::{DataError, PackError};

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
    /// The widths that rows may have, ascending: a row is padded to the first that holds it. In place of
    /// `width_step`, for kernels that are compiled or tuned for each shape. Default empty: multiples of
    /// `width_step`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<usize>,
    /// Packs the examples of each step into rows of at most so many tokens. A step holds the examples
    /// that it holds unpacked, so that packing changes its cost and not its gradient. Default none: one
    /// example a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<usize>,
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
            buckets: Vec::new(),
            capacity: None,
            window_steps: 8,
            group_rows: 1,
            pad_id: 0,
            seed: 0,
        }
    }
}

impl BatchConfig {
    /// The width of a micro-batch whose longest row has `tokens` tokens: the first bucket that holds it,
    /// or without buckets the next multiple of `width_step`. No bucket holds more tokens than the last
    /// is wide; for those the answer is `tokens`, and [`Batches`](super::Batches) refuses them.
    /// A multiple past `usize::MAX` is `usize::MAX`, and a `width_step` of 0 counts as 1.
    pub fn width_of(&self, tokens: usize) -> usize {
        if self.buckets.is_empty() {
            let multiple = tokens.checked_next_multiple_of(self.width_step.max(1));
            return multiple.unwrap_or(usize::MAX);
        }
        let holds = self.buckets.iter().find(|&&width| width >= tokens);
        holds.copied().unwrap_or(tokens)
    }

    /// The widest row that a micro-batch may hold: the most that `capacity` can be. None if even the
    /// narrowest width is over `micro_tokens`.
    ///
    /// ```
    /// use anneal_data::BatchConfig;
    ///
    /// let config = BatchConfig { micro_tokens: 1000, width_step: 32, ..BatchConfig::default() };
    /// assert_eq!(config.widest_row(), Some(992));
    /// let config = BatchConfig { buckets: vec![256, 512, 1024], ..config };
    /// assert_eq!(config.widest_row(), Some(512));
    /// ```
    pub fn widest_row(&self) -> Option<usize> {
        if self.buckets.is_empty() {
            let steps = self.micro_tokens.checked_div(self.width_step)?;
            return Some(steps * self.width_step).filter(|&width| width > 0);
        }
        let fits = |width: &&usize| **width <= self.micro_tokens;
        self.buckets.iter().rfind(fits).copied()
    }

    /// Refuses settings that are out of range or do not go together.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let settings = [
            ("batch_size", self.batch_size),
            ("micro_tokens", self.micro_tokens),
            ("width_step", self.width_step),
            ("capacity", self.capacity.unwrap_or(1)),
            ("window_steps", self.window_steps),
            ("group_rows", self.group_rows),
        ];
        if let Some((setting, _)) = settings.into_iter().find(|&(_, value)| value == 0) {
            return Err(DataError::BatchSetting { setting });
        }
        if !self.buckets.is_sorted_by(|a, b| a < b) || self.buckets.first() == Some(&0) {
            let found = self.buckets.clone();
            return Err(PackError::Buckets { found }.into());
        }
        self.capacity
            .map_or(Ok(()), |capacity| self.check_capacity(capacity))
    }

    /// A full row must have a width, and fit into a micro-batch.
    fn check_capacity(&self, capacity: usize) -> Result<(), DataError> {
        if let Some(&widest) = self.buckets.last().filter(|&&widest| capacity > widest) {
            return Err(PackError::CapacityOverBuckets { capacity, widest }.into());
        }
        let (width, micro_tokens) = (self.width_of(capacity), self.micro_tokens);
        if width > micro_tokens {
            let error = PackError::CapacityTooWide {
                capacity,
                width,
                micro_tokens,
            };
            return Err(error.into());
        }
        Ok(())
    }

    /// Refuses an example that no row can hold.
    pub(super) fn check_length(&self, example: usize, tokens: usize) -> Result<(), DataError> {
        if let Some(capacity) = self.capacity {
            crate::pack::check_length(example, tokens, capacity)?;
        }
        if let Some(&widest) = self.buckets.last().filter(|&&widest| tokens > widest) {
            let error = PackError::OverBuckets {
                example,
                tokens,
                widest,
            };
            return Err(error.into());
        }
        let (width, micro_tokens) = (self.width_of(tokens), self.micro_tokens);
        if width > micro_tokens {
            return Err(DataError::ExampleTooWide {
                example,
                tokens,
                width,
                micro_tokens,
            });
        }
        Ok(())
    }
}
