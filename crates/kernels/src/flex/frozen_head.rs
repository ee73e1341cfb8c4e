//! Head and cross entropy where the head is frozen: losses and gradients of the
//! states in one pass over the logits.
//!
//! Logits exist for some rows at a time. Each row's gradient in its state does
//! not depend on what comes behind the loss but by a factor, so it is made at
//! once, and the logits' room becomes that of their gradients.

use burn::backend::{Autodiff, Backend, Flex, backend_extension, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_autodiff::checkpoint::strategy::CheckpointStrategy;
use multiversion::multiversion;
use rayon::prelude::*;

use super::exp::exp;
use super::gemm::Matrix;
use super::head::{buffer, states};
use super::rank2::{Rank2, frozen_into, matrix};
use super::rows::tensor;
use crate::head_targets::HeadTargets;

/// What the Flex backend has for a frozen head.
#[backend_extension(Flex, Autodiff)]
pub trait FrozenHeadKernels: Backend {
    /// The losses `[n]`, and each row's gradient `[n, d]` for an upstream
    /// gradient of one; no gradients `[0, d]` unless they are wanted. Plain
    /// values: nothing is recorded.
    fn frozen_head(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        targets: HeadTargets,
        gradients: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl FrozenHeadKernels for Flex {
    /// With `D = softmax(h·Wᵀ) − (1 − ε)·onehot − ε/vocabulary`: `dh = D·W`.
    fn frozen_head(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        targets: HeadTargets,
        gradients: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [hidden, weight] = [hidden, weight].map(Rank2::new);
        let (hidden, weight) = (hidden.matrix(), weight.matrix());
        let (n, d, vocabulary) = (hidden.rows, hidden.columns, weight.rows);
        let mut buffer = buffer(&targets, vocabulary);
        let mut losses = Vec::with_capacity(n);
        let mut found = vec![0.0; if gradients { n * d } else { 0 }];
        for (range, chunk) in targets.chunks() {
            let states = states(hidden, &range);
            let logits = &mut buffer[..chunk.len() * vocabulary];
            frozen_into(logits, states, weight.transposed());
            let rows = logits.par_chunks_mut(vocabulary).zip(chunk);
            let smoothing = targets.smoothing();
            losses.par_extend(
                rows.map(|(logits, &target)| judge(logits, target, smoothing, gradients).0),
            );
            if gradients {
                let by_logits = Matrix::new(logits, chunk.len(), vocabulary, vocabulary);
                frozen_into(
                    &mut found[range.start * d..range.end * d],
                    by_logits,
                    weight,
                );
            }
        }
        let rows = if gradients { n } else { 0 };
        (tensor(losses, Shape::new([n])), matrix(found, rows, d))
    }
}

impl<B: FrozenHeadKernels, C: CheckpointStrategy> FrozenHeadKernels for Autodiff<B, C> {
    fn frozen_head(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: HeadTargets,
        _: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("called on plain tensors; the caller records what it needs")
    }
}

/// The loss of a row and its log-sum-exp; its logits become their gradients if
/// those are wanted, and have no meaning left if not.
#[multiversion(targets("x86_64+avx512f+avx512vl+fma", "x86_64+avx2+fma"))]
pub(super) fn judge(
    logits: &mut [f32],
    target: usize,
    smoothing: f32,
    gradients: bool,
) -> (f32, f32) {
    // Sixteen partial results, so that the loops become vector instructions.
    let mut largest = [f32::NEG_INFINITY; 16];
    let (blocks, rest) = logits.as_chunks::<16>();
    for block in blocks {
        for (largest, logit) in largest.iter_mut().zip(block) {
            *largest = largest.max(*logit);
        }
    }
    let largest = largest
        .iter()
        .chain(rest)
        .fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    let goal = logits[target] - largest;
    let (mut sums, mut totals) = ([0.0f64; 16], [0.0f64; 16]);
    // Sums of a thousand exponentials, and of as many logits for the smoothing,
    // in f32, those in f64.
    for part in logits.chunks_mut(16 * 64) {
        let (mut partial, mut total) = ([0.0f32; 16], [0.0f32; 16]);
        let (blocks, rest) = part.as_chunks_mut::<16>();
        for block in blocks {
            for ((partial, total), logit) in partial.iter_mut().zip(&mut total).zip(block) {
                *logit -= largest;
                *total += *logit;
                *logit = exp(*logit);
                *partial += *logit;
            }
        }
        for ((partial, total), logit) in partial.iter_mut().zip(&mut total).zip(rest) {
            *logit -= largest;
            *total += *logit;
            *logit = exp(*logit);
            *partial += *logit;
        }
        for (sums, partial) in [(&mut sums, partial), (&mut totals, total)] {
            for (sum, partial) in sums.iter_mut().zip(partial) {
                *sum += f64::from(partial);
            }
        }
    }
    let sum: f64 = sums.iter().sum();
    let mean = totals.iter().sum::<f64>() / logits.len() as f64;
    if gradients {
        let share = smoothing / logits.len() as f32;
        let factor = (1.0 / sum) as f32;
        for logit in logits.iter_mut() {
            *logit = *logit * factor - share;
        }
        logits[target] -= 1.0 - smoothing;
    }
    let smoothing = f64::from(smoothing);
    // Without smoothing the mean has no weight, whatever it is.
    let spread = if smoothing > 0.0 {
        smoothing * mean
    } else {
        0.0
    };
    let loss = sum.ln() - (1.0 - smoothing) * f64::from(goal) - spread;
    (loss as f32, (f64::from(largest) + sum.ln()) as f32)
}
