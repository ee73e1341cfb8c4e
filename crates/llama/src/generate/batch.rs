//! The rows of a running generation: their places in the cache, their
//! positions, and the padding between them.
//!
//! It turns tokens into logits and knows nothing of how tokens are chosen.
//!
//! Prompts are read packed, one behind the other in a single row in which each
//! sees itself alone, so that prompts of unequal lengths cost no padding. Their
//! keys and values then go to a row of the cache each, all ending at the same
//! slot: what lies before a shorter prompt is hidden from attention. A new token
//! of every row goes to the next slot. Positions are each row's own, so a row's
//! numbers are those it would have alone.
//!
//! Where prompt tuning is active, its virtual tokens are read in front of every
//! prompt, and nobody but this file sees them.

use anneal_kernels::{AttentionMask, FirstKeys};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{KvCache, LlamaConfig, LlamaForCausalLM, Positions, Segments};

/// Prompt tokens that are read at a time, if no single prompt is longer: enough
/// to keep every core busy, and few enough that activations stay small.
const PACKED_TOKENS: usize = 2_048;

/// Places for answers that the cache begins with, and grows by at least: a
/// limit that no answer reaches costs no memory.
const PLACES: usize = 512;

/// The rows that are still generating.
pub(super) struct Batch<'a> {
    config: &'a LlamaConfig,
    device: &'a Device,
    cache: KvCache,
    /// What is read in front of every prompt.
    prefix: Vec<u32>,
    /// Which prompt each row of the cache belongs to.
    rows: Vec<usize>,
    /// Each row's prompt length, the prefix included.
    lengths: Vec<usize>,
    /// The longest prompt: where new tokens begin in the cache.
    width: usize,
    /// Tokens that an answer may have.
    max_new_tokens: usize,
}

impl<'a> Batch<'a> {
    /// Places for all prompts, and for `max_new_tokens` behind the longest as
    /// they are needed.
    pub(super) fn new(
        model: &LlamaForCausalLM,
        prompts: &[Vec<u32>],
        config: &'a LlamaConfig,
        max_new_tokens: usize,
        device: &'a Device,
    ) -> Self {
        let prefix: Vec<u32> = model.model.virtual_ids().collect();
        let lengths = prompts.iter().map(|prompt| prefix.len() + prompt.len());
        let lengths: Vec<usize> = lengths.collect();
        let width = lengths.iter().copied().max().unwrap_or(0);
        let capacity = width + max_new_tokens.min(PLACES);
        let cache = KvCache::new(config, prompts.len(), capacity, (device, model.dtype()));
        Self {
            config,
            device,
            cache,
            prefix,
            rows: (0..prompts.len()).collect(),
            lengths,
            width,
            max_new_tokens,
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
        let prompts = prompts
            .iter()
            .map(|prompt| [&self.prefix[..], prompt].concat());
        let prompts: Vec<Vec<u32>> = prompts.collect();
        let mut states = Vec::new();
        let mut first = 0;
        while first < prompts.len() {
            let mut tokens = 0;
            let group = prompts[first..].iter().take_while(|prompt| {
                tokens += prompt.len();
                tokens <= PACKED_TOKENS
            });
            // A prompt that is too long for a group is a group of its own.
            let end = first + group.count().max(1);
            states.push(self.read_group(model, &prompts[first..end], first));
            first = end;
        }
        self.cache.set_used(self.width);
        model.logits(Tensor::cat(states, 0))
    }

    /// Reads prompts as one packed row; the states of their last tokens:
    /// `[prompts, hidden_size]`.
    fn read_group(
        &mut self,
        model: &LlamaForCausalLM,
        prompts: &[Vec<u32>],
        first_row: usize,
    ) -> Tensor<2> {
        let lengths: Vec<usize> = prompts.iter().map(Vec::len).collect();
        let length = lengths.iter().sum();
        let ids: Vec<i64> = prompts.iter().flatten().map(|&id| id.into()).collect();
        let ids = Tensor::from_data(TensorData::new(ids, [1, length]), self.device);
        let segments = Segments::new(&[&lengths], length);
        let (positions, mask) = (segments.positions(), segments.mask());
        let mut packed = KvCache::new(self.config, 1, length, (self.device, model.dtype()));
        let states = model.hidden_states_cached(ids, positions, &mask, &mut packed, self.config);
        let mut start = 0;
        let mut last = Vec::with_capacity(prompts.len());
        for (index, &length) in lengths.iter().enumerate() {
            let from = start..start + length;
            let to = self.width - length;
            self.cache.place(&packed, from, first_row + index, to);
            start += length;
            last.push(start as i64 - 1);
        }
        let last = Tensor::<1, Int>::from_data(last.as_slice(), self.device);
        states.squeeze_dim::<2>(0).select(0, last)
    }

    /// Appends one token to every row; the logits of what follows it:
    /// `[rows, vocab_size]`.
    pub(super) fn step(&mut self, model: &LlamaForCausalLM, last: &[u32]) -> Tensor<2> {
        let count = self.rows.len();
        let new = self.cache.used() - self.width;
        if self.cache.used() == self.cache.capacity() {
            // By half, so that a long answer is copied a few times only.
            let places = new + (new / 2).max(PLACES);
            self.cache
                .grow(self.width + places.min(self.max_new_tokens));
        }
        let positions: Vec<usize> = self.lengths.iter().map(|length| length + new).collect();
        let ids: Vec<i64> = last.iter().map(|&id| id.into()).collect();
        let ids = Tensor::from_data(TensorData::new(ids, [count, 1]), self.device);
        let mask = self.mask();
        let states = model.hidden_states_cached(
            ids,
            Positions::Each(&positions),
            &mask,
            &mut self.cache,
            self.config,
        );
        model.logits(states.reshape([count, self.config.hidden_size]))
    }

    /// Hides what lies before the shorter prompts.
    fn mask(&self) -> AttentionMask {
        let lengths = self.lengths.iter();
        let padding: Vec<usize> = lengths.map(|length| self.width - length).collect();
        match padding.iter().all(|&count| count == 0) {
            true => AttentionMask::Causal,
            false => AttentionMask::CausalFrom(FirstKeys::padding(&padding, 1)),
        }
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
