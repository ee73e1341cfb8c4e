//! Head and cross entropy where the head is trained: logits a few rows at a
//! time, on the way forward and once more on the way back.
//!
//! The gradient of the weight depends on each row's upstream gradient, so it
//! can't be made on the way forward. Making the logits again costs a third more
//! products and saves keeping them.

use std::sync::Arc;

use burn::backend::{Autodiff, Backend, Flex, backend_extension, tensor::FloatTensor};
use burn::tensor::{Int, Shape, Tensor};
use burn_autodiff::NodeId;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};
use multiversion::multiversion;
use rayon::prelude::*;

use super::exp::exp;
use super::gemm::{Matrix, parallel_product};
use super::rank2::{Rank2, matrix};
use super::rows::{Contiguous, tensor};
use crate::recorded::{FIRST_ORDER, register};

/// The head of a trained weight. Other devices take the plain twin.
#[backend_extension(Flex, Autodiff)]
pub trait HeadKernels: Backend {
    /// See [`linear_cross_entropy_rows`](crate::linear_cross_entropy_rows), for
    /// a weight that is trained.
    fn head_losses(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> FloatTensor<Self>;

    /// The losses, and each row's log-sum-exp.
    fn head_losses_forward(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The gradients of `hidden` and `weight`.
    fn head_losses_backward(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        log_sum_exp: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl HeadKernels for Flex {
    fn head_losses(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> FloatTensor<Self> {
        forward(hidden, weight, &targets).0
    }

    fn head_losses_forward(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        forward(hidden, weight, &targets)
    }

    fn head_losses_backward(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        log_sum_exp: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        backward(hidden, weight, log_sum_exp, grad, &targets)
    }
}

impl<B: HeadKernels, C: CheckpointStrategy> HeadKernels for Autodiff<B, C> {
    fn head_losses(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> FloatTensor<Self> {
        record::<B, C>(hidden, weight, targets)
    }

    fn head_losses_forward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: HeadTargets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("the log-sum-exp has no gradient; `head_losses` records the losses")
    }

    fn head_losses_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: HeadTargets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{FIRST_ORDER}")
    }
}

/// What the rows are judged by.
#[derive(Clone, Debug)]
pub struct HeadTargets {
    targets: Arc<[usize]>,
    smoothing: f32,
    /// Rows whose logits are there at a time.
    rows: usize,
}

impl HeadTargets {
    /// The targets of as many rows, read from the device.
    ///
    /// # Panics
    /// If a target is no row of the weight.
    pub(crate) fn new(
        targets: &Tensor<1, Int>,
        vocabulary: usize,
        smoothing: f32,
        rows: usize,
    ) -> Self {
        let data = targets.to_data();
        let targets = data.iter::<i64>().map(|target| {
            let index = usize::try_from(target).ok();
            let index = index.filter(|&index| index < vocabulary);
            index.unwrap_or_else(|| panic!("target {target} of a vocabulary of {vocabulary}"))
        });
        Self {
            targets: targets.collect(),
            smoothing,
            rows,
        }
    }

    /// The first row of each chunk, its states, and its targets.
    pub(super) fn chunks<'a>(
        &'a self,
        hidden: Matrix<'a>,
    ) -> impl Iterator<Item = (usize, Matrix<'a>, &'a [usize])> {
        let chunks = self.targets.chunks(self.rows).enumerate();
        chunks.map(move |(chunk, targets)| {
            let start = chunk * self.rows;
            let states = Matrix {
                values: &hidden.values[start * hidden.row_stride..],
                rows: targets.len(),
                ..hidden
            };
            (start, states, targets)
        })
    }

    /// The share of the target that is spread over the vocabulary.
    pub(super) fn smoothing(&self) -> f32 {
        self.smoothing
    }

    /// Room for the logits of a chunk.
    pub(super) fn buffer(&self, vocabulary: usize) -> Vec<f32> {
        vec![0.0; self.rows.min(self.targets.len()) * vocabulary]
    }
}

/// The losses and each row's log-sum-exp.
pub(super) fn forward(
    hidden: FloatTensor<Flex>,
    weight: FloatTensor<Flex>,
    targets: &HeadTargets,
) -> (FloatTensor<Flex>, FloatTensor<Flex>) {
    let [hidden, weight] = [hidden, weight].map(Rank2::new);
    let (hidden, weight) = (hidden.matrix(), weight.matrix());
    let (n, vocabulary) = (hidden.rows, weight.rows);
    let mut buffer = targets.buffer(vocabulary);
    let mut found = Vec::with_capacity(n);
    for (_, states, chunk) in targets.chunks(hidden) {
        let logits = &mut buffer[..chunk.len() * vocabulary];
        parallel_product(logits, vocabulary, false, 1.0, states, weight.transposed());
        let rows = logits.par_chunks(vocabulary).zip(chunk);
        let rows = rows.map(|(logits, &target)| row_loss(logits, target, targets.smoothing));
        found.par_extend(rows);
    }
    let (losses, log_sum_exp): (Vec<f32>, Vec<f32>) = found.into_iter().unzip();
    let vector = |values| tensor(values, Shape::new([n]));
    (vector(losses), vector(log_sum_exp))
}

/// With `D = g·(softmax(h·Wᵀ) − (1 − ε)·onehot − ε/vocabulary)`:
/// `dh = D·W`, `dW = Dᵀ·h`.
pub(super) fn backward(
    hidden: FloatTensor<Flex>,
    weight: FloatTensor<Flex>,
    log_sum_exp: FloatTensor<Flex>,
    grad: FloatTensor<Flex>,
    targets: &HeadTargets,
) -> (FloatTensor<Flex>, FloatTensor<Flex>) {
    let [hidden, weight] = [hidden, weight].map(Rank2::new);
    let [log_sum_exp, grad] = [log_sum_exp, grad].map(Contiguous::new);
    let (hidden, weight) = (hidden.matrix(), weight.matrix());
    let (d, vocabulary) = (hidden.columns, weight.rows);
    let mut by_hidden = vec![0.0; hidden.rows * d];
    let mut by_weight = vec![0.0; vocabulary * d];
    let mut buffer = targets.buffer(vocabulary);
    for (start, states, chunk) in targets.chunks(hidden) {
        let rows = start..start + chunk.len();
        let logits = &mut buffer[..chunk.len() * vocabulary];
        parallel_product(logits, vocabulary, false, 1.0, states, weight.transposed());
        let given = log_sum_exp.values()[rows.clone()]
            .par_iter()
            .zip(&grad.values()[rows.clone()]);
        logits
            .par_chunks_mut(vocabulary)
            .zip(chunk)
            .zip(given)
            .for_each(|((logits, &target), (&log_sum_exp, &grad))| {
                row_gradient(logits, target, targets.smoothing, log_sum_exp, grad);
            });
        let by_logits = Matrix::new(logits, chunk.len(), vocabulary, vocabulary);
        let output = &mut by_hidden[rows.start * d..rows.end * d];
        parallel_product(output, d, false, 1.0, by_logits, weight);
        parallel_product(&mut by_weight, d, true, 1.0, by_logits.transposed(), states);
    }
    (
        matrix(by_hidden, hidden.rows, d),
        matrix(by_weight, vocabulary, d),
    )
}

/// A row's loss and its log-sum-exp.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn row_loss(logits: &[f32], target: usize, smoothing: f32) -> (f32, f32) {
    // Whole vectors at a time, as in attention; a block's sums are f32, those
    // of a whole vocabulary f64.
    const BLOCK: usize = 1024;
    let (vectors, rest) = logits.as_chunks::<16>();
    let mut largest = [f32::MIN; 16];
    for vector in vectors {
        for (largest, &logit) in largest.iter_mut().zip(vector) {
            *largest = if logit > *largest { logit } else { *largest };
        }
    }
    let largest = largest.iter().chain(rest).copied();
    let largest = largest.fold(f32::MIN, f32::max);
    let (mut exponentials, mut total) = (0.0f64, 0.0f64);
    for block in logits.chunks(BLOCK) {
        let (mut sums, mut totals) = ([0.0f32; 16], [0.0f32; 16]);
        let (vectors, rest) = block.as_chunks::<16>();
        for vector in vectors {
            for ((sum, total), logit) in sums.iter_mut().zip(&mut totals).zip(vector) {
                *sum += exp(logit - largest);
                *total += logit - largest;
            }
        }
        for ((sum, total), logit) in sums.iter_mut().zip(&mut totals).zip(rest) {
            *sum += exp(logit - largest);
            *total += logit - largest;
        }
        exponentials += f64::from(sums.iter().sum::<f32>());
        total += f64::from(totals.iter().sum::<f32>());
    }
    let log_sum = exponentials.ln() as f32;
    let chosen = (1.0 - smoothing) * (logits[target] - largest);
    let loss = match smoothing {
        0.0 => log_sum - chosen,
        _ => log_sum - chosen - smoothing * (total / logits.len() as f64) as f32,
    };
    (loss, largest + log_sum)
}

/// A row's `D` in place of its logits.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn row_gradient(logits: &mut [f32], target: usize, smoothing: f32, log_sum_exp: f32, grad: f32) {
    let uniform = smoothing / logits.len() as f32;
    for logit in logits.iter_mut() {
        *logit = grad * (exp(*logit - log_sum_exp) - uniform);
    }
    logits[target] -= grad * (1.0 - smoothing);
}

#[derive(Debug)]
struct Head;

impl<B: HeadKernels> Backward<B, 2> for Head {
    type State = ([NodeId; 2], FloatTensor<B>, HeadTargets);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let parents = ops.parents.map(|parent| parent.map(|parent| parent.id));
        let grad = grads.consume::<B>(&ops.node);
        let (inputs, log_sum_exp, targets) = ops.state;
        let [hidden, weight] = inputs.map(|id| checkpointer.retrieve_node_output(id));
        let (by_hidden, by_weight) =
            B::head_losses_backward(hidden, weight, log_sum_exp, grad, targets);
        register::<B, _>(grads, parents, [by_hidden, by_weight]);
    }
}

/// Records the operation.
pub(super) fn record<B: HeadKernels, C: CheckpointStrategy>(
    hidden: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    targets: HeadTargets,
) -> FloatTensor<Autodiff<B, C>> {
    match Head
        .prepare::<C>([hidden.node(), weight.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(mut prep) => {
            let inputs = [prep.checkpoint(&hidden), prep.checkpoint(&weight)];
            let [hidden, weight] = [hidden, weight].map(|tensor| tensor.into_parts().0);
            let (losses, log_sum_exp) = B::head_losses_forward(hidden, weight, targets.clone());
            prep.finish((inputs, log_sum_exp, targets), losses)
        }
        OpsKind::UnTracked(prep) => {
            let [hidden, weight] = [hidden, weight].map(|tensor| tensor.into_parts().0);
            prep.finish(B::head_losses(hidden, weight, targets))
        }
    }
}
