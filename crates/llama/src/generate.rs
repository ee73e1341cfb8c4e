//! Greedy generation for a batch of prompts of unequal lengths.
//!
//! Prompts are padded on the left and read in one pass, so that a new token of
//! every row goes to the same slot of the cache. Attention begins behind a row's
//! padding and rotary positions are each row's own, so a row's numbers are those
//! it would have alone.

use anneal_kernels::{AttentionMask, FirstKeys};
use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::{KvCache, LlamaConfig, LlamaError, LlamaForCausalLM, Positions};

/// How far to generate.
#[derive(Debug, Clone)]
pub struct GenerateOptions {
    /// Tokens at most, for each prompt.
    pub max_new_tokens: usize,
    /// Tokens that end a generation.
    pub end_ids: Vec<u32>,
}

/// What followed one prompt.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Generated {
    /// The new tokens, an end token included.
    pub token_ids: Vec<u32>,
    /// Their natural log-probabilities under the model's own distribution.
    pub logprobs: Vec<f32>,
}

/// Continues every prompt with its most probable tokens.
///
/// # Errors
/// An empty prompt, an id outside the vocabulary, or more positions than the
/// model has, naming the prompt.
///
/// ```
/// use anneal_llama::{GenerateOptions, LlamaConfig, LlamaForCausalLM, RandomWeights, generate};
///
/// let mut config = LlamaConfig::smollm2_135m();
/// (config.vocab_size, config.hidden_size, config.intermediate_size) = (50, 24, 40);
/// (config.num_attention_heads, config.num_key_value_heads, config.head_dim) = (3, 1, 8);
/// config.num_hidden_layers = 2;
/// let device = anneal_testkit::device();
/// let model = LlamaForCausalLM::from_source(&config, &mut RandomWeights::new(0.3, 7), &device)?;
/// let options = GenerateOptions { max_new_tokens: 5, end_ids: vec![] };
///
/// let together = generate(&model, &config, &[vec![1, 2, 3], vec![4]], &options, &device)?;
/// let alone = generate(&model, &config, &[vec![4]], &options, &device)?;
/// assert_eq!(together[1].token_ids, alone[0].token_ids);
/// assert_eq!(together[0].token_ids.len(), 5);
/// # Ok::<(), anneal_llama::LlamaError>(())
/// ```
pub fn generate(
    model: &LlamaForCausalLM,
    config: &LlamaConfig,
    prompts: &[Vec<u32>],
    options: &GenerateOptions,
    device: &Device,
) -> Result<Vec<Generated>, LlamaError> {
    check(prompts, config, options)?;
    let mut results = vec![Generated::default(); prompts.len()];
    if prompts.is_empty() || options.max_new_tokens == 0 {
        return Ok(results);
    }
    let mut batch = Batch::new(prompts, config, options, (device, model.dtype()));
    let mut next = batch.read_prompts(model, prompts)?;
    for new in 1..=options.max_new_tokens {
        for (slot, &row) in batch.rows.iter().enumerate() {
            let done = results[row]
                .token_ids
                .last()
                .is_some_and(|id| options.end_ids.contains(id));
            if !done {
                let (id, logprob) = next[slot];
                results[row].token_ids.push(id);
                results[row].logprobs.push(logprob);
            }
        }
        let running = |row: &usize| {
            !results[*row]
                .token_ids
                .last()
                .is_some_and(|id| options.end_ids.contains(id))
        };
        if new == options.max_new_tokens || !batch.rows.iter().any(running) {
            break;
        }
        let last: Vec<u32> = next.iter().map(|(id, _)| *id).collect();
        let last = batch.drop_finished(last, running);
        next = batch.step(model, &last)?;
    }
    Ok(results)
}

fn check(
    prompts: &[Vec<u32>],
    config: &LlamaConfig,
    options: &GenerateOptions,
) -> Result<(), LlamaError> {
    for (index, prompt) in prompts.iter().enumerate() {
        if prompt.is_empty() {
            return Err(LlamaError::EmptyPrompt { index });
        }
        if let Some(&id) = prompt.iter().find(|&&id| id as usize >= config.vocab_size) {
            return Err(LlamaError::TokenOutOfRange {
                index,
                id,
                last: config.vocab_size - 1,
            });
        }
        let (length, new, limit) = (
            prompt.len(),
            options.max_new_tokens,
            config.max_position_embeddings,
        );
        if length.saturating_add(new) > limit {
            return Err(LlamaError::TooLong {
                index,
                length,
                new,
                limit,
            });
        }
    }
    Ok(())
}

