//! Output head and cross entropy in plain tensor operations.

use burn::tensor::{DType, Int, Tensor, assert_shape};

use crate::cross_entropy_rows;

/// The summed negative log-likelihood `Σₙ −log softmax(hₙ·Wᵀ)[targetₙ]`, with
/// every logit kept for the backward pass.
///
/// # Shapes
/// - `hidden`: `[n, d]`, `weight`: `[vocabulary, d]`, `targets`: `[n]`
/// - result: `[1]`, in f32
///
/// # Panics
/// If the shapes do not fit.
pub fn linear_cross_entropy(
    hidden: Tensor<2>,
    weight: Tensor<2>,
    targets: Tensor<1, Int>,
) -> Tensor<1> {
    linear_cross_entropy_rows(hidden, weight, targets, 0.0).sum()
}

/// One loss for each row, `(1 − ε)·(−log p[targetₙ]) + ε·mean(−log p)` with
/// `log p = log softmax(hₙ·Wᵀ)`, with every logit kept for the backward pass.
///
/// # Shapes
/// - `hidden`: `[n, d]`, `weight`: `[vocabulary, d]`, `targets`: `[n]`
/// - result: `[n]`, in f32
///
/// # Panics
/// If the shapes do not fit.
pub fn linear_cross_entropy_rows(
    hidden: Tensor<2>,
    weight: Tensor<2>,
    targets: Tensor<1, Int>,
    label_smoothing: f64,
) -> Tensor<1> {
    let [_, d] = hidden.dims();
    assert_shape!(weight, [_, d]);
    let (hidden, weight) = (hidden.cast(DType::F32), weight.cast(DType::F32));
    cross_entropy_rows(hidden.matmul(weight.transpose()), targets, label_smoothing)
}
