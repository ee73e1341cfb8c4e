//! Virtual tokens in front of every sequence: prompt tuning (arXiv 2104.08691).

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

/// The trained embeddings of tokens that exist in no vocabulary.
///
/// They sit on the embedding's weight and change nothing there; a model that
/// knows of prompt tuning puts them in front of what it embeds
/// (`anneal-llama` does). Compared against `PromptEmbedding` of PEFT 0.21.
#[derive(Module, Debug)]
pub struct PromptEmbeddings {
    /// `[num_virtual_tokens, dim]`, f32.
    pub embeddings: Param<Tensor<2>>,
}
