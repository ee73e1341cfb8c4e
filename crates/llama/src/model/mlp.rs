//! The gated feed-forward layer.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;

use super::projection::project;
use crate::{LlamaConfig, weights::Builder};

/// `down(silu(gate(x)) · up(x))`.
#[derive(Module, Debug)]
pub struct Mlp {
    /// `hidden_size → intermediate_size`, gated
    pub gate_proj: Linear,
    /// `hidden_size → intermediate_size`
    pub up_proj: Linear,
    /// `intermediate_size → hidden_size`
    pub down_proj: Linear,
}

impl Mlp {
    pub(crate) fn build(builder: &mut Builder, path: &str, config: &LlamaConfig) -> Self {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let mut linear = |name: &str, from, to| {
            builder.linear(&format!("{path}.{name}"), from, to, config.mlp_bias)
        };
        Self {
            gate_proj: linear("gate_proj", hidden, inner),
            up_proj: linear("up_proj", hidden, inner),
            down_proj: linear("down_proj", inner, hidden),
        }
    }

    /// `[batch, length, hidden_size]` in and out.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let gate = project(&self.gate_proj, x.clone());
        let up = project(&self.up_proj, x);
        project(&self.down_proj, anneal_kernels::swiglu(gate, up))
    }
}
