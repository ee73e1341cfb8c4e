//! A frozen linear layer with a low-rank update, in plain tensor operations.

use burn::tensor::{Tensor, module::linear};

/// `y = x·W + s·((x·A)·B)` over the last axis.
///
/// # Shapes
/// - `x`: `[.., d_input]`, `weight`: `[d_input, d_output]`
/// - `a`: `[d_input, rank]`, `b`: `[rank, d_output]`, result: `[.., d_output]`
///
/// # Panics
/// If the shapes do not fit.
///
/// Hu et al., 2021, <https://arxiv.org/abs/2106.09685>.
pub fn lora_linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    a: Tensor<2>,
    b: Tensor<2>,
    scale: f64,
) -> Tensor<D> {
    let hidden = linear(x.clone(), a, None).mul_scalar(scale);
    linear(x, weight, None) + linear(hidden, b, None)
}
