//! RMS norm: one pass forward, one pass backward.

use burn::backend::{Flex, TensorMetadata, tensor::FloatTensor};
use multiversion::multiversion;
use rayon::prelude::*;

use super::rows::{Contiguous, ROWS_PER_TASK, tensor};

pub(super) fn forward(
    x: FloatTensor<Flex>,
    weight: FloatTensor<Flex>,
    epsilon: f64,
) -> FloatTensor<Flex> {
    let shape = x.shape();
    let (x, weight) = (Contiguous::new(x), Contiguous::new(weight));
    let (x, weight) = (x.values(), weight.values());
    let mut output = vec![0.0; x.len()];
    let task = ROWS_PER_TASK * weight.len();
    output
        .par_chunks_mut(task)
        .zip(x.par_chunks(task))
        .for_each(|(output, x)| {
            forward_rows(x, weight, epsilon as f32, output);
        });
    tensor(output, shape)
}

/// The sum of `x` and `residual`, and the norm of the sum while it is in cache.
pub(super) fn add_forward(
    x: FloatTensor<Flex>,
    residual: FloatTensor<Flex>,
    weight: FloatTensor<Flex>,
    epsilon: f64,
) -> (FloatTensor<Flex>, FloatTensor<Flex>) {
    let shape = x.shape();
    let [x, residual, weight] = [x, residual, weight].map(Contiguous::new);
    let (x, residual, weight) = (x.values(), residual.values(), weight.values());
    let (mut sum, mut output) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    let task = ROWS_PER_TASK * weight.len();
    let inputs = x.par_chunks(task).zip(residual.par_chunks(task));
    sum.par_chunks_mut(task)
        .zip(output.par_chunks_mut(task))
        .zip(inputs)
        .for_each(|((sum, output), (x, residual))| {
            for ((sum, x), residual) in sum.iter_mut().zip(x).zip(residual) {
                *sum = x + residual;
            }
            forward_rows(sum, weight, epsilon as f32, output);
        });
    (tensor(sum, shape.clone()), tensor(output, shape))
}

pub(super) fn backward(
    x: FloatTensor<Flex>,
    weight: FloatTensor<Flex>,
    grad: FloatTensor<Flex>,
    epsilon: f64,
) -> FloatTensor<Flex> {
    let shape = x.shape();
    let (x, weight, grad) = (
        Contiguous::new(x),
        Contiguous::new(weight),
        Contiguous::new(grad),
    );
    let (x, weight, grad) = (x.values(), weight.values(), grad.values());
    let mut output = vec![0.0; x.len()];
    let task = ROWS_PER_TASK * weight.len();
    let inputs = x.par_chunks(task).zip(grad.par_chunks(task));
    output
        .par_chunks_mut(task)
        .zip(inputs)
        .for_each(|(output, (x, grad))| {
            backward_rows(x, weight, grad, epsilon as f32, output);
        });
    tensor(output, shape)
}

/// A sum over sixteen lanes: the order of a vector register, spelled out, since
/// the compiler may not reorder floats by itself.
#[inline(always)]
fn lanes(terms: impl Iterator<Item = f32>) -> f32 {
    let mut sums = [0.0f32; 16];
    for (i, term) in terms.enumerate() {
        sums[i % 16] += term;
    }
    sums.iter().sum()
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn forward_rows(x: &[f32], weight: &[f32], epsilon: f32, output: &mut [f32]) {
    let width = weight.len();
    for (x, output) in x.chunks_exact(width).zip(output.chunks_exact_mut(width)) {
        let mean = lanes(x.iter().map(|v| v * v)) / width as f32;
        let inverse = 1.0 / (mean + epsilon).sqrt();
        for ((output, x), weight) in output.iter_mut().zip(x).zip(weight) {
            *output = x * inverse * weight;
        }
    }
}

/// With `i = 1 / rms` and `g = dy·w`: `dx = i·g − x·i³·mean(g·x)`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn backward_rows(x: &[f32], weight: &[f32], grad: &[f32], epsilon: f32, output: &mut [f32]) {
    let width = weight.len();
    let rows = x.chunks_exact(width).zip(grad.chunks_exact(width));
    for ((x, grad), output) in rows.zip(output.chunks_exact_mut(width)) {
        let mean = lanes(x.iter().map(|v| v * v)) / width as f32;
        let inverse = 1.0 / (mean + epsilon).sqrt();
        let dot = lanes(x.iter().zip(grad).zip(weight).map(|((x, g), w)| x * g * w));
        let factor = inverse * inverse * inverse * dot / width as f32;
        for (((output, x), grad), weight) in output.iter_mut().zip(x).zip(grad).zip(weight) {
            *output = grad * weight * inverse - x * factor;
        }
    }
}
