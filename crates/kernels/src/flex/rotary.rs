//! Half-split rotation, read through any strides and written contiguously.

use burn::backend::{Autodiff, Flex, TensorMetadata, tensor::FloatTensor};
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};
use multiversion::multiversion;
use rayon::prelude::*;

use super::FlexKernels;
use super::rows::{Contiguous, Heads, tensor};

pub(super) fn forward(
    x: FloatTensor<Flex>,
    cos: FloatTensor<Flex>,
    sin: FloatTensor<Flex>,
    inverse: bool,
) -> FloatTensor<Flex> {
    let shape = x.shape();
    let tables = cos.shape()[0];
    let (x, cos, sin) = (Heads::new(x), Contiguous::new(cos), Contiguous::new(sin));
    let [_, heads, length, width] = x.dims;
    let (cos, sin) = (cos.values(), sin.values());
    let sign = if inverse { -1.0 } else { 1.0 };
    let mut output = vec![0.0; shape.num_elements()];
    if output.is_empty() {
        return tensor(output, shape);
    }
    output
        .par_chunks_mut(length * width)
        .enumerate()
        .for_each(|(index, output)| {
            let (batch, head) = (index / heads, index % heads);
            // One table for all rows of the batch, or one for each.
            let table = if tables == 1 { 0 } else { batch } * length * width / 2;
            let range = table..table + length * width / 2;
            let (x, stride) = x.head(batch, head);
            rotate(
                x,
                stride,
                &cos[range.clone()],
                &sin[range],
                sign,
                width,
                output,
            );
        });
    tensor(output, shape)
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn rotate(
    x: &[f32],
    stride: usize,
    cos: &[f32],
    sin: &[f32],
    sign: f32,
    width: usize,
    output: &mut [f32],
) {
    let half = width / 2;
    for (row, output) in output.chunks_exact_mut(width).enumerate() {
        let (a, b) = x[row * stride..row * stride + width].split_at(half);
        let (cos, sin) = (&cos[row * half..][..half], &sin[row * half..][..half]);
        let (first, second) = output.split_at_mut(half);
        for i in 0..half {
            let sin = sign * sin[i];
            first[i] = a[i] * cos[i] - b[i] * sin;
            second[i] = b[i] * cos[i] + a[i] * sin;
        }
    }
}

#[derive(Debug)]
struct Rotary;

impl<B: FlexKernels> Backward<B, 1> for Rotary {
    type State = (FloatTensor<B>, FloatTensor<B>, bool);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [parent] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let (cos, sin, inverse) = ops.state;
        if let Some(parent) = parent {
            // A rotation's transpose is its inverse.
            grads.register::<B>(parent.id, B::rotary(grad, cos, sin, !inverse));
        }
    }
}

/// Records the operation; the tables are constants.
pub(super) fn record<B: FlexKernels, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    cos: FloatTensor<Autodiff<B, C>>,
    sin: FloatTensor<Autodiff<B, C>>,
    inverse: bool,
) -> FloatTensor<Autodiff<B, C>> {
    let ((cos, _), (sin, _)) = (cos.into_parts(), sin.into_parts());
    match Rotary.prepare::<C>([x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let output = B::rotary(x.into_parts().0, cos.clone(), sin.clone(), inverse);
            prep.finish((cos, sin, inverse), output)
        }
        OpsKind::UnTracked(prep) => prep.finish(B::rotary(x.into_parts().0, cos, sin, inverse)),
    }
}
