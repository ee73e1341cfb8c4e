//! The head of a trained weight from a backend's own products, a chunk of
//! logits at a time: what a GPU runs.

use std::ops::Range;

use burn::backend::{Backend, TensorMetadata, tensor::FloatTensor, tensor::IntTensor};
use burn::tensor::{DType, IndexingUpdateOp, Shape, Slice, TensorData};

use crate::head_targets::HeadTargets;

/// Some rows of a matrix.
fn rows<B: Backend>(matrix: &FloatTensor<B>, rows: &Range<usize>) -> FloatTensor<B> {
    let columns = matrix.shape()[1];
    let slices = [Slice::from(rows.clone()), Slice::from(0..columns)];
    B::float_slice(matrix.clone(), &slices)
}

/// The targets of a chunk, `[rows, 1]`.
fn indices<B: Backend>(targets: &[usize], like: &FloatTensor<B>) -> IntTensor<B> {
    let values: Vec<i64> = targets.iter().map(|&target| target as i64).collect();
    let data = TensorData::new(values, [targets.len(), 1]);
    B::int_from_data(data, &like.device())
}

/// `n` rows of one value each, as a vector or as a column.
fn column<B: Backend>(vector: FloatTensor<B>, shape: &[usize]) -> FloatTensor<B> {
    B::float_reshape(vector, Shape::from(shape.to_vec()))
}

/// The losses and each row's log-sum-exp, both `[n]`.
pub(crate) fn losses<B: Backend>(
    hidden: FloatTensor<B>,
    weight: FloatTensor<B>,
    targets: &HeadTargets,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let ([n, vocabulary], smoothing) = (
        [hidden.shape()[0], weight.shape()[0]],
        f64::from(targets.smoothing()),
    );
    let weight = B::float_transpose(weight);
    let (mut losses, mut sums) = (Vec::new(), Vec::new());
    for (range, chunk) in targets.chunks() {
        let logits = B::float_matmul(rows::<B>(&hidden, &range), weight.clone());
        let largest = B::float_max_dim(logits.clone(), 1);
        let logits = B::float_sub(logits, largest.clone());
        let mut goal = B::float_gather(1, logits.clone(), indices::<B>(chunk, &logits));
        if smoothing > 0.0 {
            // As a product: burn's fusion makes wrong losses of this mean with what follows.
            let share =
                TensorData::full_dtype([vocabulary, 1], 1.0 / vocabulary as f64, DType::F32);
            let share = B::float_from_data(share, &logits.device());
            let mean = B::float_matmul(logits.clone(), share);
            let goal_share = B::float_mul_scalar(goal, (1.0 - smoothing).into());
            goal = B::float_add(goal_share, B::float_mul_scalar(mean, smoothing.into()));
        }
        let log_sum = B::float_log(B::float_sum_dim(B::float_exp(logits), 1));
        losses.push(B::float_sub(log_sum.clone(), goal));
        sums.push(B::float_add(log_sum, largest));
    }
    let [losses, sums] = [losses, sums].map(|parts| column::<B>(B::float_cat(parts, 0), &[n]));
    (losses, sums)
}

/// With `D = g·(softmax(h·Wᵀ) − (1 − ε)·onehot − ε/vocabulary)`:
/// `dh = D·W`, `dW = Dᵀ·h`.
pub(crate) fn gradients<B: Backend>(
    hidden: FloatTensor<B>,
    weight: FloatTensor<B>,
    log_sum_exp: FloatTensor<B>,
    grad: FloatTensor<B>,
    targets: &HeadTargets,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let ([n, vocabulary], smoothing) = (
        [hidden.shape()[0], weight.shape()[0]],
        f64::from(targets.smoothing()),
    );
    let [log_sum_exp, grad] = [log_sum_exp, grad].map(|vector| column::<B>(vector, &[n, 1]));
    let turned = B::float_transpose(weight.clone());
    let (mut by_hidden, mut by_weight) = (Vec::new(), None);
    for (range, chunk) in targets.chunks() {
        let states = rows::<B>(&hidden, &range);
        let (log_sum_exp, grad) = (rows::<B>(&log_sum_exp, &range), rows::<B>(&grad, &range));
        let logits = B::float_matmul(states.clone(), turned.clone());
        let mut by_logits = B::float_exp(B::float_sub(logits, log_sum_exp));
        if smoothing > 0.0 {
            let share = smoothing / vocabulary as f64;
            by_logits = B::float_sub_scalar(by_logits, share.into());
        }
        let by_logits = B::float_mul(by_logits, grad.clone());
        // One target a row: no two of them meet.
        let goals = indices::<B>(chunk, &by_logits);
        let taken = B::float_mul_scalar(grad, (smoothing - 1.0).into());
        let by_logits = B::float_scatter(1, by_logits, goals, taken, IndexingUpdateOp::Add);
        by_hidden.push(B::float_matmul(by_logits.clone(), weight.clone()));
        let part = B::float_matmul(B::float_transpose(by_logits), states);
        by_weight = Some(match by_weight {
            None => part,
            Some(sum) => B::float_add(sum, part),
        });
    }
    let Some(by_weight) = by_weight else {
        unreachable!("there are rows")
    };
    (B::float_cat(by_hidden, 0), by_weight)
}
