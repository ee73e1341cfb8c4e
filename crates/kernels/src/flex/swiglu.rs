//! `silu(gate) · up`: one pass forward, one pass backward.

use burn::backend::{Flex, TensorMetadata, tensor::FloatTensor};
use multiversion::multiversion;
use rayon::prelude::*;

use super::exp::exp;
use super::rows::{Contiguous, tensor};

/// Values a thread takes at a time.
const TASK: usize = 1 << 14;

pub(super) fn forward(gate: FloatTensor<Flex>, up: FloatTensor<Flex>) -> FloatTensor<Flex> {
    let shape = gate.shape();
    let (gate, up) = (Contiguous::new(gate), Contiguous::new(up));
    let mut output = vec![0.0; gate.values().len()];
    let inputs = gate
        .values()
        .par_chunks(TASK)
        .zip(up.values().par_chunks(TASK));
    output
        .par_chunks_mut(TASK)
        .zip(inputs)
        .for_each(|(output, (gate, up))| {
            forward_values(gate, up, output);
        });
    tensor(output, shape)
}

pub(super) fn backward(
    gate: FloatTensor<Flex>,
    up: FloatTensor<Flex>,
    grad: FloatTensor<Flex>,
) -> (FloatTensor<Flex>, FloatTensor<Flex>) {
    let shape = gate.shape();
    let (gate, up, grad) = (
        Contiguous::new(gate),
        Contiguous::new(up),
        Contiguous::new(grad),
    );
    let (gate, up, grad) = (gate.values(), up.values(), grad.values());
    let (mut by_gate, mut by_up) = (vec![0.0; gate.len()], vec![0.0; gate.len()]);
    let inputs = gate
        .par_chunks(TASK)
        .zip(up.par_chunks(TASK))
        .zip(grad.par_chunks(TASK));
    by_gate
        .par_chunks_mut(TASK)
        .zip(by_up.par_chunks_mut(TASK))
        .zip(inputs)
        .for_each(|((by_gate, by_up), ((gate, up), grad))| {
            backward_values(gate, up, grad, by_gate, by_up);
        });
    (tensor(by_gate, shape.clone()), tensor(by_up, shape))
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn forward_values(gate: &[f32], up: &[f32], output: &mut [f32]) {
    for ((output, &gate), &up) in output.iter_mut().zip(gate).zip(up) {
        *output = gate / (1.0 + exp(-gate)) * up;
    }
}

/// With `s = σ(z)`: `silu'(z) = s·(1 + z·(1 − s))`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn backward_values(gate: &[f32], up: &[f32], grad: &[f32], by_gate: &mut [f32], by_up: &mut [f32]) {
    let outputs = by_gate.iter_mut().zip(by_up);
    for (((&gate, &up), &grad), (by_gate, by_up)) in gate.iter().zip(up).zip(grad).zip(outputs) {
        let sigmoid = 1.0 / (1.0 + exp(-gate));
        *by_gate = grad * up * sigmoid * (1.0 + gate * (1.0 - sigmoid));
        *by_up = grad * gate * sigmoid;
    }
}
