//! The norm before each block; its parameter is called `weight`, as in the files.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::weights::Builder;

/// `x / sqrt(mean(x²) + ε) · weight`.
///
/// burn's own `RmsNorm` calls its parameter `gamma`; here module paths are
/// Hugging Face's names.
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// `[hidden_size]`
    pub weight: Param<Tensor<1>>,
    /// ε
    pub epsilon: f64,
}

impl RmsNorm {
    pub(crate) fn build(builder: &mut Builder, path: &str, size: usize, epsilon: f64) -> Self {
        Self {
            weight: builder.vector(&format!("{path}.weight"), size),
            epsilon,
        }
    }

    /// `x + residual`, and its norm.
    pub(crate) fn forward_sum<const D: usize>(
        &self,
        x: Tensor<D>,
        residual: Tensor<D>,
    ) -> (Tensor<D>, Tensor<D>) {
        anneal_kernels::add_rms_norm(x, residual, self.weight.val(), self.epsilon)
    }

    /// Normalises the last axis.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        anneal_kernels::rms_norm(x, self.weight.val(), self.epsilon)
    }
}
