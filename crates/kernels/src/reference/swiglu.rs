//! The gated activation of a Llama's feed-forward layer, in plain operations.

use burn::tensor::{Tensor, activation};

/// `silu(gate) · up`, with `silu(z) = z · σ(z)`; all shapes are equal.
///
/// Shazeer, 2020, <https://arxiv.org/abs/2002.05202>.
pub fn swiglu<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    activation::silu(gate) * up
}
