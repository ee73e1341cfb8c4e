//! The precision of products: what is rounded, and what is not.
//!
//! One test, since the setting is the whole process's.

#![cfg(feature = "flex")]

use anneal_kernels::{
    MatmulPrecision, linear, linear_cross_entropy, lora_linear, reference,
    set_float32_matmul_precision,
};
use anneal_testkit::{assert_close, random};
use burn::tensor::{DType, Device, Int, Tensor};

/// Rows, inputs and outputs of more than one tile and panel, none a multiple.
const DIMS: [usize; 3] = [101, 70, 75];

/// Whether products of bf16 are this processor's own.
fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// What is left of a value with 8 bits of precision.
fn rounded<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    match has_bf16() {
        true => x.cast(DType::BF16).cast(DType::F32),
        false => x,
    }
}

struct Drawn {
    x: Tensor<2>,
    weight: Tensor<2>,
    a: Tensor<2>,
    b: Tensor<2>,
    upstream: Tensor<2>,
}

fn drawn(device: &Device) -> Drawn {
    let [rows, d_input, d_output] = DIMS;
    Drawn {
        x: random([rows, d_input], 1.0, 1, device),
        weight: random([d_output, d_input], 1.0, 2, device).transpose(),
        a: random([d_input, 5], 1.0, 3, device),
        b: random([5, d_output], 1.0, 4, device),
        upstream: random([rows, d_output], 1.0, 5, device),
    }
}

/// Output, and the gradients of `x`, `a` and `b`.
fn adapted(of: &Drawn) -> [Tensor<2>; 4] {
    let [x, a, b] = [&of.x, &of.a, &of.b].map(|leaf| leaf.clone().autodiff().require_grad());
    let weight = of.weight.clone().autodiff();
    let y = lora_linear(x.clone(), None, weight, None, [a.clone(), b.clone()], 0.7);
    let gradients = (y.clone() * of.upstream.clone().autodiff())
        .sum()
        .backward();
    let found = [x, a, b].map(|leaf| leaf.grad(&gradients).expect("a leaf"));
    let [of_x, of_a, of_b] = found;
    [y.inner(), of_x, of_a, of_b]
}

#[test]
fn medium_rounds_the_operands_of_frozen_products_and_nothing_else() {
    let device = anneal_testkit::device();
    if !matches!(device.as_dispatch(), burn::backend::DispatchDevice::Flex(_)) {
        return;
    }
    let of = drawn(&device);
    let exact = of.x.clone().matmul(of.weight.clone());
    let by_hand = rounded(of.x.clone()).matmul(rounded(of.weight.clone()));
    if has_bf16() {
        // 70 products, each off by 2^-9 or so: the test can tell the two apart.
        let off = (exact.clone() - by_hand.clone())
            .abs()
            .max()
            .into_scalar::<f32>();
        assert!(off > 1e-3, "rounding moved the product by {off} only");
    }

    set_float32_matmul_precision(MatmulPrecision::Medium);
    let product = linear(of.x.clone(), of.weight.clone(), None);
    let [y, of_x, of_a, of_b] = adapted(&of);
    let states = random::<2>([70, 40], 1.0, 6, &device);
    let head = random::<2>([300, 40], 1.0, 7, &device);
    let targets = Tensor::<1, Int>::arange(0..70, &device);
    let loss = linear_cross_entropy(states.clone(), head.clone(), targets.clone());
    set_float32_matmul_precision(MatmulPrecision::Highest);

    assert_close(product, by_hand.clone(), 1e-6);
    let hidden = of.x.clone().matmul(of.a.clone()).mul_scalar(0.7);
    assert_close(y, by_hand + hidden.clone().matmul(of.b.clone()), 1e-6);
    // The way back of the frozen product is rounded, too; the factors' is not.
    let by_hidden = of
        .upstream
        .clone()
        .matmul(of.b.clone().transpose())
        .mul_scalar(0.7);
    let back = rounded(of.upstream.clone()).matmul(rounded(of.weight.clone()).transpose());
    assert_close(
        of_x,
        back + by_hidden.clone().matmul(of.a.clone().transpose()),
        1e-6,
    );
    assert_close(of_a, of.x.clone().transpose().matmul(by_hidden), 1e-6);
    assert_close(of_b, hidden.transpose().matmul(of.upstream.clone()), 1e-6);
    let expected = reference::linear_cross_entropy(rounded(states), rounded(head), targets);
    assert_close(loss, expected, 1e-6);

    assert_close(linear(of.x.clone(), of.weight.clone(), None), exact, 1e-6);
}
