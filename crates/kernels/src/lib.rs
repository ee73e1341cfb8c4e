//! Differentiable operations that a Llama needs and burn lacks.
//!
//! Every kernel has a plain twin in [`mod@reference`], written in burn's tensor
//! operations and differentiated by burn, and a test that the two agree in
//! values and gradients ([`logits`] is no kernel of its own: it is [`linear`] on
//! a weight that is widened piece by piece; [`cross_entropy_rows`] is plain already).
//! The functions here choose the fastest form that the tensor's device offers;
//! the twins are for tests, for reading, and for devices without a kernel of
//! their own.
//!
//! Tensors may be f32 or narrower (bf16, f16). The result has the type of the
//! input, but a softmax and a norm's statistics are f32 inside, and logits and
//! losses are f32 altogether. The kernels widen narrow operands and round once,
//! at the end; a twin rounds after each product.
//!
//! This is the one library of Anneal that may name a backend, since a custom
//! operation must be written per backend (feature `flex`: burn's CPU backend;
//! `cuda` and `wgpu`: kernels in CubeCL for GPUs, in one source for both).
//! [`set_kernels`] and [`with_kernels`] turn each kernel off, so that its twin
//! runs in its place.

mod accepts;
mod argmax_log_softmax;
mod attention;
mod cross_entropy;
#[cfg(feature = "cube")]
mod cube;
mod first_keys;
#[cfg(feature = "flex")]
mod flex;
mod head_products;
mod head_targets;
mod kernels;
mod linear;
mod linear_cross_entropy;
mod logits;
mod lora_linear;
mod precision;
mod products;
mod recorded;
mod rms_norm;
mod rotary;
mod swiglu;
mod switch;
mod widened;

pub mod reference;

pub use accepts::has_kernel;
pub use argmax_log_softmax::argmax_log_softmax;
pub use attention::{AttentionMask, attention};
pub use cross_entropy::cross_entropy_rows;
pub use first_keys::FirstKeys;
pub use linear::linear;
pub use linear_cross_entropy::{linear_cross_entropy, linear_cross_entropy_rows};
pub use logits::logits;
pub use lora_linear::lora_linear;
pub use precision::{
    MatmulPrecision, UnknownPrecision, float32_matmul_precision, set_float32_matmul_precision,
};
pub use rms_norm::{add_rms_norm, rms_norm};
pub use rotary::{rotary, rotary_pair};
pub use swiglu::swiglu;
pub use switch::{Kernel, KernelSet, UnknownKernel, active_kernels, set_kernels, with_kernels};
