//! Output head and cross entropy in one pass that never holds all logits.
//!
//! The logits of a vocabulary of 49,152 or 128,256 are the largest tensor of a
//! training step. Here they exist for a few rows at a time: each chunk yields
//! its losses and, at once, each row's gradient in its state, which is all that
//! a frozen head needs. Memory is `chunk · vocabulary` in place of several
//! times `n · vocabulary`, and the head runs only for the rows given: the
//! trained positions. A head that is trained makes its logits a second time, on
//! the way back.

use burn::backend::Dispatch;
use burn::tensor::{DType, Int, Tensor, assert_shape};

use crate::accepts::accepts;
#[cfg(feature = "flex")]
use crate::accepts::is_on_cpu;
use crate::cross_entropy::assert_share;
use crate::{Kernel, active_kernels, reference, widened};
use crate::{head_targets::HeadTargets, kernels::Kernels};

/// Logits held at a time: 2²³ of them are 32 MiB in f32.
const CHUNK_LOGITS: usize = 1 << 23;

/// The summed negative log-likelihood `Σₙ −log softmax(hₙ·Wᵀ)[targetₙ]`: the sum of
/// [`linear_cross_entropy_rows`] without smoothing, as differentiable and as fast.
///
/// Losses are sums, to be divided once per optimiser step by the count of
/// trained tokens.
///
/// # Shapes
/// - `hidden`: `[n, d]`, the states that predict; `weight`: `[vocabulary, d]`
/// - `targets`: `[n]`, each below `vocabulary`
/// - result: `[1]`, in f32
///
/// # Panics
/// If the shapes do not fit.
///
/// The twin is [`reference::linear_cross_entropy`].
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
    linear_cross_entropy_rows(hidden, weight, targets, 0.0).sum()
}

/// One loss for each row: with the log-probabilities `log p = log softmax(hₙ·Wᵀ)`,
///
/// `lossₙ = (1 − ε)·(−log p[targetₙ]) + ε·mean(−log p)`
///
/// where the mean is over the vocabulary and ε is `label_smoothing`; 0 leaves the
/// negative log-likelihood.
///
/// Differentiable in `hidden`, and in `weight` if it is tracked, with any
/// gradient per row: a caller may weight the rows before it sums them. First
/// order only. No rows give no losses, of the same graph as any others.
///
/// # Shapes
/// - `hidden`: `[n, d]`, the states that predict; `weight`: `[vocabulary, d]`
/// - `targets`: `[n]`, each below `vocabulary`
/// - result: `[n]`, in f32
///
/// # Panics
/// If the shapes do not fit, or `label_smoothing` is not within `0..=1`.
///
/// The twin is [`reference::linear_cross_entropy_rows`]. The formula is that of
/// `torch.nn.functional.cross_entropy` and of transformers' `LabelSmoother`
/// (Szegedy et al., 2015, <https://arxiv.org/abs/1512.00567>); the idea of one
/// pass is Liger Kernel's, <https://arxiv.org/abs/2410.10989>.
///
/// ```
/// use anneal_kernels::linear_cross_entropy_rows;
/// use burn::tensor::{Int, Tensor};
///
/// let device = anneal_testkit::device();
/// let hidden = Tensor::<2>::from_floats([[1.0, 2.0], [0.0, 0.0]], &device);
/// let weight = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0]], &device);
/// let targets = Tensor::<1, Int>::from_ints([1, 0], &device);
/// let losses = linear_cross_entropy_rows(hidden, weight, targets, 0.1);
/// let losses = losses.try_into_vec_as::<f32>().unwrap();
/// // log p is -ln(1 + e) and -ln(1 + 1/e): the target has .95 of the weight.
/// let [other, target] = [1.0f32, -1.0].map(|x| (1.0 + x.exp()).ln());
/// assert!((losses[0] - (0.95 * target + 0.05 * other)).abs() < 1e-6);
/// assert!((losses[1] - 2.0f32.ln()).abs() < 1e-6);
/// ```
pub fn linear_cross_entropy_rows(
    hidden: Tensor<2>,
    weight: Tensor<2>,
    targets: Tensor<1, Int>,
    label_smoothing: f64,
) -> Tensor<1> {
    let ([n, d], [vocabulary, _]) = (hidden.dims(), weight.dims());
    assert_shape!(weight, [_, d]);
    assert_shape!(targets, [n]);
    assert_share(label_smoothing);
    if n == 0 {
        return no_rows(hidden, weight, targets);
    }
    if !active_kernels().contains(Kernel::LinearCrossEntropy) {
        return reference::linear_cross_entropy_rows(hidden, weight, targets, label_smoothing);
    }
    let rows = (CHUNK_LOGITS / vocabulary.max(1)).max(1);
    match weight.is_tracked() {
        true => trained(hidden, weight, targets, label_smoothing, rows),
        false => {
            let (weight, targets) = (weight.without_autodiff(), targets.without_autodiff());
            chunked(hidden, weight, targets, label_smoothing, rows)
        }
    }
}

