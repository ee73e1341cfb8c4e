//! The cheap forward pass against its twin in weight space, and by hand.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use anneal_peft::{
    Adapters, LinearExt, LoraConfig, LoraFactors, TargetModules, adapter_gradients, attach,
};
use anneal_testkit::{assert_close, device, max_difference, random};
use burn::{
    module::{Module, ModuleMapper, Param},
    nn::{Linear, LinearConfig},
    optim::{GradientsParams, SgdConfig},
    tensor::{DType, Tensor},
};
use common::{Mlp, adapted, config, flat, lora, loss, randomize};

fn paths_agree<const D: usize>(shape: [usize; D], config: &LoraConfig) {
    let device = device().autodiff();
    let net = adapted(config, &device);
    let x = random(shape, 1.0, 3, &device).require_grad();

    let fast = net.forward_adapted(x.clone());
    let slow = net.forward(x.clone());
    assert_close(fast.clone().inner(), slow.clone().inner(), 1e-5);
    // Without the adapter the numbers are others, so the test sees it at all.
    let bare = randomize(Mlp::new(&device), 2).forward(x.clone());
    assert!(max_difference(fast.clone().inner(), bare.inner()) > 0.1);

    let (fast, slow) = (loss(fast).backward(), loss(slow).backward());
    assert_close(x.grad(&fast).unwrap(), x.grad(&slow).unwrap(), 1e-5);
    let (fast_grads, slow_grads) = (
        adapter_gradients(&net, &fast),
        adapter_gradients(&net, &slow),
    );
    assert_eq!(fast_grads.len(), 4);
    for (name, slow) in slow_grads {
        let slow = flat(&slow);
        let fast = flat(&fast_grads[&name]);
        assert!(
            max_difference(slow.clone(), slow.zeros_like()) > 1e-2,
            "{name}"
        );
        assert_close(fast, slow, 1e-5);
    }
    for linear in [&net.up, &net.down, &net.lm_head] {
        for grads in [&fast, &slow] {
            assert!(linear.weight.base().grad(grads).is_none());
        }
    }
    assert!(net.up.bias.as_ref().unwrap().val().grad(&fast).is_none());
}

#[test]
fn activation_space_equals_weight_space() {
    paths_agree([6, 7], &config());
    paths_agree([2, 4, 7], &config());
    paths_agree([1, 3, 2, 7], &config().with_use_rslora(true));
}

#[test]
fn the_formula_by_hand() {
    let device = device();
    #[derive(Module, Debug)]
    struct Net {
        proj: Linear,
    }
    let net = Net {
        proj: LinearConfig::new(3, 2).init(&device),
    };
    let config = LoraConfig::new(TargetModules::names(["proj"]))
        .with_r(2)
        .with_lora_alpha(3.0);
    let (net, _) = attach(net, &config, 0).unwrap();

    /// Hand-picked values for every parameter, in the order of traversal.
    struct Set(Vec<Vec<f32>>);
    impl ModuleMapper for Set {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let values = self.0.remove(0);
            param.map(|old| {
                Tensor::<1>::from_floats(values.as_slice(), &old.device()).reshape(old.dims())
            })
        }
    }
    let net = net.map(&mut Set(vec![
        vec![1.0, 0.0, 0.0, 1.0, 2.0, 2.0], // W [3, 2]
        vec![1.0, 0.0, 0.0, 2.0, 1.0, 1.0], // A [3, 2]
        vec![1.0, 2.0, 3.0, 4.0],           // B [2, 2]
        vec![10.0, 20.0],                   // bias
    ]));
    let x = Tensor::<2>::from_floats([[1.0, 2.0, 3.0]], &device);
    // xW = [7, 8]; xA = [4, 7]; xAB = [25, 36]; s = 3/2.
    let expected = Tensor::<2>::from_floats([[54.5, 82.0]], &device);
    assert_close(net.proj.forward_adapted(x.clone()), expected.clone(), 0.0);
    assert_close(net.proj.forward(x), expected, 0.0);
}

