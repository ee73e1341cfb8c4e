//! The kernels, recorded by autodiff on any backend that has them.

mod attention;
mod gradients;
mod head;
mod linear;
mod lora_linear;
mod rms_norm;
mod rotary;
mod swiglu;

use burn::backend::{Autodiff, tensor::FloatTensor};
use burn_autodiff::checkpoint::strategy::CheckpointStrategy;

use crate::{FirstKeys, head_targets::HeadTargets, kernels::Kernels};

use gradients::register;

/// A tensor of the recording backend.
type Recorded<B, C> = FloatTensor<Autodiff<B, C>>;

/// Why a backward operation can't be recorded.
pub(crate) const FIRST_ORDER: &str = "a gradient of this kernel has no gradient of its own";

impl<B: Kernels, C: CheckpointStrategy> Kernels for Autodiff<B, C> {
    fn rms_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        rms_norm::record::<B, C>(x, weight, epsilon)
    }

    fn rms_norm_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: f64,
    ) -> FloatTensor<Self> {
        unreachable!("{FIRST_ORDER}")
    }

    fn add_rms_norm(
        x: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        rms_norm::record_add::<B, C>(x, residual, weight, epsilon)
    }

    fn rotary(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        inverse: bool,
    ) -> FloatTensor<Self> {
        rotary::record::<B, C>(x, cos, sin, inverse)
    }

    fn rotary_pair(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        rotary::record_pair::<B, C>(q, k, cos, sin)
    }

    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        swiglu::record::<B, C>(gate, up)
    }

    fn swiglu_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{FIRST_ORDER}")
    }

    fn frozen_linear(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        linear::record::<B, C>(x, weight)
    }

    fn frozen_linear_backward(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("{FIRST_ORDER}")
    }

    fn lora_linear(
        x: FloatTensor<Self>,
        branch: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        scale: f64,
    ) -> FloatTensor<Self> {
        lora_linear::record::<B, C>(x, branch, weight, a, b, scale)
    }

    fn lora_linear_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{FIRST_ORDER}")
    }

    fn lora_branch_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{FIRST_ORDER}")
    }

    fn causal_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        first: Option<FirstKeys>,
    ) -> FloatTensor<Self> {
        attention::record::<B, C>(q, k, v, first)
    }

    fn causal_attention_forward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Option<FirstKeys>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("the log-sum-exp has no gradient; `causal_attention` records the output")
    }

    fn causal_attention_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Option<FirstKeys>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{FIRST_ORDER}")
    }

    fn head_losses(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> FloatTensor<Self> {
        head::record::<B, C>(hidden, weight, targets)
    }

    fn head_losses_forward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: HeadTargets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("the log-sum-exp has no gradient; `head_losses` records the losses")
    }

    fn head_losses_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: HeadTargets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{FIRST_ORDER}")
    }
}
