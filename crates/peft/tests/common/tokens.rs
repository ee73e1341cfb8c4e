//! A small module with an embedding whose head is tied to it.
#![allow(dead_code, reason = "every test file uses a part of this")]

use anneal_peft::{EmbeddingExt, LinearExt, TiedHead, tied_delta, tied_logits, tied_weight};
use burn::{
    module::Module,
    nn::{Embedding, EmbeddingConfig, Linear, LinearConfig},
    tensor::{DType, Device, Int, Tensor, TensorData},
};

use super::randomize;

/// Tokens to logits: 13 words of 6 features.
#[derive(Module, Debug)]
pub struct Tokens {
    pub embed: Embedding,
    pub proj: Linear,
    pub head: TiedHead,
}

impl Tokens {
    pub fn new(device: &Device) -> Self {
        let module = Self {
            embed: EmbeddingConfig::new(13, 6).init(device),
            proj: LinearConfig::new(6, 6).init(device),
            head: TiedHead::new("lm_head", "embed.weight"),
        };
        randomize(module, 3)
    }

    /// In activation space, `[8, 13]` logits of [`ids`].
    pub fn forward_adapted(&self, device: &Device) -> Tensor<2> {
        let h = self.embed.forward_adapted(ids(device)).reshape([8, 6]);
        tied_logits(&self.embed.weight, self.proj.forward_adapted(h))
    }

    /// In weight space.
    pub fn forward(&self, device: &Device) -> Tensor<2> {
        let h = self.embed.forward(ids(device)).reshape([8, 6]);
        let mut head = tied_weight(&self.embed.weight).cast(DType::F32);
        if let Some(delta) = tied_delta(&self.embed.weight) {
            head = head + delta;
        }
        self.proj.forward(h).matmul(head.transpose())
    }
}

/// `[2, 4]` tokens, one of them twice.
pub fn ids(device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(
        TensorData::new(vec![3, 0, 12, 7, 7, 1, 5, 9], [2, 4]),
        device,
    )
}