#[test]
fn a_bare_layer_is_left_as_it_is() {
    let net = Mlp::new(&device());
    let x = random([4, 7], 1.0, 3, &device());
    assert_close(net.forward_adapted(x.clone()), net.forward(x), 0.0);
}

#[test]
fn a_half_precision_base_is_added_in_f32_and_rounded_once() {
    struct ToBf16;
    impl ModuleMapper for ToBf16 {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|weight| weight.cast(DType::BF16))
        }
    }
    let device = device();
    let net = Mlp::new(&device).map(&mut ToBf16);
    let (net, _) = attach(net, config(), 5).unwrap();
    let lora = lora(&net.down);
    assert_eq!(lora.a.val().dtype(), DType::F32);
    let (a, b) = (
        random([11, 3], 1.0, 8, &device),
        random([3, 5], 1.0, 9, &device),
    );
    let lora = LoraFactors {
        a: Param::from_tensor(a.clone()),
        b: Param::from_tensor(b.clone()),
        ..lora.clone()
    };

    /// Puts other factors in the place of the fresh ones.
    struct Replace(Vec<Tensor<2>>);
    impl ModuleMapper for Replace {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let found = self
                .0
                .iter()
                .position(|new| new.dims()[..] == param.dims()[..]);
            match found {
                Some(index) if param.dtype() == DType::F32 => {
                    let new = self.0.remove(index);
                    param.map(|old| new.reshape(old.dims()))
                }
                _ => param,
            }
        }
    }
    let net = net.map(&mut Replace(vec![a.clone(), b.clone()]));

    let x = random([6, 11], 1.0, 4, &device).cast(DType::BF16);
    let y = net.down.forward_adapted(x.clone());
    assert_eq!(y.dtype(), DType::BF16);
    let base = x.clone().matmul(net.down.weight.base()).cast(DType::F32);
    let update = x.cast(DType::F32).matmul(a).mul_scalar(2.5).matmul(b);
    let expected = (base + update).cast(DType::BF16);
    // One step of bf16 (2⁻⁸ of the value) for sums taken in another order.
    assert_close(y.cast(DType::F32), expected.cast(DType::F32), 2f64.powi(-8));
    let delta = lora.delta();
    let merged = (net.down.weight.base().cast(DType::F32) + delta).cast(DType::BF16);
    assert_close(
        net.down.weight.val().cast(DType::F32),
        merged.cast(DType::F32),
        0.0,
    );
}

#[test]
fn dropout_acts_on_the_adapter_in_training_only() {
    let device = device().autodiff();
    let (keep, rows, d) = (0.75, 400, 11);
    #[derive(Module, Debug)]
    struct Net {
        proj: Linear,
    }
    /// Makes `A` and `B` the identity, so that the update shows the mask.
    struct Identity;
    impl ModuleMapper for Identity {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            if !param.is_require_grad() {
                return param;
            }
            param.map(|old| {
                let eye = Tensor::<2>::eye(old.dims()[0], &old.device());
                eye.reshape(old.dims()).require_grad()
            })
        }
    }
    let net = Net {
        proj: LinearConfig::new(d, d).init(&device),
    };
    let config = LoraConfig::new(TargetModules::names(["proj"]))
        .with_r(d)
        .with_lora_alpha(2.0 * d as f64)
        .with_lora_dropout(1.0 - keep);
    let (net, _) = attach(net, &config, 0).unwrap();
    let net = net.map(&mut Identity);

    let x = random([rows, d], 1.0, 3, &device) + 2.0;
    let bias = net.proj.bias.as_ref().unwrap().val();
    let base = burn::tensor::module::linear(x.clone(), net.proj.weight.base(), Some(bias));
    let ratio = |y: Tensor<2>| {
        let ratio = (y - base.clone()) / x.clone();
        ratio.into_data().try_to_vec::<f32>().unwrap()
    };

    // s / keep where kept, nothing where dropped.
    let ratios = ratio(net.proj.forward_adapted(x.clone()));
    let kept = 2.0 / keep as f32;
    let count = ratios.iter().filter(|r| (**r - kept).abs() < 1e-4).count();
    let dropped = ratios.iter().filter(|r| r.abs() < 1e-4).count();
    assert_eq!(count + dropped, rows * d);
    // Binomial with n = 4400, p = 0.75: five standard deviations are 144.
    let expected = keep * (rows * d) as f64;
    assert!(
        (count as f64 - expected).abs() < 144.0,
        "{count} of {}",
        rows * d
    );

    // A new mask every time, and none without training.
    assert_ne!(ratios, ratio(net.proj.forward_adapted(x.clone())));
    let valid = net.valid();
    let y = valid.proj.forward_adapted(x.clone().inner());
    assert_close(y, (base.clone() + x.clone() * 2.0).inner(), 1e-5);
    let frozen = net.clone().freeze().proj.forward_adapted(x.clone());
    assert_close(frozen.inner(), (base + x * 2.0).inner(), 1e-5);
}

