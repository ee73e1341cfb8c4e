//! The Llama architecture on burn: configuration, model, weights, tokenizer
//! and generation, with transformers' numbers.
//!
//! Module paths are Hugging Face's state-dict names
//! (`model.layers.0.self_attn.q_proj`), so that weights, adapters and error
//! messages speak one language.
//!
//! ```
//! use anneal_llama::{GenerateOptions, Generator, load};
//!
//! # let (folder, device) = (anneal_testkit::fixture_path("gguf/hf"), anneal_testkit::device());
//! let llama = load(&folder, &device)?;
//! let tokenizer = llama.tokenizer.as_ref().ok_or("a model without a tokenizer")?;
//! let options = GenerateOptions {
//!     max_new_tokens: 32,
//!     end_ids: llama.end_ids.clone(),
//!     stop: vec![";".into()],
//!     ..GenerateOptions::default()
//! };
//! let generator = Generator::new(&llama.model, &llama.config, &device)
//!     .with_options(options)
//!     .with_tokenizer(tokenizer);
//! let prompts = ["SELECT", "SELECT COUNT(*) FROM"];
//! let ids = prompts.map(|prompt| tokenizer.encode(prompt, true));
//! let ids = ids.into_iter().collect::<Result<Vec<_>, _>>()?;
//! let mut tokens = [0, 0];
//! for token in generator.stream(&ids)? {
//!     let token = token?;
//!     assert!(token.text.is_some() && token.logprob <= 0.0);
//!     tokens[token.row] += 1;
//! }
//! assert!(tokens.iter().all(|count| (1..=32).contains(count)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | there is |
//! |---|---|
//! | load | [`load`], [`load_with`] for bf16, the feature `hub` for Hub ids, [`ModelFile`] to look without loading |
//! | compute | [`LlamaForCausalLM`]: logits, hidden states, losses; [`Segments`] for packed rows, [`KvCache`] |
//! | train in little memory | [`LlamaForCausalLM::token_losses_taped`] and its [`BlockTape`] |
//! | generate | [`Generator`]: options, tokens as they come, a [`LogitsProcessor`] of your own |
//! | read text | [`PretrainedTokenizer`], without the weights; its [`Tokenizer`], and [`TextStream`] piece by piece |
//! | save | [`LoadedModel::save`], [`save()`] for a model alone |
//! | build from nothing | [`LlamaConfig`], its presets, and a [`TensorSource`] |
//!
//! Every linear layer knows `anneal_peft`'s adapters: one that is attached to
//! the model trains and runs in activation space.

mod cache;
mod config;
mod error;
mod generate;
#[cfg(feature = "hub")]
pub mod hub;
mod load;
mod model;
mod precision;
mod save;
mod segments;
mod tokenizer;
mod weights;

pub use cache::{KvCache, LayerCache};
pub use config::{HuggingFaceConfig, LlamaConfig, RopeConfig, RopeScaling, TokenIds};
pub use error::LlamaError;
pub use generate::{
    FinishReason, GenerateOptions, Generated, Generator, LogitsProcessor, MinP, RepetitionPenalty,
    RowContext, Temperature, Token, TokenStream, TopK, TopP, generate,
};
pub use load::{LoadOptions, LoadedModel, PretrainedTokenizer, SpecialTokens, load, load_with};
pub use model::{
    Attention, BlockTape, DecoderLayer, LlamaForCausalLM, LlamaModel, Mlp, Positions, RmsNorm,
    RotaryTables,
};
pub use precision::Precision;
pub use save::{SaveDtype, SaveOptions, save};
pub use segments::Segments;
pub use tokenizer::{SpecialPlace, TextStream, Tokenizer};
pub use weights::{ModelFile, Problem, RandomWeights, StoredTensor, TensorSource};
