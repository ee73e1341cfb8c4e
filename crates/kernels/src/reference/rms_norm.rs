//! Root-mean-square normalisation in plain tensor operations.

use burn::tensor::{DType, Tensor, assert_shape};

/// `y = x / sqrt(mean(x²) + ε) · weight`, the statistics in f32.
///
/// # Shapes
/// - `x`: `[.., d]`, `weight`: `[d]`, result as `x`.
///
/// # Panics
/// If the last axis of `x` is not `d`.
///
/// Zhang and Sennrich, 2019, <https://arxiv.org/abs/1910.07467>; the order of
/// the casts is that of transformers' `LlamaRMSNorm`.
pub fn rms_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, epsilon: f64) -> Tensor<D> {
    let [d] = weight.dims();
    assert_shape!(x, [.., d]);
    let dtype = x.dtype();
    let wide = x.cast(DType::F32);
    let rms = (wide.clone().square().mean_dim(D - 1) + epsilon).sqrt();
    (wide / rms).cast(dtype) * weight.unsqueeze()
}

/// `s = x + residual` and [`rms_norm`] of it.
///
/// # Shapes
/// - `x`, `residual`: `[.., d]`, `weight`: `[d]`, both results as `x`.
///
/// # Panics
/// If the shapes do not fit.
pub fn add_rms_norm<const D: usize>(
    x: Tensor<D>,
    residual: Tensor<D>,
    weight: Tensor<1>,
    epsilon: f64,
) -> (Tensor<D>, Tensor<D>) {
    let sum = x + residual;
    (sum.clone(), rms_norm(sum, weight, epsilon))
}
