//! A linear layer with or without an adapter, by the cheapest way there is.

use anneal_kernels::lora_linear;
use anneal_peft::{LinearExt, LoraFactors};
use burn::nn::Linear;
use burn::tensor::{DType, Tensor};

/// `x·W + b`, and the adapter's update where there is one.
///
/// An adapter without bias and dropout in f32 takes the kernel that adds the
/// update in place; everything else is `forward_adapted`. Both compute the same.
pub(super) fn project(linear: &Linear, x: Tensor<3>) -> Tensor<3> {
    let plain = linear.bias.is_none() && x.dtype() == DType::F32;
    match linear.weight.reparameterization::<LoraFactors>() {
        Some(factors) if plain && factors.dropout.prob == 0.0 => {
            let weight = linear.weight.base();
            lora_linear(x, weight, factors.a.val(), factors.b.val(), factors.scale)
        }
        _ => linear.forward_adapted(x),
    }
}
