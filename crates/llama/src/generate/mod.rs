//! Greedy generation for a batch of prompts of unequal lengths.

mod batch;

use burn::tensor::{Device, Tensor};

use self::batch::Batch;
use crate::{LlamaConfig, LlamaError, LlamaForCausalLM};

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
    let mut batch = Batch::new(prompts, config, options.max_new_tokens, device);
    let mut logits = batch.read_prompts(model, prompts);
    let done = |result: &Generated| {
        let last = result.token_ids.last();
        last.is_some_and(|id| options.end_ids.contains(id))
    };
    for new in 1..=options.max_new_tokens {
        let next = most_probable(logits)?;
        for (&row, (id, logprob)) in batch.rows().iter().zip(next) {
            if !done(&results[row]) {
                results[row].token_ids.push(id);
                results[row].logprobs.push(logprob);
            }
        }
        if new == options.max_new_tokens || results.iter().all(done) {
            break;
        }
        batch.drop_finished(|row| !done(&results[row]));
        let last = batch
            .rows()
            .iter()
            .map(|&row| results[row].token_ids.last());
        let last: Vec<u32> = last.flatten().copied().collect();
        logits = batch.step(model, &last);
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

/// Each row's largest logit and its log-probability: `[rows, vocabulary]`.
fn most_probable(logits: Tensor<2>) -> Result<Vec<(u32, f32)>, LlamaError> {
    let (largest, index) = logits.clone().max_dim_with_indices(1);
    // log softmax of the largest: −log Σ exp(logit − largest)
    let logprob = (logits - largest).exp().sum_dim(1).log().neg();
    let index = index.try_into_vec_as::<i64>()?;
    let logprob = logprob.try_into_vec_as::<f32>()?;
    Ok(index.into_iter().map(|id| id as u32).zip(logprob).collect())
}
