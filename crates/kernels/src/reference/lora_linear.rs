//! A frozen linear layer with a low-rank update, in plain tensor operations.

use burn::tensor::Tensor;

use super::linear;

/// `y = x·W + c + s·((x·A)·B)` over the last axis, where the low-rank branch
/// takes `dropped` in place of `x` if there is one.
///
/// Branch and sum are computed in the type of the factors; the sum is rounded
/// to the type of `x`.
///
/// # Shapes
/// - `x`, `dropped`: `[.., d_input]`, `weight`: `[d_input, d_output]`, `bias`: `[d_output]`
/// - `factors`: `A`, `[d_input, rank]`, and `B`, `[rank, d_output]`
/// - result: `[.., d_output]`
///
/// # Panics
/// If the shapes do not fit.
///
/// Hu et al., 2021, <https://arxiv.org/abs/2106.09685>.
pub fn lora_linear<const D: usize>(
    x: Tensor<D>,
    dropped: Option<Tensor<D>>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    factors: [Tensor<2>; 2],
    scale: f64,
) -> Tensor<D> {
    let [a, b] = factors;
    let wide = a.dtype();
    let branch = dropped.unwrap_or_else(|| x.clone()).cast(wide);
    let hidden = linear(branch, a, None).mul_scalar(scale);
    let base = linear(x, weight, bias);
    let narrow = base.dtype();
    (base.cast(wide) + linear(hidden, b, None)).cast(narrow)
}
