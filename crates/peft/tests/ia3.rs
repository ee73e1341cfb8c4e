//! IA3 on a layer that has a bias, which weight space cannot do.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use anneal_peft::{
    Adapters, Ia3Config, LinearExt, TargetModules, adapter_gradients, disabled, merge,
    merge_adapter, remove_adapter, unmerge_adapter,
};
use anneal_testkit::{assert_close, device, random};
use burn::{module::Param, tensor::Tensor};
use common::{Mlp, adapted, bare, base_gradients, flat, loss};

/// An output with a bias scaled, and the vector.
fn scaled(device: &burn::tensor::Device) -> (Mlp, Param<Tensor<1>>) {
    let net = adapted(Ia3Config::new(TargetModules::names(["up"])), device);
    let adapters = net.up.weight.reparameterization::<Adapters>().unwrap();
    let l = match adapters.active().next() {
        Some((_, anneal_peft::AdapterLayer::Ia3(ia3))) => ia3.scales.clone(),
        other => panic!("{other:?}"),
    };
    (net, l)
}

#[test]
fn the_output_is_scaled_with_its_bias() {
    let device = device().autodiff();
    let (net, l) = scaled(&device);
    let x = random([6, 7], 1.0, 3, &device).require_grad();
    let y = net.up.forward_adapted(x.clone());
    let free = bare(&net.up).forward(x.clone());
    let by_hand = free.clone() * l.val().unsqueeze_dim(0);
    assert_close(y.clone().inner(), by_hand.clone().inner(), 1e-6);
    let (fast, slow) = (loss(y).backward(), loss(by_hand).backward());
    assert_close(x.grad(&fast).unwrap(), x.grad(&slow).unwrap(), 1e-5);
    let found = flat(&adapter_gradients(&net, &fast)["base_model.model.up.ia3_l"]);
    assert_close(found, l.val().grad(&slow).unwrap(), 1e-5);
    assert_eq!(base_gradients(&net, &fast), [""; 0]);
}

#[test]
#[should_panic(expected = "call LinearExt::forward_adapted in the model's forward")]
fn weight_space_refuses_to_forget_the_bias() {
    let (net, _) = scaled(&device());
    net.up.forward(random([6, 7], 1.0, 3, &device()));
}

#[test]
fn the_bias_is_merged_with_the_weight() {
    let (net, _) = scaled(&device());
    let x = random([6, 7], 1.0, 3, &device());
    let expected = net.up.forward_adapted(x.clone());
    let (merged, report) = merge(net.clone()).unwrap();
    assert_close(merged.up.forward(x.clone()), expected.clone(), 1e-5);
    let paths: Vec<&str> = report.weights.iter().map(|w| w.path.as_str()).collect();
    assert_eq!(paths, ["up.weight", "up.bias"]);
    let (merged, _) = merge_adapter(net.clone()).unwrap();
    assert_close(merged.up.forward(x.clone()), expected.clone(), 1e-5);
    let back = unmerge_adapter(merged).unwrap();
    assert_eq!(
        back.up.forward_adapted(x.clone()).into_data(),
        expected.into_data()
    );
    let base = bare(&net.up).forward(x.clone()).into_data();
    let off = disabled(&net).unwrap();
    assert_eq!(off.up.forward(x.clone()).into_data(), base);
    let gone = remove_adapter(net, "default").unwrap();
    assert_eq!(gone.up.forward(x).into_data(), base);
}
