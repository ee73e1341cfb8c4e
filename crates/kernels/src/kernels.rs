//! What a backend offers, and what autodiff records of it.
//!
//! The trait holds operations on tensors of one type: a caller casts first
//! ([`crate::accepts`] says to what). Operations made of products have a body here, which
//! is what a GPU runs; a CPU has its own. Under fusion an operation with a
//! kernel is one opaque node, and one with a body here is fused as usual.

use burn::backend::{Backend, backend_extension, tensor::FloatTensor};
#[cfg(feature = "fusion")]
use burn::{backend::fusion::custom::TensorSpec, tensor::Shape};

use crate::{FirstKeys, head_products, head_targets::HeadTargets, products};

/// Differentiable operations. First order only: the backward operations have
/// no gradient of their own.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(feature = "cube"),
    Autodiff,
    Fusion: cfg(feature = "fusion")
)]
pub trait Kernels: Backend {
    /// See [`rms_norm`](crate::rms_norm); the weight is a constant.
    #[fusion(dtype = x, shape = x)]
    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, epsilon: f64)
    -> FloatTensor<Self>;

    /// The gradient of `x`.
    #[fusion(dtype = x, shape = x)]
    fn rms_norm_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self>;

    /// See [`add_rms_norm`](crate::add_rms_norm); the weight is a constant.
    #[fusion(meta = |x, _residual, _weight, _epsilon| (x.clone(), x.clone()))]
    fn add_rms_norm(
        x: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// See [`rotary`](crate::rotary); the inverse turns by the opposite angle,
    /// which is also the gradient.
    #[fusion(dtype = x, shape = x)]
    fn rotary(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        inverse: bool,
    ) -> FloatTensor<Self>;

    /// See [`rotary_pair`](crate::rotary_pair).
    #[fusion(meta = |q, k, _cos, _sin| (q.clone(), k.clone()))]
    fn rotary_pair(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// See [`swiglu`](crate::swiglu).
    #[fusion(dtype = gate, shape = gate)]
    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The gradients of `gate` and `up`.
    #[fusion(meta = |gate, up, _grad| (gate.clone(), up.clone()))]
    fn swiglu_backward(
        gate: FloatTensor<Self>,
        up: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// See [`linear`](crate::linear), with `x` as rows, without a bias; the
    /// weight is a constant.
    #[fusion(default)]
    fn frozen_linear(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_matmul(x, weight)
    }

    /// The gradient of `x`.
    #[fusion(default)]
    fn frozen_linear_backward(
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        Self::float_matmul(grad, Self::float_transpose(weight))
    }

    /// See [`lora_linear`](crate::lora_linear), with `x` and the low-rank
    /// branch's input as rows, without a bias; the weight is a constant. The
    /// factors may be wider than the rest.
    #[fusion(default)]
    fn lora_linear(
        x: FloatTensor<Self>,
        branch: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        scale: f64,
    ) -> FloatTensor<Self> {
        products::lora_linear::<Self>(x, branch, weight, a, b, scale)
    }

    /// The gradients of `x`, which is the branch's input too, `a` and `b`.
    #[fusion(default)]
    fn lora_linear_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        scale: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        products::lora_linear_backward::<Self>(x, weight, a, b, grad, scale)
    }

    /// The gradients of the branch's input, `a` and `b`; that of `x` is
    /// [`frozen_linear_backward`](Self::frozen_linear_backward)'s.
    #[fusion(default)]
    fn lora_branch_backward(
        branch: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        scale: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        products::lora_branch_backward::<Self>(branch, a, b, grad, scale)
    }

    /// See [`attention`](crate::attention); `first` are the lower bounds.
    #[fusion(dtype = q, shape = q)]
    fn causal_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        first: Option<FirstKeys>,
    ) -> FloatTensor<Self>;

    /// The output, and each row's log-sum-exp `[batch, heads, queries]` in f32.
    #[fusion(meta = |q, _k, _v, _first| (q.clone(), statistic(q)))]
    fn causal_attention_forward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        first: Option<FirstKeys>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The gradients of `q`, `k` and `v`.
    #[fusion(meta = |q, k, v, _output, _log_sum_exp, _grad, _first| (q.clone(), k.clone(), v.clone()))]
    fn causal_attention_backward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        output: FloatTensor<Self>,
        log_sum_exp: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        first: Option<FirstKeys>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// See [`linear_cross_entropy_rows`](crate::linear_cross_entropy_rows), for
    /// a weight that is trained; all in f32, and at least one row.
    #[fusion(default)]
    fn head_losses(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> FloatTensor<Self> {
        head_products::losses::<Self>(hidden, weight, &targets).0
    }

    /// The losses, and each row's log-sum-exp.
    #[fusion(default)]
    fn head_losses_forward(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        head_products::losses::<Self>(hidden, weight, &targets)
    }

    /// The gradients of `hidden` and `weight`.
    #[fusion(default)]
    fn head_losses_backward(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        log_sum_exp: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        head_products::gradients::<Self>(hidden, weight, log_sum_exp, grad, &targets)
    }
}

/// One f32 for each row of `q`.
#[cfg(feature = "fusion")]
fn statistic(q: &TensorSpec) -> TensorSpec {
    let rows = [q.shape[0], q.shape[1], q.shape[2]];
    TensorSpec::new(Shape::new(rows), burn::tensor::DType::F32)
}
