//! `silu(gate) · up`: one pass forward, one pass backward.

use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};

use super::launch::{by_values, empty_like};

#[cube(launch)]
fn forward_kernel<F: Float>(gate: &[F], up: &[F], output: &mut [F], #[define(F)] _dtype: ElemType) {
    let at = ABSOLUTE_POS;
    if at < output.len() {
        let gate = f32::cast_from(gate[at]);
        let sigmoid = 1.0f32 / (1.0f32 + (-gate).exp());
        output[at] = F::cast_from(gate * sigmoid * f32::cast_from(up[at]));
    }
}

/// With `s = σ(z)`: `silu'(z) = s·(1 + z·(1 − s))`.
#[cube(launch)]
fn backward_kernel<F: Float>(
    gate: &[F],
    up: &[F],
    grad: &[F],
    by_gate: &mut [F],
    by_up: &mut [F],
    #[define(F)] _dtype: ElemType,
) {
    let at = ABSOLUTE_POS;
    if at < by_gate.len() {
        let gate = f32::cast_from(gate[at]);
        let grad = f32::cast_from(grad[at]);
        let sigmoid = 1.0f32 / (1.0f32 + (-gate).exp());
        let slope = sigmoid * (1.0f32 + gate * (1.0f32 - sigmoid));
        by_gate[at] = F::cast_from(grad * f32::cast_from(up[at]) * slope);
        by_up[at] = F::cast_from(grad * gate * sigmoid);
    }
}

pub(super) fn forward(gate: CubeTensor, up: CubeTensor) -> CubeTensor {
    let [gate, up] = [gate, up].map(into_contiguous);
    let output = empty_like(&gate);
    let values = output.meta.num_elements();
    if values == 0 {
        return output;
    }
    let client = output.client.clone();
    let (count, dim) = by_values(&client, values);
    forward_kernel::launch(
        &client,
        count,
        dim,
        gate.into_buffer_arg(),
        up.into_buffer_arg(),
        output.clone().into_buffer_arg(),
        dtype_to_storage_type(output.dtype),
    );
    output
}

pub(super) fn backward(
    gate: CubeTensor,
    up: CubeTensor,
    grad: CubeTensor,
) -> (CubeTensor, CubeTensor) {
    let [gate, up, grad] = [gate, up, grad].map(into_contiguous);
    let (by_gate, by_up) = (empty_like(&gate), empty_like(&up));
    let values = by_gate.meta.num_elements();
    if values == 0 {
        return (by_gate, by_up);
    }
    let client = by_gate.client.clone();
    let (count, dim) = by_values(&client, values);
    backward_kernel::launch(
        &client,
        count,
        dim,
        gate.into_buffer_arg(),
        up.into_buffer_arg(),
        grad.into_buffer_arg(),
        by_gate.clone().into_buffer_arg(),
        by_up.clone().into_buffer_arg(),
        dtype_to_storage_type(by_gate.dtype),
    );
    (by_gate, by_up)
}
