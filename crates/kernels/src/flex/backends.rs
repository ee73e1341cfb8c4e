//! The kernels on Flex, and recorded by autodiff.

use burn::backend::{Autodiff, Flex, tensor::FloatTensor};
use burn_autodiff::checkpoint::strategy::CheckpointStrategy;

use crate::FirstKeys;

use super::{
    FlexKernels, HeadTargets, attention, head, linear, lora_linear, rms_norm, rotary, swiglu,
};

impl FlexKernels for Flex {
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

    fn rotary(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        inverse: bool,
    ) -> FloatTensor<Self> {
        rotary::forward(x, cos, sin, inverse)
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

    fn frozen_linear(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        linear::forward(x, weight)
    }

    fn frozen_linear_backward(
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        linear::backward(weight, grad)
    }

    fn lora_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        scale: f64,
    ) -> FloatTensor<Self> {
        lora_linear::forward(x, weight, a, b, scale)
    }

    fn lora_linear_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        scale: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        lora_linear::backward(x, weight, a, b, grad, scale)
    }

    fn head_losses(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> FloatTensor<Self> {
        head::forward(hidden, weight, &targets).0
    }

    fn head_losses_forward(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        head::forward(hidden, weight, &targets)
    }

    fn head_losses_backward(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        log_sum_exp: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        targets: HeadTargets,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        head::backward(hidden, weight, log_sum_exp, grad, &targets)
    }

    fn causal_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        first: Option<FirstKeys>,
    ) -> FloatTensor<Self> {
        attention::forward(q, k, v, first).0
    }

    fn causal_attention_forward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        first: Option<FirstKeys>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
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
        attention::backward(q, k, v, output, log_sum_exp, grad, first)
    }
}

/// Why a backward operation can't be recorded.
const FIRST_ORDER: &str = "a gradient of this kernel has no gradient of its own";

impl<B: FlexKernels, C: CheckpointStrategy> FlexKernels for Autodiff<B, C> {
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

    fn rotary(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        inverse: bool,
    ) -> FloatTensor<Self> {
        rotary::record::<B, C>(x, cos, sin, inverse)
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
        weight: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        scale: f64,
    ) -> FloatTensor<Self> {
        lora_linear::record::<B, C>(x, weight, a, b, scale)
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
}
