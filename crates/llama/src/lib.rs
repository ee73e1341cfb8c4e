//! The Llama architecture on burn: configuration, model, weights, tokenizer
//! and generation, with transformers' numbers.
//!
//! Module paths are Hugging Face's state-dict names
//! (`model.layers.0.self_attn.q_proj`), so that weights, adapters and error
//! messages speak one language. [`load`] reads a Hugging Face folder or a GGUF
//! file into a [`LoadedModel`]; [`generate`] continues prompts greedily;
//! [`ModelFile`] tells what a file holds without loading it.
//!
//! Every linear layer calls `anneal_peft`'s adapted forward, so an adapter
//! attached to the model trains and runs in activation space.

mod cache;
mod config;
mod error;
mod generate;
mod load;
mod model;
mod tokenizer;
mod weights;

pub use cache::KvCache;
pub use config::{LlamaConfig, RopeConfig};
pub use error::LlamaError;
pub use generate::{GenerateOptions, Generated, generate};
pub use load::{LoadedModel, load};
pub use model::{
    Attention, DecoderLayer, LlamaForCausalLM, LlamaModel, Mlp, Positions, RmsNorm, RotaryTables,
};
pub use tokenizer::Tokenizer;
pub use weights::{ModelFile, Problem, RandomWeights, StoredTensor, TensorSource};
