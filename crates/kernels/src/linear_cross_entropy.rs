//! Output head and cross entropy in one pass that never holds all logits.
//!
//! The logits of a vocabulary of 49,152 or 128,256 are the largest tensor of a
//! training step. Here they exist for a few rows at a time: each chunk yields
//! its loss and, at once, its gradient `softmax(h·Wᵀ)·W − W[target]`, which is
//! all that a frozen head needs. Memory is `chunk · vocabulary` in place of
//! several times `n · vocabulary`, and the head runs only for the rows given:
//! the trained positions.

use burn::tensor::{DType, Int, Tensor, assert_shape};

use crate::{reference, widened};

/// Logits held at a time: 2²³ of them are 32 MiB in f32.
const CHUNK_LOGITS: usize = 1 << 23;

/// The summed negative log-likelihood `Σₙ −log softmax(hₙ·Wᵀ)[targetₙ]`.
///
/// Differentiable in `hidden`. A `weight` that is being trained takes the plain
/// path, which keeps every logit. Losses are sums, to be divided once per
/// optimiser step by the count of trained tokens.
///
/// # Shapes
/// - `hidden`: `[n, d]`, the states that predict; `weight`: `[vocabulary, d]`
/// - `targets`: `[n]`, each below `vocabulary`
/// - result: `[1]`, in f32
///
/// # Panics
/// If the shapes do not fit.
///
/// The twin is [`reference::linear_cross_entropy`]. The idea is that of Liger
/// Kernel's fused linear cross entropy, <https://arxiv.org/abs/2410.10989>.
///
/// ```
/// use anneal_kernels::linear_cross_entropy;
/// use burn::tensor::{Int, Tensor};
///
/// let device = anneal_testkit::device();
/// let hidden = Tensor::<2>::from_floats([[1.0, 2.0]], &device);
/// let weight = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0]], &device);
/// let targets = Tensor::<1, Int>::from_ints([1], &device);
/// let loss = linear_cross_entropy(hidden, weight, targets).into_scalar::<f32>();
/// assert!((loss - (1.0 + (-1.0f32).exp()).ln()).abs() < 1e-6);
/// ```
pub fn linear_cross_entropy(
    hidden: Tensor<2>,
    weight: Tensor<2>,
    targets: Tensor<1, Int>,
) -> Tensor<1> {
    if weight.is_tracked() {
        return reference::linear_cross_entropy(hidden, weight, targets);
    }
    let [n, d] = hidden.dims();
    assert_shape!(weight, [_, d]);
    assert_shape!(targets, [n]);
    let rows = (CHUNK_LOGITS / weight.dims()[0].max(1)).max(1);
    chunked(
        hidden,
        weight.without_autodiff(),
        targets.without_autodiff(),
        rows,
    )
}

/// [`linear_cross_entropy`] with the chunk's rows given.
fn chunked(
    hidden: Tensor<2>,
    weight: Tensor<2>,
    targets: Tensor<1, Int>,
    rows: usize,
) -> Tensor<1> {
    let [n, _] = hidden.dims();
    let tracked = hidden.is_tracked();
    let states = hidden.clone().without_autodiff();
    let mut loss = Tensor::<1>::zeros([1], (&states.device(), DType::F32));
    let mut gradients = Vec::new();
    for start in (0..n).step_by(rows) {
        let length = rows.min(n - start);
        let (chunk_loss, gradient) = chunk(
            states.clone().narrow(0, start, length),
            weight.clone(),
            targets.clone().narrow(0, start, length),
            tracked,
        );
        loss = loss + chunk_loss;
        gradients.extend(gradient);
    }
    if gradients.is_empty() {
        return loss;
    }
    // `s − s.detach()` is exactly zero and has the gradient of `s`, so that the
    // sum has the value of the loss and, in `hidden`, the gradient just made.
    let gradient = Tensor::cat(gradients, 0).autodiff();
    let carrier = (hidden.cast(DType::F32) * gradient).sum();
    let value = carrier.clone().detach();
    carrier - value + loss.autodiff()
}

/// One chunk's summed loss and, if asked for, its gradient in the states; both
/// in f32.
fn chunk(
    states: Tensor<2>,
    weight: Tensor<2>,
    targets: Tensor<1, Int>,
    tracked: bool,
) -> (Tensor<1>, Option<Tensor<2>>) {
    let logits = widened::product_transposed(states, weight.clone());
    let largest = logits.clone().max_dim(1);
    let target_logits = logits.clone().gather(1, targets.clone().unsqueeze_dim(1));
    let exponentials = (logits - largest.clone()).exp();
    let sums = exponentials.clone().sum_dim(1);
    let loss = (sums.clone().log() + largest - target_logits).sum();
    let gradient = tracked.then(|| {
        let expected = widened::product(exponentials, weight.clone()) / sums;
        expected - weight.select(0, targets).cast(DType::F32)
    });
    (loss, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anneal_testkit::{assert_close, random};

    #[test]
    fn agrees_with_the_twin_in_value_and_gradient_at_any_chunk() {
        let device = anneal_testkit::device().autodiff();
        let (n, d, vocabulary) = (7, 5, 11);
        let weight = random::<2>([vocabulary, d], 3.0, 1, &device);
        let targets = Tensor::<1, Int>::from_ints([0, 10, 3, 3, 7, 1, 9], &device);
        let hidden = || random::<2>([n, d], 2.0, 2, &device).require_grad();
        let plain = hidden();
        let expected =
            reference::linear_cross_entropy(plain.clone(), weight.clone(), targets.clone());
        let expected_gradient = plain.grad(&(expected.clone() * 0.7).backward()).unwrap();
        for rows in [1, 2, 3, 7, 50] {
            let x = hidden();
            let loss = chunked(
                x.clone(),
                weight.clone().inner(),
                targets.clone().inner(),
                rows,
            );
            assert_close(loss.clone(), expected.clone(), 1e-6);
            let gradient = x.grad(&(loss * 0.7).backward()).unwrap();
            assert_close(gradient, expected_gradient.clone(), 1e-6);
        }
    }

    #[test]
    fn an_untracked_input_gives_the_same_value_and_no_graph() {
        let device = anneal_testkit::device();
        let hidden = random::<2>([4, 6], 1.0, 3, &device);
        let weight = random::<2>([9, 6], 1.0, 4, &device);
        let targets = Tensor::<1, Int>::from_ints([8, 0, 2, 2], &device);
        let expected =
            reference::linear_cross_entropy(hidden.clone(), weight.clone(), targets.clone());
        let loss = linear_cross_entropy(hidden, weight, targets);
        assert!(!loss.is_tracked());
        assert_close(loss, expected, 1e-6);
    }

    #[test]
    fn a_trained_head_gets_its_gradient() {
        let device = anneal_testkit::device().autodiff();
        let hidden = random::<2>([4, 6], 1.0, 3, &device);
        let weight = random::<2>([9, 6], 1.0, 4, &device).require_grad();
        let targets = Tensor::<1, Int>::from_ints([8, 0, 2, 2], &device);
        let loss = linear_cross_entropy(hidden, weight.clone(), targets);
        let gradient = weight.grad(&loss.backward()).unwrap();
        // The columns of softmax minus one-hot sum to zero over the vocabulary.
        assert_close(
            gradient.clone().sum_dim(0),
            gradient.clone().sum_dim(0).zeros_like(),
            1e-5,
        );
        assert!(gradient.abs().max().into_scalar::<f32>() > 0.1);
    }
}
