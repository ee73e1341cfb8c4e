//! Self-attention with grouped queries, rotary positions and an optional cache.

use anneal_kernels::{AttentionMask, attention, rotary_pair};
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;

use super::{RotaryTables, projection::project};
use crate::{LlamaConfig, cache::LayerCache, weights::Builder};

/// `o(softmax(q·kᵀ / √head_dim)·v)` over the heads.
#[derive(Module, Debug)]
pub struct Attention {
    /// `hidden_size → heads · head_dim`
    pub q_proj: Linear,
    /// `hidden_size → kv_heads · head_dim`
    pub k_proj: Linear,
    /// `hidden_size → kv_heads · head_dim`
    pub v_proj: Linear,
    /// `heads · head_dim → hidden_size`
    pub o_proj: Linear,
    head_dim: usize,
}

impl Attention {
    pub(crate) fn build(builder: &mut Builder, path: &str, config: &LlamaConfig) -> Self {
        let hidden = config.hidden_size;
        let queries = config.num_attention_heads * config.head_dim;
        let keys = config.num_key_value_heads * config.head_dim;
        let mut linear = |name: &str, from, to| {
            builder.linear(&format!("{path}.{name}"), from, to, config.attention_bias)
        };
        Self {
            q_proj: linear("q_proj", hidden, queries),
            k_proj: linear("k_proj", hidden, keys),
            v_proj: linear("v_proj", hidden, keys),
            o_proj: linear("o_proj", queries, hidden),
            head_dim: config.head_dim,
        }
    }

    /// `[batch, length, hidden_size]` in and out. With a cache, the keys and
    /// values of this call are appended to it and all that it holds are seen.
    pub fn forward(
        &self,
        x: Tensor<3>,
        tables: &RotaryTables,
        mask: &AttentionMask,
        cache: Option<&mut LayerCache>,
    ) -> Tensor<3> {
        let [batch, length, _] = x.dims();
        // `[batch, length, heads · head_dim]` to `[batch, heads, length, head_dim]`
        let heads = |x: Tensor<3>| {
            let count = x.dims()[2] / self.head_dim;
            x.reshape([batch, length, count, self.head_dim])
                .swap_dims(1, 2)
        };
        let q = heads(project(&self.q_proj, x.clone()));
        let k = heads(project(&self.k_proj, x.clone()));
        let (q, k) = rotary_pair(q, k, tables.cos.clone(), tables.sin.clone());
        let v = heads(project(&self.v_proj, x));
        let (k, v) = match cache {
            Some(cache) => cache.append(k, v),
            None => (k, v),
        };
        let y = attention(q, k, v, mask).swap_dims(1, 2);
        let width = y.dims()[2] * self.head_dim;
        project(&self.o_proj, y.reshape([batch, length, width]))
    }
}
