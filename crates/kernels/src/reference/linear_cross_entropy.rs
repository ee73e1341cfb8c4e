//! Output head and cross entropy in plain tensor operations.

use burn::tensor::{DType, Int, Tensor, activation, assert_shape};

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
    let [n, d] = hidden.dims();
    assert_shape!(weight, [_, d]);
    assert_shape!(targets, [n]);
    let (hidden, weight) = (hidden.cast(DType::F32), weight.cast(DType::F32));
    let logits = hidden.matmul(weight.transpose());
    activation::log_softmax(logits, 1)
        .gather(1, targets.unsqueeze_dim(1))
        .sum()
        .neg()
}
