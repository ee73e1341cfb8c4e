//! The switch: what is on runs its kernel on the device under test, what is off
//! runs the plain twin, to the bit.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_kernels::{
    AttentionMask, FirstKeys, Kernel, KernelSet, add_rms_norm, argmax_log_softmax, attention,
    has_kernel, linear, linear_cross_entropy_rows, lora_linear, reference, rms_norm, rotary,
    rotary_pair, swiglu, with_kernels,
};
use anneal_testkit::{assert_close, device, random};
use burn::tensor::{Device, Int, Tensor};

/// What every kernel's function gives, flat, for inputs that are always the same.
fn outputs(is_twin: bool) -> Vec<(Kernel, Tensor<1>)> {
    let device = device();
    let r = |shape: [usize; 4], seed| random::<4>(shape, 1.0, seed, &device);
    let m = |shape: [usize; 2], seed| random::<2>(shape, 1.0, seed, &device);
    let (x, y) = (r([2, 3, 5, 12], 1), r([2, 3, 5, 12], 2));
    let norm = random::<1>([12], 1.0, 3, &device);
    let angles = random::<3>([2, 5, 6], 3.0, 4, &device);
    let (cos, sin) = (angles.clone().cos(), angles.sin());
    let (q, kv) = (r([2, 6, 7, 16], 5), r([2, 2, 7, 16], 6));
    let mask = AttentionMask::CausalFrom(FirstKeys::segments(&[vec![3, 4], vec![6]], 7));
    let (weight, rows, bias) = (m([12, 9], 7), m([8, 12], 8), random([9], 1.0, 9, &device));
    let factors = || [m([12, 3], 10), m([3, 9], 11)];
    let head = m([13, 12], 12);
    let targets = Tensor::<1, Int>::from_ints([0, 12, 3, 3, 7, 1, 9, 2], &device);
    let (dropped, epsilon, scale) = (m([8, 12], 14), 1e-5, 1.5);
    let flat = |t: Tensor<4>| t.flatten::<1>(0, 3);
    let pair = |(a, b): (Tensor<4>, Tensor<4>)| Tensor::cat(vec![flat(a), flat(b)], 0);
    macro_rules! either {
        ($kernel:expr, $twin:expr) => {
            if is_twin { $twin } else { $kernel }
        };
    }
    let (rms, add) = either!(
        (
            rms_norm(x.clone(), norm.clone(), epsilon),
            add_rms_norm(x.clone(), y.clone(), norm, epsilon)
        ),
        (
            reference::rms_norm(x.clone(), norm.clone(), epsilon),
            reference::add_rms_norm(x.clone(), y.clone(), norm, epsilon)
        )
    );
    let turned = either!(
        (
            rotary(x.clone(), cos.clone(), sin.clone()),
            rotary_pair(x.clone(), y.clone(), cos, sin).1
        ),
        (
            reference::rotary(x.clone(), cos.clone(), sin.clone()),
            reference::rotary(y.clone(), cos, sin)
        )
    );
    let gated = either!(swiglu(x.clone(), y.clone()), reference::swiglu(x, y));
    let seen = either!(
        attention(q.clone(), kv.clone(), kv.clone(), &mask),
        reference::attention(q, kv.clone(), kv, &mask)
    );
    let product = either!(
        linear(rows.clone(), weight.clone(), Some(bias.clone())),
        reference::linear(rows.clone(), weight.clone(), Some(bias.clone()))
    );
    let dropped = Some(dropped);
    let updated = either!(
        lora_linear(rows.clone(), dropped, weight, Some(bias), factors(), scale),
        reference::lora_linear(rows.clone(), dropped, weight, Some(bias), factors(), scale)
    );
    let chosen = either!(
        argmax_log_softmax(rows.clone()).1,
        reference::argmax_log_softmax(rows.clone()).1
    );
    let losses = either!(
        linear_cross_entropy_rows(rows, head, targets, 0.1),
        reference::linear_cross_entropy_rows(rows, head, targets, 0.1)
    );
    vec![
        (Kernel::RmsNorm, flat(rms)),
        (Kernel::RmsNorm, pair(add)),
        (Kernel::Rotary, pair(turned)),
        (Kernel::Swiglu, flat(gated)),
        (Kernel::Attention, flat(seen)),
        (Kernel::Linear, product.flatten(0, 1)),
        (Kernel::LoraLinear, updated.flatten(0, 1)),
        (Kernel::LinearCrossEntropy, losses),
        (Kernel::LinearCrossEntropy, chosen),
    ]
}

#[test]
fn each_kernel_agrees_with_its_twin_and_is_its_twin_when_it_is_off() {
    let twins = outputs(true);
    let sets = Kernel::ALL.into_iter();
    let sets =
        sets.flat_map(|kernel| [KernelSet::NONE.with(kernel), KernelSet::ALL.without(kernel)]);
    for on in sets.chain([KernelSet::ALL, KernelSet::NONE]) {
        let found = with_kernels(on, || outputs(false));
        for ((kernel, found), (_, twin)) in found.into_iter().zip(twins.clone()) {
            let tolerance = match on.contains(kernel) {
                true => 2e-6,
                // A GPU's products are tuned while they run.
                false if device() == Device::flex() => 0.0,
                false => 2e-6,
            };
            assert_close(found, twin, tolerance);
        }
    }
}

#[test]
fn every_kernel_of_this_build_runs_on_the_device_under_test() {
    // Without a kernel for the device the other tests would compare twins.
    let name = std::env::var("ANNEAL_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_string());
    let is_built = match name.split(':').next().unwrap() {
        "cpu" => cfg!(feature = "flex"),
        "cuda" => cfg!(feature = "cuda"),
        _ => cfg!(feature = "wgpu"),
    };
    let x = random::<4>([1, 1, 2, 16], 1.0, 1, &device());
    for kernel in Kernel::ALL {
        let expected = is_built || kernel == Kernel::LinearCrossEntropy;
        assert_eq!(has_kernel(kernel, &x), expected, "{kernel:?} on {name}");
        assert_eq!(has_kernel(kernel, &x.clone().autodiff()), expected);
        let without = KernelSet::ALL.without(kernel);
        assert!(!with_kernels(without, || has_kernel(kernel, &x)));
    }
}
