//! Half-split rotation of one tensor or of two, read through any strides and
//! written contiguously.

use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};

use super::launch::{by_values, empty_like};

/// Turns the pair `at` of `x`, counted in row-major order, into `output`, which
/// is contiguous. One table serves all rows of the batch, or each has its own.
#[cube]
fn turn<F: Float>(
    x: &Tensor<F>,
    cos: &[f32],
    sin: &[f32],
    output: &mut Tensor<F>,
    sign: f32,
    at: usize,
) {
    let half = x.shape(3) / 2;
    let (row, i) = (at / half, at % half);
    let (above, position) = (row / x.shape(2), row % x.shape(2));
    let (batch, head) = (above / x.shape(1), above % x.shape(1));
    let first = batch * x.stride(0) + head * x.stride(1) + position * x.stride(2) + i * x.stride(3);
    let own = (batch * x.shape(2) + position) * half + i;
    let table = select(own < cos.len(), own, position * half + i);
    let (a, b) = (
        f32::cast_from(x[first]),
        f32::cast_from(x[first + half * x.stride(3)]),
    );
    let (cos, sin) = (cos[table], sign * sin[table]);
    let start = row * half * 2 + i;
    output[start] = F::cast_from(a * cos - b * sin);
    output[start + half] = F::cast_from(b * cos + a * sin);
}

#[cube(launch)]
fn kernel<F: Float>(
    x: &Tensor<F>,
    cos: &[f32],
    sin: &[f32],
    output: &mut Tensor<F>,
    sign: f32,
    pairs: u32,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS < pairs as usize {
        turn::<F>(x, cos, sin, output, sign, ABSOLUTE_POS);
    }
}

#[cube(launch)]
fn pair_kernel<F: Float>(
    q: &Tensor<F>,
    k: &Tensor<F>,
    cos: &[f32],
    sin: &[f32],
    q_output: &mut Tensor<F>,
    k_output: &mut Tensor<F>,
    q_pairs: u32,
    k_pairs: u32,
    #[define(F)] _dtype: ElemType,
) {
    let (q_pairs, k_pairs) = (q_pairs as usize, k_pairs as usize);
    if ABSOLUTE_POS < q_pairs {
        turn::<F>(q, cos, sin, q_output, 1.0f32, ABSOLUTE_POS);
    } else if ABSOLUTE_POS < q_pairs + k_pairs {
        turn::<F>(k, cos, sin, k_output, 1.0f32, ABSOLUTE_POS - q_pairs);
    }
}

/// Pairs of values that turn.
fn pairs(x: &CubeTensor) -> usize {
    x.meta.num_elements() / 2
}

pub(super) fn forward(
    x: CubeTensor,
    cos: CubeTensor,
    sin: CubeTensor,
    inverse: bool,
) -> CubeTensor {
    let [cos, sin] = [cos, sin].map(into_contiguous);
    let (output, pairs) = (empty_like(&x), pairs(&x));
    if pairs == 0 {
        return output;
    }
    let client = output.client.clone();
    let (count, dim) = by_values(&client, pairs);
    kernel::launch(
        &client,
        count,
        dim,
        x.into_tensor_arg(),
        cos.into_buffer_arg(),
        sin.into_buffer_arg(),
        output.clone().into_tensor_arg(),
        if inverse { -1.0 } else { 1.0 },
        pairs as u32,
        dtype_to_storage_type(output.dtype),
    );
    output
}

pub(super) fn pair(
    q: CubeTensor,
    k: CubeTensor,
    cos: CubeTensor,
    sin: CubeTensor,
) -> (CubeTensor, CubeTensor) {
    let [cos, sin] = [cos, sin].map(into_contiguous);
    let (q_output, k_output) = (empty_like(&q), empty_like(&k));
    let (q_pairs, k_pairs) = (pairs(&q), pairs(&k));
    if q_pairs == 0 || k_pairs == 0 {
        return (q_output, k_output);
    }
    let client = q_output.client.clone();
    let (count, dim) = by_values(&client, q_pairs + k_pairs);
    pair_kernel::launch(
        &client,
        count,
        dim,
        q.into_tensor_arg(),
        k.into_tensor_arg(),
        cos.into_buffer_arg(),
        sin.into_buffer_arg(),
        q_output.clone().into_tensor_arg(),
        k_output.clone().into_tensor_arg(),
        q_pairs as u32,
        k_pairs as u32,
        dtype_to_storage_type(q_output.dtype),
    );
    (q_output, k_output)
}
