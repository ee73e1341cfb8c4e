//! Generation: prompts of unequal lengths continued together, token by token.
//!
//! A [`Generator`] holds what is the same for all prompts. Its `Batch` turns
//! tokens into logits; each prompt's `Row` has its own processors, random
//! numbers and text, so that what a prompt gets does not depend on the others.
//! [`TokenStream`] runs both, and [`Generator::generate`] collects it.

mod batch;
mod choose;
mod generator;
mod options;
mod processor;
mod processors;
mod row;
mod sampler;
mod stop;
mod stream;
mod text;
mod token;

pub use generator::Generator;
pub use options::GenerateOptions;
pub use processor::{LogitsProcessor, RowContext};
pub use processors::{MinP, RepetitionPenalty, Temperature, TopK, TopP};
pub use stream::TokenStream;
pub use token::{FinishReason, Generated, Token};

use burn::tensor::Device;

use crate::{LlamaConfig, LlamaError, LlamaForCausalLM};

/// Continues every prompt as `options` say, by default with its most probable
/// tokens: [`Generator::generate`] without a tokenizer and processors.
///
/// # Errors
/// As [`Generator::generate`].
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
/// let options = GenerateOptions { max_new_tokens: 5, ..GenerateOptions::default() };
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
    Generator::new(model, config, device)
        .with_options(options.clone())
        .generate(prompts)
}
