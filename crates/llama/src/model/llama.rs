//! Embedding, layers and the last norm: all but the head.

use anneal_kernels::AttentionMask;
use burn::module::Module;
use burn::nn::Embedding;
use burn::tensor::{Int, Tensor};

use super::block_seeds::BlockSeeds;
use super::{DecoderLayer, RmsNorm, RotaryTables};
use crate::{KvCache, LlamaConfig, weights::Builder};

/// transformers' `LlamaModel`: token ids to hidden states.
#[derive(Module, Debug)]
pub struct LlamaModel {
    /// `[vocab_size, hidden_size]`
    pub embed_tokens: Embedding,
    /// The decoder layers, first to last.
    pub layers: Vec<DecoderLayer>,
    /// The norm after the last layer.
    pub norm: RmsNorm,
}

impl LlamaModel {
    pub(crate) fn build(builder: &mut Builder, config: &LlamaConfig) -> Self {
        let weight = builder.matrix(
            "model.embed_tokens.weight",
            config.vocab_size,
            config.hidden_size,
        );
        let layers = builder.layers(config.num_hidden_layers, |builder, path| {
            DecoderLayer::build(builder, path, config)
        });
        Self {
            embed_tokens: Embedding { weight },
            layers,
            norm: RmsNorm::build(
                builder,
                "model.norm",
                config.hidden_size,
                config.rms_norm_eps,
            ),
        }
    }

    /// Ids may be [virtual](LlamaModel::virtual_ids); nothing is put in front.
    ///
    /// # Shapes
    /// - `input_ids`: `[batch, length]`
    /// - result: `[batch, length, hidden_size]`, normalised
    pub fn forward(
        &self,
        input_ids: Tensor<2, Int>,
        tables: &RotaryTables,
        mask: &AttentionMask,
        mut cache: Option<&mut KvCache>,
    ) -> Tensor<3> {
        let mut x = self.embed(input_ids);
        let seeds = BlockSeeds::draw(&self.layers, &x);
        for (index, layer) in self.layers.iter().enumerate() {
            seeds.enter(index);
            let cache = cache.as_deref_mut().map(|cache| cache.layer(index));
            x = layer.forward(x, tables, mask, cache);
        }
        seeds.enter(self.layers.len());
        self.norm.forward(x)
    }
}