#[test]
fn modes_and_copies_keep_the_adapter() {
    let device = device().autodiff();
    let net = adapted(config(), &device);
    let x = random([4, 7], 1.0, 3, &device);
    let expected = net.forward_adapted(x.clone()).inner();

    let valid = net.valid();
    assert!(valid.up.weight.reparameterization::<Adapters>().is_some());
    let y = valid.forward_adapted(x.clone().inner());
    assert!(!y.is_autodiff());
    assert_close(y, expected.clone(), 0.0);
    let moved = valid.clone().to_device(&anneal_testkit::device());
    assert_close(
        moved.forward_adapted(x.clone().inner()),
        expected.clone(),
        0.0,
    );

    for copy in [valid.train(), net.clone(), net.clone().fork(&device)] {
        let y = copy.forward_adapted(x.clone());
        assert_close(y.clone().inner(), expected.clone(), 0.0);
        let grads = loss(y).backward();
        assert_eq!(adapter_gradients(&copy, &grads).len(), 4);
        assert!(copy.down.weight.base().grad(&grads).is_none());
    }
}

#[test]
fn an_adapter_attached_without_autodiff_trains_after_train() {
    let net = adapted(config(), &device());
    let x = random([4, 7], 1.0, 3, &device());
    let expected = net.forward_adapted(x.clone());
    let net = net.train();
    let y = net.forward_adapted(x.autodiff());
    assert_close(y.clone().inner(), expected, 0.0);
    let grads = loss(y).backward();
    assert_eq!(adapter_gradients(&net, &grads).len(), 4);
    assert!(net.down.weight.base().grad(&grads).is_none());
}

#[test]
fn training_moves_the_adapter_and_nothing_else() {
    let device = device().autodiff();
    let start = Mlp::new(&device);
    let (mut net, _) = attach(start.clone(), config(), 5).unwrap();
    let x = random([32, 7], 1.0, 3, &device);
    let target = randomize(Mlp::new(&device), 7).forward(x.clone()).detach();
    let error = |net: &Mlp| {
        (net.forward_adapted(x.clone()) - target.clone())
            .square()
            .mean()
    };

    let before = error(&net).into_scalar::<f32>();
    let mut optimizer = SgdConfig::new().init();
    for _ in 0..60 {
        let grads = GradientsParams::from_grads(error(&net).backward(), &net);
        net = optimizer.step(0.1, net, grads);
    }
    let after = error(&net).into_scalar::<f32>();
    assert!(after < 0.6 * before, "{before} -> {after}");

    for (trained, start) in [
        (&net.up, &start.up),
        (&net.down, &start.down),
        (&net.lm_head, &start.lm_head),
    ] {
        assert_close(
            trained.weight.base().inner(),
            start.weight.base().inner(),
            0.0,
        );
    }
}