/// The rows that are still generating.
struct Batch<'a> {
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
    fn new(
        prompts: &[Vec<u32>],
        config: &'a LlamaConfig,
        options: &GenerateOptions,
        (device, dtype): (&'a Device, DType),
    ) -> Self {
        let lengths: Vec<usize> = prompts.iter().map(Vec::len).collect();
        let width = lengths.iter().copied().max().unwrap_or(0);
        let capacity = width + options.max_new_tokens;
        let cache = KvCache::new(config, prompts.len(), capacity, (device, dtype));
        Self {
            config,
            device,
            cache,
            rows: (0..prompts.len()).collect(),
            lengths,
            width,
        }
    }

    /// Reads the prompts; the most probable next token of each.
    fn read_prompts(
        &mut self,
        model: &LlamaForCausalLM,
        prompts: &[Vec<u32>],
    ) -> Result<Vec<(u32, f32)>, LlamaError> {
        let mut ids = vec![0i64; prompts.len() * self.width];
        for (row, prompt) in ids.chunks_mut(self.width).zip(prompts) {
            let padding = self.width - prompt.len();
            for (slot, &id) in row[padding..].iter_mut().zip(prompt) {
                *slot = id.into();
            }
        }
        let ids = Tensor::from_data(
            TensorData::new(ids, [prompts.len(), self.width]),
            self.device,
        );
        let positions: Vec<usize> = self
            .padding()
            .iter()
            .flat_map(|&padding| (0..self.width).map(move |t| t.saturating_sub(padding)))
            .collect();
        let positions = Positions::PerToken {
            positions: &positions,
            length: self.width,
        };
        let mask = self.mask(self.width);
        let states =
            model.hidden_states_cached(ids, positions, &mask, &mut self.cache, self.config);
        let size = self.config.hidden_size;
        let states = states.narrow(1, self.width - 1, 1);
        most_probable(model.logits(states.reshape([prompts.len(), size])))
    }

    /// Appends one token to every row; the most probable next of each.
    fn step(
        &mut self,
        model: &LlamaForCausalLM,
        last: &[u32],
    ) -> Result<Vec<(u32, f32)>, LlamaError> {
        let count = self.rows.len();
        let new = self.cache.used() - self.width;
        let positions: Vec<usize> = self.lengths.iter().map(|length| length + new).collect();
        let ids: Vec<i64> = last.iter().map(|&id| id.into()).collect();
        let ids = Tensor::from_data(TensorData::new(ids, [count, 1]), self.device);
        let mask = self.mask(1);
        let states = model.hidden_states_cached(
            ids,
            Positions::Each(&positions),
            &mask,
            &mut self.cache,
            self.config,
        );
        most_probable(model.logits(states.reshape([count, self.config.hidden_size])))
    }

    /// The padding before each row's prompt.
    fn padding(&self) -> Vec<usize> {
        let lengths = self.lengths.iter();
        lengths.map(|length| self.width - length).collect()
    }

    /// Hides the padding before the shorter prompts.
    fn mask(&self, queries: usize) -> AttentionMask {
        match self.padding() {
            padding if padding.iter().all(|&count| count == 0) => AttentionMask::Causal,
            padding => AttentionMask::CausalFrom(FirstKeys::padding(&padding, queries)),
        }
    }

    /// Takes finished rows out of the cache once they are a quarter of it: the
    /// cache is copied for that, so not at every end.
    fn drop_finished(&mut self, last: Vec<u32>, running: impl Fn(&usize) -> bool) -> Vec<u32> {
        let kept: Vec<usize> = (0..self.rows.len())
            .filter(|&s| running(&self.rows[s]))
            .collect();
        if kept.len() * 4 > self.rows.len() * 3 {
            return last;
        }
        self.cache.keep_rows(&kept);
        self.rows = kept.iter().map(|&slot| self.rows[slot]).collect();
        self.lengths = kept.iter().map(|&slot| self.lengths[slot]).collect();
        kept.iter().map(|&slot| last[slot]).collect()
    }
}

/// Each row's largest logit and its log-probability: `[rows, vocabulary]`.
fn most_probable(logits: Tensor<2>) -> Result<Vec<(u32, f32)>, LlamaError> {
    let (largest, index) = logits.clone().max_dim_with_indices(1);
    // log softmax of the largest: −log Σ exp(logit − largest)
    let logprob = (logits - largest).exp().sum_dim(1).log().neg();
    let index = index.try_into_vec_as::<i64>()?;
    let logprob = logprob.try_into_vec_as::<f32>()?;
    Ok(index.into_iter().map(|id| id as u32).zip(logprob).collect())
}