/// The losses of no rows: a graph over whatever is tracked, without a value.
fn no_rows(hidden: Tensor<2>, weight: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let chosen = weight.select(0, targets).cast(DType::F32);
    (hidden.cast(DType::F32) * chosen).sum_dim(1).squeeze_dim(1)
}

/// A head that is trained, `rows` at a time on the devices that have kernels.
fn trained(
    hidden: Tensor<2>,
    weight: Tensor<2>,
    targets: Tensor<1, Int>,
    smoothing: f64,
    rows: usize,
) -> Tensor<1> {
    let (hidden, weight) = (hidden.cast(DType::F32), weight.cast(DType::F32));
    if accepts(Kernel::LinearCrossEntropy, &hidden).is_none() {
        return reference::linear_cross_entropy_rows(hidden, weight, targets, smoothing);
    }
    let [vocabulary, _] = weight.dims();
    let targets = HeadTargets::new(&targets, vocabulary, smoothing as f32, rows);
    let (hidden, weight) = (hidden.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(<Dispatch as Kernels>::head_losses(hidden, weight, targets))
}

/// A frozen head, `rows` at a time.
fn chunked(
    hidden: Tensor<2>,
    weight: Tensor<2>,
    targets: Tensor<1, Int>,
    smoothing: f64,
    rows: usize,
) -> Tensor<1> {
    let [n, _] = hidden.dims();
    let tracked = hidden.is_tracked();
    #[cfg(feature = "flex")]
    if is_on_cpu(Kernel::LinearCrossEntropy, &hidden) && weight.dtype() == DType::F32 {
        use crate::flex::FrozenHeadKernels;
        let [vocabulary, _] = weight.dims();
        let targets = HeadTargets::new(&targets, vocabulary, smoothing as f32, rows);
        let states = hidden.clone().without_autodiff().cast(DType::F32);
        let (states, weight) = (states.into_dispatch(), weight.into_dispatch());
        let (losses, gradients) =
            <Dispatch as FrozenHeadKernels>::frozen_head(states, weight, targets, tracked);
        let gradients = tracked.then(|| Tensor::from_dispatch(gradients));
        return carried(hidden, Tensor::from_dispatch(losses), gradients);
    }
    let head = FrozenHead::new(weight, smoothing, tracked);
    let states = hidden.clone().without_autodiff();
    let (mut losses, mut gradients) = (Vec::new(), Vec::new());
    for start in (0..n).step_by(rows) {
        let length = rows.min(n - start);
        let (loss, gradient) = head.chunk(
            states.clone().narrow(0, start, length),
            targets.clone().narrow(0, start, length),
        );
        losses.push(loss);
        gradients.extend(gradient);
    }
    let losses = Tensor::cat(losses, 0);
    let gradients = tracked.then(|| Tensor::cat(gradients, 0));
    carried(hidden, losses, gradients)
}

/// Losses that are plain values, with the gradient just made in `hidden`.
fn carried(hidden: Tensor<2>, losses: Tensor<1>, gradients: Option<Tensor<2>>) -> Tensor<1> {
    let Some(gradients) = gradients else {
        return losses;
    };
    // `s − s.detach()` is exactly zero and has the gradient of `s`, so that each
    // row has the value of its loss and, in `hidden`, its gradient.
    let carrier = (hidden.cast(DType::F32) * gradients.autodiff())
        .sum_dim(1)
        .squeeze_dim(1);
    let value = carrier.clone().detach();
    carrier - value + losses.autodiff()
}

/// A head that is not trained.
struct FrozenHead {
    /// `[vocabulary, d]`
    weight: Tensor<2>,
    smoothing: f64,
    /// The mean row of the weight, `[1, d]`: the gradient that smoothing
    /// subtracts. Where the states want a gradient.
    mean: Option<Tensor<2>>,
    tracked: bool,
}

impl FrozenHead {
    fn new(weight: Tensor<2>, smoothing: f64, tracked: bool) -> Self {
        let mean = (tracked && smoothing > 0.0).then(|| {
            let [vocabulary, _] = weight.dims();
            let options = (&weight.device(), DType::F32);
            let share = Tensor::full([1, vocabulary], 1.0 / vocabulary as f64, options);
            widened::product(share, weight.clone())
        });
        Self {
            weight,
            smoothing,
            mean,
            tracked,
        }
    }

    /// One chunk's losses and, if asked for, each row's gradient in its state:
    /// `softmax(h·Wᵀ)·W − (1 − ε)·W[target] − ε·mean(W)`; both in f32.
    fn chunk(&self, states: Tensor<2>, targets: Tensor<1, Int>) -> (Tensor<1>, Option<Tensor<2>>) {
        let [vocabulary, _] = self.weight.dims();
        let logits = widened::product_transposed(states, self.weight.clone());
        let largest = logits.clone().max_dim(1);
        let logits = logits - largest;
        let mut goal = logits.clone().gather(1, targets.clone().unsqueeze_dim(1));
        if self.smoothing > 0.0 {
            // As a product: burn's fusion of this mean with what follows gave losses that were off
            // by as much as themselves (40 rows of 300, wgpu; its issues 5122 and 5258 are alike).
            let options = (&logits.device(), DType::F32);
            let share = Tensor::full([vocabulary, 1], 1.0 / vocabulary as f64, options);
            let mean = logits.clone().matmul(share);
            goal = goal.mul_scalar(1.0 - self.smoothing) + mean.mul_scalar(self.smoothing);
        }
        let exponentials = logits.exp();
        let sums = exponentials.clone().sum_dim(1);
        let losses = (sums.clone().log() - goal).squeeze_dim(1);
        let gradient = self.tracked.then(|| {
            let expected = widened::product(exponentials, self.weight.clone()) / sums;
            let chosen = self.weight.clone().select(0, targets).cast(DType::F32);
            match &self.mean {
                None => expected - chosen,
                Some(mean) => {
                    let mean = mean.clone().mul_scalar(self.smoothing);
                    expected - chosen.mul_scalar(1.0 - self.smoothing) - mean
                }
            }
        });
        (losses, gradient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anneal_testkit::{assert_close, random};

    const DIMS: [usize; 3] = [7, 5, 11];

    /// Losses, and the gradients of the states and the weight if it is trained,
    /// each row's upstream gradient being another.
    fn run(
        is_trained: bool,
        losses: impl FnOnce(Tensor<2>, Tensor<2>, Tensor<1, Int>) -> Tensor<1>,
    ) -> (Tensor<1>, Vec<Tensor<2>>) {
        let device = anneal_testkit::device().autodiff();
        let [n, d, vocabulary] = DIMS;
        let hidden = random::<2>([n, d], 2.0, 2, &device).require_grad();
        let weight = random::<2>([vocabulary, d], 3.0, 1, &device).set_require_grad(is_trained);
        let targets = Tensor::<1, Int>::from_ints([0, 10, 3, 3, 7, 1, 9], &device);
        let losses = losses(hidden.clone(), weight.clone(), targets);
        let upstream = random::<1>([n], 1.0, 3, &device);
        let gradients = (losses.clone() * upstream).sum().backward();
        let leaves = [Some(hidden), is_trained.then_some(weight)];
        let found = leaves.into_iter().flatten().map(|leaf| {
            let gradient = leaf.grad(&gradients);
            gradient.unwrap_or_else(|| panic!("a leaf of {:?} has no gradient", leaf.dims()))
        });
        let found = found.collect();
        (losses.inner(), found)
    }

    #[test]
    fn agrees_with_the_twin_in_values_and_gradients_at_any_chunk() {
        for smoothing in [0.0, 0.1, 1.0] {
            for is_trained in [false, true] {
                let (expected, expected_gradients) = run(is_trained, |hidden, weight, targets| {
                    reference::linear_cross_entropy_rows(hidden, weight, targets, smoothing)
                });
                for rows in [1, 2, 3, 7, 50] {
                    let (losses, gradients) =
                        run(is_trained, |hidden, weight, targets| match is_trained {
                            true => trained(hidden, weight, targets, smoothing, rows),
                            false => {
                                let (weight, targets) = (weight.inner(), targets.inner());
                                chunked(hidden, weight, targets, smoothing, rows)
                            }
                        });
                    assert_close(losses, expected.clone(), 1e-6);
                    assert_eq!(gradients.len(), 1 + usize::from(is_trained));
                    for (found, expected) in gradients.into_iter().zip(&expected_gradients) {
                        assert_close(found, expected.clone(), 1e-6);
                    }
                }
            }
        }
    }
}
