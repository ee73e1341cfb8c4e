//! Half-split rotation, read through any strides and written contiguously.

use burn::backend::{Flex, TensorMetadata, tensor::FloatTensor};
use multiversion::multiversion;
use rayon::prelude::*;

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
