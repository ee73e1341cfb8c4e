//! Kernels for burn's CPU backend, each with its backward pass by hand.
//!
//! burn-flex runs elementwise operations one after another on one thread, with
//! a fresh tensor for each, and its automatic gradients keep most of those. A
//! kernel here reads its inputs once, on every thread, and keeps nothing but
//! its inputs (attention keeps its output and one number per row besides).
//!
//! The kernels compute in f32 on a Flex device; [`supported`] says whether a
//! tensor is of that kind, [`widens`] whether it is once cast to f32.
//! Everything else takes the plain twins.

mod attention;
mod attention_rows;
mod backends;
mod exp;
mod few_rows;
mod frozen_head;
mod gemm;
mod gradients;
mod head;
mod linear;
mod lora_linear;
mod rank2;
mod rms_norm;
mod rotary;
mod rows;
mod swiglu;
mod tiled;

use burn::backend::{Backend, DispatchDevice, backend_extension, tensor::FloatTensor};
use burn::tensor::{DType, Tensor};

use crate::FirstKeys;

pub use frozen_head::FrozenHeadKernels;
pub use head::HeadTargets;

/// Differentiable operations of the Flex backend. First order only: the
/// backward operations have no gradient of their own.
#[backend_extension(Flex, Autodiff)]
pub trait FlexKernels: Backend {
    /// See [`rms_norm`](crate::rms_norm); the weight is a constant.
    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, epsilon: f64)
    -> FloatTensor<Self>;

    /// The gradient of `x`.
    fn rms_norm_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self>;

    /// See [`rotary`](crate::rotary); the inverse turns by the opposite angle,
    /// which is also the gradient.
    fn rotary(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        inverse: bool,
    ) -> FloatTensor<Self>;

    /// See [`swiglu`](crate::swiglu).
    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The gradients of `gate` and `up`.
    fn swiglu_backward(
        gate: FloatTensor<Self>,
        up: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// See [`linear`](crate::linear), with `x` as rows, without a bias; the
    /// weight is a constant.
    fn frozen_linear(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The gradient of `x`.
    fn frozen_linear_backward(
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// See [`lora_linear`](crate::lora_linear), with `x` as rows; the weight
    /// is a constant.
    fn lora_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        scale: f64,
    ) -> FloatTensor<Self>;

    /// The gradients of `x`, `a` and `b`.
    fn lora_linear_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        scale: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// See [`linear_cross_entropy_rows`](crate::linear_cross_entropy_rows), for
    /// a weight that is trained.
    fn head_losses(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> FloatTensor<Self>;

    /// The losses, and each row's log-sum-exp.
    fn head_losses_forward(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The gradients of `hidden` and `weight`.
    fn head_losses_backward(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        log_sum_exp: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// See [`attention`](crate::attention); `first` are the lower bounds.
    fn causal_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        first: Option<FirstKeys>,
    ) -> FloatTensor<Self>;

    /// The output, and each row's log-sum-exp `[batch, heads, queries]`.
    fn causal_attention_forward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        first: Option<FirstKeys>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The gradients of `q`, `k` and `v`.
    fn causal_attention_backward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        output: FloatTensor<Self>,
        log_sum_exp: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        first: Option<FirstKeys>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// Whether the kernels take this tensor as it is.
pub(crate) fn supported<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && widens(x)
}

/// Whether the kernels take this tensor once it is widened to f32. On a CPU
/// that is both faster and more exact than operations on narrow floats.
pub(crate) fn widens<const D: usize>(x: &Tensor<D>) -> bool {
    let inner = x.device().without_autodiff();
    matches!(x.dtype(), DType::F32 | DType::BF16 | DType::F16)
        && matches!(inner.as_dispatch(), DispatchDevice::Flex(_))
}
