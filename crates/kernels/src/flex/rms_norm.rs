//! RMS norm: one pass forward, one pass backward.

use burn::backend::{Autodiff, Flex, TensorMetadata, tensor::FloatTensor};
use burn_autodiff::NodeId;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};
use multiversion::multiversion;
use rayon::prelude::*;

use super::FlexKernels;
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

#[derive(Debug)]
struct RmsNorm;

impl<B: FlexKernels> Backward<B, 1> for RmsNorm {
    type State = (NodeId, FloatTensor<B>, f64);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [parent] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let (x, weight, epsilon) = ops.state;
        if let Some(parent) = parent {
            let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(x);
            grads.register::<B>(parent.id, B::rms_norm_backward(x, weight, grad, epsilon));
        }
    }
}

/// Records the operation; the weight is no parent of it.
pub(super) fn record<B: FlexKernels, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    epsilon: f64,
) -> FloatTensor<Autodiff<B, C>> {
    let (weight, _) = weight.into_parts();
    match RmsNorm.prepare::<C>([x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(mut prep) => {
            let state = prep.checkpoint(&x);
            let (x, _) = x.into_parts();
            let output = B::rms_norm(x, weight.clone(), epsilon);
            prep.finish((state, weight, epsilon), output)
        }
        OpsKind::UnTracked(prep) => {
            let (x, _) = x.into_parts();
            prep.finish(B::rms_norm(x, weight, epsilon))
        }
    }
}
