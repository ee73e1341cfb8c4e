//! Narrow tensors, bf16 or else f16: every operation against its f32 twin on the
//! same values. A device that has neither has nothing to show here.
//!
//! On the CPU an operation widens its inputs, so that its result and gradients
//! are those of f32, rounded once: 2⁻⁸ of a value at most in bf16. A GPU's kernels compute
//! in f32 too. The plain twins round in between.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_kernels::{
    AttentionMask, FirstKeys, add_rms_norm, attention, linear_cross_entropy, lora_linear,
    reference, rms_norm, rotary, swiglu,
};
use anneal_testkit::{assert_close, device, random};
use burn::tensor::{DType, Device, Int, Tensor};

/// The type under test, and half a unit in its last bit, of a value of 1.
fn narrow_type() -> (DType, f64) {
    anneal_testkit::narrow_type(&device())
}

fn autodiff() -> Device {
    device().autodiff()
}

/// Random values that the type holds exactly.
fn narrow<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    random::<D>(shape, 1.0, seed, &autodiff()).cast(narrow_type().0)
}

/// Compares outputs and gradients with those of `exact` in f32; `roundings`
/// counts those that `operation` makes.
fn assert_rounded<const N: usize>(
    inputs: [Tensor<4>; N],
    roundings: f64,
    operation: impl Fn([Tensor<4>; N]) -> Tensor<4>,
    exact: impl Fn([Tensor<4>; N]) -> Tensor<4>,
) {
    let run = |function: &dyn Fn([Tensor<4>; N]) -> Tensor<4>, dtype: DType| {
        let leaves = inputs
            .clone()
            .map(|input| input.cast(dtype).detach().require_grad());
        let output = function(leaves.clone());
        assert_eq!(output.dtype(), dtype);
        let weights = narrow(output.dims(), 99).cast(DType::F32);
        let gradients = (output.clone().cast(DType::F32) * weights).sum().backward();
        let gradients = leaves.map(|leaf| leaf.grad(&gradients).unwrap());
        (output.inner(), gradients)
    };
    let (dtype, rounding) = narrow_type();
    let (output, gradients) = run(&operation, dtype);
    let (expected, expected_gradients) = run(&exact, DType::F32);
    assert_close(output.cast(DType::F32), expected, roundings * rounding);
    for (gradient, expected) in gradients.into_iter().zip(expected_gradients) {
        assert_eq!(gradient.dtype(), dtype);
        assert_close(gradient.cast(DType::F32), expected, roundings * rounding);
    }
}

#[test]
fn rms_norm_rounds_once_and_its_twin_twice() {
    let x = narrow([2, 3, 5, 33], 1);
    let weight = narrow([33], 2);
    let wide = weight.clone().cast(DType::F32);
    let exact = |[x]: [Tensor<4>; 1]| reference::rms_norm(x, wide.clone(), 1e-5);
    assert_rounded(
        [x.clone()],
        1.01,
        |[x]| rms_norm(x, weight.clone(), 1e-5),
        exact,
    );
    // The norm and the product; backwards one more for the sum of both ways.
    let twin = |[x]: [Tensor<4>; 1]| reference::rms_norm(x, weight.clone(), 1e-5);
    assert_rounded([x], 3.0, twin, exact);
}

#[test]
fn the_sum_is_rounded_once_and_its_norm_is_that_of_the_rounded_sum() {
    let inputs = [narrow([2, 3, 5, 33], 12), narrow([2, 3, 5, 33], 13)];
    let weight = narrow([33], 14);
    let wide = weight.clone().cast(DType::F32);
    for [of_sum, of_norm] in [[1.0, 0.0], [0.0, 1.0]] {
        let joined = |(sum, normed): (Tensor<4>, Tensor<4>)| sum * of_sum + normed * of_norm;
        // The sum, a multiple of the sum where it is normed, and the result.
        assert_rounded(
            inputs.clone(),
            3.0,
            |[x, r]| joined(add_rms_norm(x, r, weight.clone(), 1e-5)),
            |[x, r]| joined(reference::add_rms_norm(x, r, wide.clone(), 1e-5)),
        );
    }
}

