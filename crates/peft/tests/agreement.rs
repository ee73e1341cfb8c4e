//! The two ways of every method agree with each other and with f64.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use anneal_peft::{
    AdapterConfig, InitLoraWeights, LinearExt, LoraConfig, TargetModules, adapter_gradients,
    adapter_tensors, add_adapter, attach, set_active,
};
use anneal_testkit::{assert_close, device, max_difference, random};
use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{DType, Tensor},
};
use common::{
    Mlp, adapted, base_gradients,
    cases::{cases, vera},
    config, flat, loss,
    oracle::{self, Matrix},
    randomize,
};

/// Outputs, the input's gradient and those of all adapter tensors, both ways.
fn ways_agree<const D: usize>(what: &str, net: &Mlp, shape: [usize; D]) {
    let device = device().autodiff();
    let x = random(shape, 1.0, 3, &device).require_grad();
    let (fast, slow) = (net.forward_adapted(x.clone()), net.forward(x.clone()));
    let near = |fast: Tensor<1>, slow: Tensor<1>, part: &str| {
        let size = max_difference(slow.clone(), slow.zeros_like());
        assert!(size > 1e-3, "{what}: {part} says nothing, {size:e}");
        let off = max_difference(fast, slow) / size.max(1.0);
        assert!(off <= 1e-5, "{what}: {part} differs by {off:e}");
    };
    let line = |tensor: Tensor<D>| {
        let count = tensor.shape().num_elements();
        tensor.without_autodiff().reshape([count])
    };
    near(line(fast.clone()), line(slow.clone()), "output");
    let (fast, slow) = (loss(fast).backward(), loss(slow).backward());
    let of_x = |grads| line(x.grad(grads).unwrap());
    near(of_x(&fast), of_x(&slow), "gradient of x");
    assert_eq!(base_gradients(net, &fast), [""; 0], "{what}");
    assert_eq!(base_gradients(net, &slow), [""; 0], "{what}");

    let (fast, slow) = (adapter_gradients(net, &fast), adapter_gradients(net, &slow));
    let trained: Vec<String> = adapter_tensors(net).into_keys().collect();
    assert!(!trained.is_empty(), "{what}");
    assert_eq!(fast.keys().cloned().collect::<Vec<_>>(), trained, "{what}");
    assert_eq!(slow.keys().cloned().collect::<Vec<_>>(), trained, "{what}");
    for key in &trained {
        near(flat(&fast[key]), flat(&slow[key]), key);
    }
}

/// A layer's outputs against f64. A sum of at most 20 products loses at most
/// 20 roundings of 2⁻²⁴ of the sum of magnitudes, here below 8 times the
/// largest; DoRA's quotient adds a few.
fn layers_are_exact(what: &str, net: &Mlp) {
    for (linear, d_input) in [(&net.up, 7), (&net.down, 11), (&net.lm_head, 5)] {
        let x = random([6, d_input], 1.0, 4, &device());
        let expected = oracle::forward(linear, &Matrix::of(x.clone()));
        let bound = 24.0 * 2f64.powi(-24) * 8.0 * expected.largest().max(1.0);
        for y in [linear.forward_adapted(x.clone()), linear.forward(x)] {
            let off = expected.distance(y);
            assert!(off <= bound, "{what}: off by {off:e} of {bound:e}");
        }
    }
}

#[test]
fn every_method_computes_the_same_in_both_spaces() {
    for (name, config) in cases() {
        let net = adapted(config, &device().autodiff());
        ways_agree(name, &net, [6, 7]);
        ways_agree(name, &net, [2, 4, 7]);
        layers_are_exact(name, &net.valid());
    }
}

