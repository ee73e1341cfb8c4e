//! A head of its own for a model whose head is its embedding.
//!
//! An adapter of the one without the other can't be merged while they are one
//! matrix. Two are what PEFT computes with before it merges.

use anneal_peft::TiedHead;
use burn::module::Param;
use burn::nn::Linear;

use super::LlamaForCausalLM;
use crate::save::first_adapted;
use crate::{LlamaError, LoadedModel};

impl LlamaForCausalLM {
    /// The same model with a head that is a copy of the embedding; one that has
    /// its own head stays as it is.
    ///
    /// The copy shares its memory with the embedding until one of them changes.
    /// The model's [`LlamaConfig`](crate::LlamaConfig) must follow
    /// (`tie_word_embeddings: false`) before it is saved; [`LoadedModel::untie`]
    /// does both.
    ///
    /// # Errors
    /// [`LlamaError::Untie`] where an adapter is attached: what it does to the
    /// head was decided when it came.
    pub fn untie(self) -> Result<Self, LlamaError> {
        if self.lm_head.is_some() {
            return Ok(self);
        }
        if let Some(layer) = first_adapted(&self) {
            return Err(LlamaError::Untie { layer });
        }
        let weight = self.model.embed_tokens.weight.base().detach().transpose();
        let weight = Param::from_tensor(weight).set_require_grad(false);
        Ok(Self {
            lm_head: Some(Linear { weight, bias: None }),
            tied_head: TiedHead::untied(),
            ..self
        })
    }
}

impl LoadedModel {
    /// The same model with a head of its own, and settings that say so: what is
    /// saved then has `lm_head.weight`.
    ///
    /// ```no_run
    /// use std::path::Path;
    /// use anneal_llama::{SaveOptions, load};
    ///
    /// let device = burn::tensor::Device::default();
    /// let untied = load(Path::new("SmolLM2-135M"), &device)?.untie()?;
    /// assert!(untied.model.lm_head.is_some());
    /// untied.save(Path::new("untied"), &SaveOptions::default())?;
    /// # Ok::<(), anneal_llama::LlamaError>(())
    /// ```
    ///
    /// # Errors
    /// As [`LlamaForCausalLM::untie`].
    pub fn untie(mut self) -> Result<Self, LlamaError> {
        self.model = self.model.untie()?;
        self.config.tie_word_embeddings = false;
        Ok(self)
    }
}
