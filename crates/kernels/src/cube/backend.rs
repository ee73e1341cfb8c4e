//! The kernels on burn's GPU backend. Products have the trait's own bodies.

use burn::backend::tensor::FloatTensor;
use burn::tensor::{DType, Shape};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};

use super::{attention, rms_norm, rotary, swiglu};
use crate::{FirstKeys, kernels::Kernels};

impl Kernels for CubeBackend {
    fn rms_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        rms_norm::forward(x, weight, epsilon)
    }

    fn rms_norm_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        rms_norm::backward(x, weight, grad, epsilon)
    }

    fn add_rms_norm(
        x: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        rms_norm::add_forward(x, residual, weight, epsilon)
    }

    fn rotary(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        inverse: bool,
    ) -> FloatTensor<Self> {
        rotary::forward(x, cos, sin, inverse)
    }

    fn rotary_pair(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        rotary::pair(q, k, cos, sin)
    }

    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        swiglu::forward(gate, up)
    }

    fn swiglu_backward(
        gate: FloatTensor<Self>,
        up: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        swiglu::backward(gate, up, grad)
    }

    fn causal_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        first: Option<FirstKeys>,
    ) -> FloatTensor<Self> {
        Self::causal_attention_forward(q, k, v, first).0
    }

    fn causal_attention_forward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        first: Option<FirstKeys>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let first = first.map(|first| uploaded(&first, &q));
        attention::forward(q, k, v, first)
    }

    fn causal_attention_backward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        output: FloatTensor<Self>,
        log_sum_exp: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        first: Option<FirstKeys>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let first = first.map(|first| uploaded(&first, &q));
        attention::backward(q, k, v, output, log_sum_exp, grad, first)
    }
}

/// The bounds on the device of `beside`, `[batch, queries]` in i32.
fn uploaded(first: &FirstKeys, beside: &CubeTensor) -> CubeTensor {
    let [batch, queries] = first.dims();
    let bounds = (0..batch).flat_map(|row| first.row(row));
    let bounds: Vec<u8> = bounds
        .flat_map(|&bound| (bound as i32).to_ne_bytes())
        .collect();
    let client = beside.client.clone();
    let handle = client.create_from_slice(&bounds);
    let shape = Shape::new([batch, queries]);
    CubeTensor::new_contiguous(client, beside.device.clone(), shape, handle, DType::I32)
}