#[test]
fn a_narrow_layer_has_its_branch_in_the_type_of_its_factors() {
    let (x, weight) = (narrow::<2>([9, 24], 15), narrow::<2>([24, 17], 16));
    let factors = [
        random::<2>([24, 3], 0.5, 17, &autodiff()),
        random::<2>([3, 17], 0.5, 18, &autodiff()),
    ];
    let weights = random::<2>([9, 17], 1.0, 19, &autodiff());
    let run = |dtype: DType| {
        let x = x.clone().cast(dtype).detach().require_grad();
        let factors = factors.clone().map(|t| t.detach().require_grad());
        let weight = weight.clone().cast(dtype);
        let y = lora_linear(x.clone(), None, weight, None, factors.clone(), 0.7);
        assert_eq!(y.dtype(), dtype);
        let gradients = (y.clone().cast(DType::F32) * weights.clone())
            .sum()
            .backward();
        let dx = x.grad(&gradients).unwrap();
        assert_eq!(dx.dtype(), dtype);
        let of_factors = factors.map(|t| t.grad(&gradients).unwrap());
        assert!(of_factors.iter().all(|g| g.dtype() == DType::F32));
        let wide = |t: Tensor<2>| t.cast(DType::F32);
        let [da, db] = of_factors;
        [wide(y.inner()), wide(dx), da, db]
    };
    let (dtype, rounding) = narrow_type();
    let found = run(dtype).into_iter().zip(run(DType::F32));
    // Product and sum are rounded, and backwards the output's gradient before.
    for (found, expected) in found {
        assert_close(found, expected, 4.0 * rounding);
    }
}

#[test]
fn swiglu_rounds_once_and_its_twin_in_between() {
    let inputs = [narrow([2, 3, 5, 33], 3), narrow([2, 3, 5, 33], 4)];
    let exact = |[gate, up]: [Tensor<4>; 2]| reference::swiglu(gate, up);
    assert_rounded(inputs.clone(), 1.01, |[gate, up]| swiglu(gate, up), exact);
    // The sigmoid, its product with the gate and that with the other side,
    // and as many backwards.
    assert_rounded(inputs, 6.0, exact, exact);
}

#[test]
fn rotary_and_its_twin_round_once() {
    let x = narrow([2, 3, 5, 6], 5);
    let angles = random::<3>([2, 5, 3], 3.0, 6, &autodiff());
    let (cos, sin) = (angles.clone().cos(), angles.sin());
    let exact = |[x]: [Tensor<4>; 1]| reference::rotary(x, cos.clone(), sin.clone());
    let kernel = |[x]: [Tensor<4>; 1]| rotary(x, cos.clone(), sin.clone());
    assert_rounded([x.clone()], 1.01, kernel, exact);
    assert_rounded([x], 1.01, exact, exact);
}

#[test]
fn attention_rounds_once_and_its_twin_its_scores_besides() {
    let shape = |heads| [2, heads, 20, 6];
    let inputs = [
        narrow(shape(4), 7),
        narrow(shape(2), 8),
        narrow(shape(2), 9),
    ];
    for mask in [
        AttentionMask::Causal,
        AttentionMask::CausalFrom(FirstKeys::segments(&[vec![9, 11], vec![20]], 20)),
    ] {
        let exact = |[q, k, v]: [Tensor<4>; 3]| reference::attention(q, k, v, &mask);
        let kernel = |[q, k, v]: [Tensor<4>; 3]| attention(q, k, v, &mask);
        assert_rounded(inputs.clone(), 1.01, kernel, exact);
        // A score of at most 6 / √6 ≈ 2.5, rounded, moves numerator and
        // denominator of a probability by 2.5 roundings each; the probability
        // and the sum are rounded too, and the sum over a group's heads.
        assert_rounded(inputs.clone(), 8.0, exact, exact);
    }
}

#[test]
fn the_loss_of_a_narrow_head_is_exact() {
    let (hidden, weight) = (narrow::<2>([7, 5], 10), narrow::<2>([11, 5], 11));
    let targets = Tensor::<1, Int>::from_ints([0, 10, 3, 3, 7, 1, 9], &autodiff());
    let run = |dtype: DType| {
        let hidden = hidden.clone().cast(dtype).detach().require_grad();
        let weight = weight.clone().cast(dtype);
        let loss = linear_cross_entropy(hidden.clone(), weight, targets.clone());
        assert_eq!(loss.dtype(), DType::F32);
        let gradient = hidden.grad(&loss.clone().backward()).unwrap();
        (loss.inner(), gradient)
    };
    let (dtype, rounding) = narrow_type();
    let (loss, gradient) = run(dtype);
    let (expected, expected_gradient) = run(DType::F32);
    assert_close(loss, expected, 1e-6);
    assert_eq!(gradient.dtype(), dtype);
    let gradient = gradient.cast(DType::F32);
    assert_close(gradient, expected_gradient, 1.01 * rounding);
}
