//! A linear layer with or without an adapter, by the cheapest way there is.

use anneal_kernels::{self as kernels, lora_linear};
use anneal_peft::{LinearExt, LoraFactors};
use burn::nn::Linear;
use burn::tensor::{DType, Tensor};

/// `x·W + b`, and the adapter's update where there is one.
///
/// An adapter without bias and dropout in f32 takes the kernel that adds the
/// update in place, any other `forward_adapted`; both compute the same.
pub(super) fn project<const D: usize>(linear: &Linear, x: Tensor<D>) -> Tensor<D> {
    let plain = linear.bias.is_none() && x.dtype() == DType::F32;
    match linear.weight.reparameterization::<LoraFactors>() {
        Some(factors) if plain && factors.dropout.prob == 0.0 => {
            let weight = linear.weight.base();
            lora_linear(x, weight, factors.a.val(), factors.b.val(), factors.scale)
        }
        Some(_) => linear.forward_adapted(x),
        None => {
            let bias = linear.bias.as_ref().map(|bias| bias.val());
            kernels::linear(x, linear.weight.val(), bias)
        }
    }
}
