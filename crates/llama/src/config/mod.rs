//! What a Llama's files say about its shape.

mod hugging_face;
mod resolved;

pub(crate) use hugging_face::{HuggingFaceConfig, TokenIds};
pub use resolved::{LlamaConfig, RopeConfig};
