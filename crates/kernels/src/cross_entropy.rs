//! Cross entropy of logits that are there already.

use burn::tensor::{DType, Int, Tensor, activation, assert_shape};

/// One loss for each row of logits: with `log p = log softmax(logitsₙ)`,
/// `(1 − ε)·(−log p[targetₙ]) + ε·mean(−log p)`.
///
/// For heads that have their own way from states to logits; where the head is
/// one matrix, [`linear_cross_entropy_rows`](crate::linear_cross_entropy_rows)
/// needs far less memory. Plain tensor operations, so it has no twin.
///
/// # Shapes
/// - `logits`: `[n, vocabulary]`; `targets`: `[n]`, each below `vocabulary`
/// - result: `[n]`, in f32
///
/// # Panics
/// If the shapes do not fit.
///
/// ```
/// use anneal_kernels::cross_entropy_rows;
/// use burn::tensor::{Int, Tensor};
///
/// let device = anneal_testkit::device();
/// let logits = Tensor::<2>::from_floats([[0.0, 3.0f32.ln()]], &device);
/// let targets = Tensor::<1, Int>::from_ints([1], &device);
/// let loss = |smoothing| {
///     cross_entropy_rows(logits.clone(), targets.clone(), smoothing).into_scalar::<f32>()
/// };
/// // The probabilities are 1/4 and 3/4.
/// let [right, wrong] = [-0.75f32.ln(), -0.25f32.ln()];
/// assert!((loss(0.0) - right).abs() < 1e-6);
/// assert!((loss(0.2) - (0.9 * right + 0.1 * wrong)).abs() < 1e-6);
/// ```
pub fn cross_entropy_rows(
    logits: Tensor<2>,
    targets: Tensor<1, Int>,
    label_smoothing: f64,
) -> Tensor<1> {
    let [n, _] = logits.dims();
    assert_shape!(targets, [n]);
    if n == 0 {
        return logits.cast(DType::F32).sum_dim(1).squeeze_dim(1);
    }
    let surprise = activation::log_softmax(logits.cast(DType::F32), 1).neg();
    let chosen = surprise.clone().gather(1, targets.unsqueeze_dim(1));
    let losses = match label_smoothing {
        0.0 => chosen,
        smoothing => {
            let mean = surprise.mean_dim(1);
            chosen.mul_scalar(1.0 - smoothing) + mean.mul_scalar(smoothing)
        }
    };
    losses.squeeze_dim(1)
}