#[test]
fn several_adapters_add_up() {
    let device = device().autodiff();
    let second = LoraConfig::new(TargetModules::names(["down", "lm_head"]))
        .with_r(2)
        .with_lora_alpha(5.0);
    let net = adapted(config(), &device);
    let (net, _) = add_adapter(net, "second", &second, 6).unwrap();
    let (net, _) = add_adapter(net, "third", vera(), 7).unwrap();
    let net = randomize(set_active(net, &["default", "second", "third"]).unwrap(), 8);
    layers_are_exact("three", &net.valid());
    // Names of the file are one adapter's; the others' are the same.
    let x = random([6, 7], 1.0, 3, &device);
    assert_close(net.forward_adapted(x.clone()), net.forward(x), 1e-5);
    for names in [["second"], ["third"], ["default"]] {
        let net = set_active(net.clone(), &names).unwrap();
        ways_agree(names[0], &net, [6, 7]);
        layers_are_exact(names[0], &net.valid());
    }
}

/// Inactive PiSSA first or last, beside every other method.
#[test]
fn an_inactive_pissa_gives_its_part_of_the_weight_back() {
    let device = device().autodiff();
    let start = Mlp::new(&device);
    let pissa = config().with_init_lora_weights(InitLoraWeights::Pissa);
    let pissa = AdapterConfig::from(pissa);
    let all = TargetModules::names(["up", "down", "lm_head"]);
    let everywhere = LoraConfig::new(TargetModules::names(["up"]))
        .with_r(2)
        .with_modules_to_save(["down", "lm_head"]);
    let mut others = cases();
    others.push(("copies", everywhere.into()));
    others.push(("second", LoraConfig::new(all).with_r(2).into()));
    for (name, other) in others {
        let (alone, _) = attach(start.clone(), &other, 5).unwrap();
        for pissa_first in [true, false] {
            let (first, second) = if pissa_first {
                (&pissa, &other)
            } else {
                (&other, &pissa)
            };
            let (net, _) = attach(start.clone(), first, 5).unwrap();
            let (net, _) = add_adapter(net, "second", second, 5).unwrap();
            let active = if pissa_first { "second" } else { "default" };
            let net = set_active(net, &[active]).unwrap();
            let what = format!("{name}, PiSSA first: {pissa_first}");
            // It computes what it computes alone, trained or not.
            let train = |net: Mlp| common::retrain(net, 0.05);
            for (net, alone) in [
                (net.clone(), alone.clone()),
                (train(net), train(alone.clone())),
            ] {
                let x = random([6, 7], 1.0, 3, &device);
                let off = max_difference(
                    net.forward_adapted(x.clone()).inner(),
                    alone.forward_adapted(x).inner(),
                );
                assert!(off <= 1e-5, "{what}: off by {off:e}");
                ways_agree(&what, &common::retrain(net, 0.05), [2, 4, 7]);
            }
        }
    }
}

/// Rounds a module's own parameters to bf16.
struct ToBf16;

impl ModuleMapper for ToBf16 {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|weight| weight.cast(DType::BF16))
    }
}

#[test]
fn a_bf16_base_keeps_the_adapter_in_f32() {
    for (name, config) in cases() {
        let net = Mlp::new(&device()).map(&mut ToBf16);
        let (net, _) = attach(net, config, 5).unwrap();
        let net = common::retrain(net, 0.3);
        assert_eq!(net.down.weight.base().dtype(), DType::BF16, "{name}");
        for (linear, d_input) in [(&net.up, 7), (&net.down, 11), (&net.lm_head, 5)] {
            let x = random([6, d_input], 1.0, 4, &device()).cast(DType::BF16);
            let expected = oracle::forward(linear, &Matrix::of(x.clone()));
            // The base's output is rounded, the sum with the adapter's branch
            // again, and DoRA works on the rounded base: 2⁻⁸ each, of at most
            // the sum of the parts.
            let bound = 4.0 * 2f64.powi(-8) * (1.0 + expected.largest());
            let y = linear.forward_adapted(x);
            assert_eq!(y.dtype(), DType::BF16, "{name}");
            let off = expected.distance(y);
            assert!(off <= bound, "{name}: off by {off:e} of {bound:e}");
        }
    }
}
