//! The rows of a running generation: their places in the cache, their
//! positions, and the padding between them.
//!
//! It turns tokens into logits and knows nothing of how tokens are chosen.
//!
//! Prompts are padded on the right and read in one pass. A new token of every
//! row goes to the same slot of the cache, behind the longest prompt; a row's
//! padding, which then lies between its prompt and its answer, is hidden from
//! attention. Rotary positions are each row's own, so a row's numbers are those
//! it would have alone.

use anneal_kernels::AttentionMask;
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use crate::{KvCache, LlamaConfig, LlamaForCausalLM, Positions};

/// The rows that are still generating.
pub(super) struct Batch<'a> {
    config: &'a LlamaConfig,
    device: &'a Device,
    cache: KvCache,
    /// Which prompt each row of the cache belongs to.
    rows: Vec<usize>,
    /// Each row's prompt length.
    lengths: Vec<usize>,
    /// The longest prompt: where new tokens begin in the cache.
    width: usize,
}

impl<'a> Batch<'a> {
    /// Places for all prompts and `max_new_tokens` behind the longest.
    pub(super) fn new(
        prompts: &[Vec<u32>],
        config: &'a LlamaConfig,
        max_new_tokens: usize,
        device: &'a Device,
    ) -> Self {
        let lengths: Vec<usize> = prompts.iter().map(Vec::len).collect();
        let width = lengths.iter().copied().max().unwrap_or(0);
        let capacity = width + max_new_tokens;
        let cache = KvCache::new(config, prompts.len(), capacity, device);
        Self {
            config,
            device,
            cache,
            rows: (0..prompts.len()).collect(),
            lengths,
            width,
        }
    }

    /// Which prompt each row belongs to, in the order of the logits' rows.
    pub(super) fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Reads the prompts; the logits of what follows each: `[rows, vocab_size]`.
    pub(super) fn read_prompts(
        &mut self,
        model: &LlamaForCausalLM,
        prompts: &[Vec<u32>],
    ) -> Tensor<2> {
        let mut ids = vec![0i64; prompts.len() * self.width];
        for (row, prompt) in ids.chunks_mut(self.width).zip(prompts) {
            for (slot, &id) in row.iter_mut().zip(prompt) {
                *slot = id.into();
            }
        }
        let ids = Tensor::from_data(
            TensorData::new(ids, [prompts.len(), self.width]),
            self.device,
        );
        let range = Positions::Range {
            start: 0,
            length: self.width,
        };
        let mask = AttentionMask::Causal;
        let states = model.hidden_states_cached(ids, range, &mask, &mut self.cache, self.config);
        let last = self.lengths.iter().enumerate();
        let last: Vec<i64> = last
            .map(|(row, n)| (row * self.width + n - 1) as i64)
            .collect();
        let last = Tensor::<1, Int>::from_data(last.as_slice(), self.device);
        let size = self.config.hidden_size;
        let states = states
            .reshape([prompts.len() * self.width, size])
            .select(0, last);
        model.logits(states)
    }

    /// Appends one token to every row; the logits of what follows it:
    /// `[rows, vocab_size]`.
    pub(super) fn step(&mut self, model: &LlamaForCausalLM, last: &[u32]) -> Tensor<2> {
        let count = self.rows.len();
        let new = self.cache.used() - self.width;
        let positions: Vec<usize> = self.lengths.iter().map(|length| length + new).collect();
        let ids: Vec<i64> = last.iter().map(|&id| id.into()).collect();
        let ids = Tensor::from_data(TensorData::new(ids, [count, 1]), self.device);
        let mask = self.padding_mask();
        let states = model.hidden_states_cached(
            ids,
            Positions::Each(&positions),
            &mask,
            &mut self.cache,
            self.config,
        );
        model.logits(states.reshape([count, self.config.hidden_size]))
    }

    /// Hides the padding behind the shorter prompts.
    fn padding_mask(&self) -> AttentionMask {
        if self.lengths.iter().all(|&length| length == self.width) {
            return AttentionMask::Causal;
        }
        let keys = self.cache.used() + 1;
        let hidden: Vec<bool> = self
            .lengths
            .iter()
            .flat_map(|&length| (0..keys).map(move |key| (length..self.width).contains(&key)))
            .collect();
        let data = TensorData::new(hidden, [self.lengths.len(), keys]);
        AttentionMask::HiddenKeys(Tensor::<2, Bool>::from_data(data, self.device))
    }

    /// Takes rows whose prompt is not `running` out of the cache once they are
    /// a quarter of it: the cache is copied for that, so not at every end.
    /// Finished rows that stay go on being fed, and their logits mean nothing.
    pub(super) fn drop_finished(&mut self, running: impl Fn(usize) -> bool) {
        let kept: Vec<usize> = (0..self.rows.len())
            .filter(|&slot| running(self.rows[slot]))
            .collect();
        if kept.len() * 4 > self.rows.len() * 3 {
            return;
        }
        self.cache.keep_rows(&kept);
        self.rows = kept.iter().map(|&slot| self.rows[slot]).collect();
        self.lengths = kept.iter().map(|&slot| self.lengths[slot]).collect();
    }
}
