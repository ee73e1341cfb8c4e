//! One decoder layer.

use anneal_kernels::AttentionMask;
use burn::module::Module;
use burn::tensor::Tensor;

use super::{Attention, Mlp, RmsNorm, RotaryTables};
use crate::{LlamaConfig, cache::LayerCache, weights::Builder};

/// `x + attention(norm(x))`, then `x + mlp(norm(x))`.
#[derive(Module, Debug)]
pub struct DecoderLayer {
    /// The norm before attention.
    pub input_layernorm: RmsNorm,
    /// Attention.
    pub self_attn: Attention,
    /// The norm before the feed-forward layer.
    pub post_attention_layernorm: RmsNorm,
    /// The feed-forward layer.
    pub mlp: Mlp,
}

impl DecoderLayer {
    pub(crate) fn build(builder: &mut Builder, path: &str, config: &LlamaConfig) -> Self {
        let mut norm = |name: &str| {
            let path = format!("{path}.{name}");
            RmsNorm::build(builder, &path, config.hidden_size, config.rms_norm_eps)
        };
        let input_layernorm = norm("input_layernorm");
        let post_attention_layernorm = norm("post_attention_layernorm");
        Self {
            input_layernorm,
            self_attn: Attention::build(builder, &format!("{path}.self_attn"), config),
            post_attention_layernorm,
            mlp: Mlp::build(builder, &format!("{path}.mlp"), config),
        }
    }

    /// `[batch, length, hidden_size]` in and out.
    pub fn forward(
        &self,
        x: Tensor<3>,
        tables: &RotaryTables,
        mask: &AttentionMask,
        cache: Option<&mut LayerCache>,
    ) -> Tensor<3> {
        let normed = self.input_layernorm.forward(x.clone());
        let y = self.self_attn.forward(normed, tables, mask, cache);
        let (x, normed) = self.post_attention_layernorm.forward_sum(x, y);
        x + self.mlp.forward(normed)
    }
}
