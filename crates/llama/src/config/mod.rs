//! What a Llama's files say about its shape.
//!
//! Two types: [`HuggingFaceConfig`] is what a `config.json` spells,
//! [`LlamaConfig`] what it means. GGUF metadata lead to the second directly.

mod frequencies;
mod hugging_face;
mod presets;
mod refusal;
mod resolve;
mod resolved;
mod rope;
mod rope_settings;

pub use hugging_face::{HuggingFaceConfig, TokenIds};
pub(crate) use refusal::Refusal;
pub use resolved::LlamaConfig;
pub use rope::{RopeConfig, RopeScaling};

/// More than any dimension of a model is: its square is far from overflow.
const LARGEST: usize = 1 << 30;
