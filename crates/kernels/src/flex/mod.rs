//! Kernels for burn's CPU backend, each with its backward pass by hand.
//!
//! burn-flex runs elementwise operations one after another on one thread, with
//! a fresh tensor for each, and its automatic gradients keep most of those. A
//! kernel here reads its inputs once, on every thread, and keeps nothing but
//! its inputs (attention keeps its output and one number per row besides).
//!
//! The kernels compute in f32; [`crate::accepts`] has narrower tensors cast.

mod argmax;
mod attention;
mod attention_decode;
mod attention_rows;
mod backends;
mod exp;
mod few_rows;
mod frozen_head;
mod gemm;
mod head;
mod linear;
mod lora_linear;
mod output;
mod rank2;
mod rms_norm;
mod rotary;
mod rows;
mod swiglu;
mod tiled;
mod turn;

pub(crate) use argmax::argmax_log_softmax;
pub(crate) use frozen_head::FrozenHeadKernels;
