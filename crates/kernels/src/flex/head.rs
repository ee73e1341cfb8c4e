//! Head and cross entropy where the head is trained: logits a few rows at a
//! time, on the way forward and once more on the way back.

use std::ops::Range;

use burn::backend::{Flex, tensor::FloatTensor};
use burn::tensor::Shape;
use multiversion::multiversion;
use rayon::prelude::*;

use super::exp::exp;
use super::frozen_head::judge;
use super::gemm::{Matrix, parallel_product};
use super::rank2::{Rank2, matrix};
use super::rows::{Contiguous, tensor};
use crate::head_targets::HeadTargets;

/// Room for the logits of a chunk.
pub(super) fn buffer(targets: &HeadTargets, vocabulary: usize) -> Vec<f32> {
    vec![0.0; targets.rows_at_once() * vocabulary]
}

/// Some of the states.
pub(super) fn states<'a>(hidden: Matrix<'a>, rows: &Range<usize>) -> Matrix<'a> {
    Matrix {
        values: &hidden.values[rows.start * hidden.row_stride..],
        rows: rows.len(),
        ..hidden
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
    let mut buffer = buffer(targets, vocabulary);
    let mut found = Vec::with_capacity(n);
    for (rows, chunk) in targets.chunks() {
        let states = states(hidden, &rows);
        let logits = &mut buffer[..chunk.len() * vocabulary];
        parallel_product(logits, vocabulary, false, 1.0, states, weight.transposed());
        let rows = logits.par_chunks_mut(vocabulary).zip(chunk);
        let rows = rows.map(|(logits, &target)| judge(logits, target, targets.smoothing(), false));
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
    let mut buffer = buffer(targets, vocabulary);
    for (rows, chunk) in targets.chunks() {
        let states = states(hidden, &rows);
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
                row_gradient(logits, target, targets.smoothing(), log_sum_exp, grad);
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

/// A row's `D` in place of its logits.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn row_gradient(logits: &mut [f32], target: usize, smoothing: f32, log_sum_exp: f32, grad: f32) {
    let uniform = smoothing / logits.len() as f32;
    for logit in logits.iter_mut() {
        *logit = grad * (exp(*logit - log_sum_exp) - uniform);
    }
    logits[target] -= grad * (1.0 - smoothing);
}
