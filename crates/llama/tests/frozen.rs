//! Frozen weights build no graph below the first trained layer.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

mod gradients;

use anneal_kernels::AttentionMask;
use anneal_llama::{LoadedModel, Positions, RotaryTables, load};
use anneal_peft::{LoraConfig, TargetModules, adapter_gradients, attach};
use anneal_testkit::{device, fixture_path};
use burn::tensor::{Device, Int, Tensor};
use gradients::base_gradients;

/// tiny-llama with adapters on the layers given alone.
fn adapted(layers: &[usize], device: &Device) -> LoadedModel {
    let mut loaded = load(&fixture_path("tiny-llama"), device).unwrap();
    let targets = [
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    ];
    let config = LoraConfig::new(TargetModules::names(targets))
        .with_r(2)
        .with_layers_to_transform(layers.iter().copied());
    loaded.model = attach(loaded.model, &config, 3).unwrap().0;
    loaded
}

/// Whether the states that enter each layer, and those that leave the last,
/// are part of a graph.
fn tracked(loaded: &LoadedModel, device: &Device) -> Vec<bool> {
    let ids = Tensor::<2, Int>::from_ints([[5, 6, 7, 8]], device);
    let range = Positions::Range {
        start: 0,
        length: 4,
    };
    let tables = RotaryTables::new(&loaded.config, range, device);
    let model = &loaded.model.model;
    let mut x = model.embed_tokens.forward(ids);
    let mut found = vec![x.is_tracked()];
    for layer in &model.layers {
        x = layer.forward(x, &tables, &AttentionMask::Causal, None);
        found.push(x.is_tracked());
    }
    found
}

#[test]
fn the_graph_begins_at_the_first_trained_layer() {
    let device = device().autodiff();
    for (layers, expected) in [
        (&[2][..], [false, false, false, true]),
        (&[1], [false, false, true, true]),
        (&[0, 2], [false, true, true, true]),
    ] {
        assert_eq!(tracked(&adapted(layers, &device), &device), expected);
    }
    // Without an adapter there is no graph at all.
    let base = load(&fixture_path("tiny-llama"), &device).unwrap();
    assert_eq!(tracked(&base, &device), [false; 4]);
    let ids = Tensor::<2, Int>::from_ints([[5, 6, 7]], &device);
    assert!(!base.model.forward(ids, &base.config).is_tracked());
}

#[test]
fn no_base_weight_gets_a_gradient() {
    let device = device().autodiff();
    let LoadedModel { model, config, .. } = adapted(&[1, 2], &device);
    let int = |values: [i64; 2]| Tensor::<1, Int>::from_ints(values, &device);
    let ids = Tensor::<2, Int>::from_ints([[5, 6, 7]], &device);
    let loss = model.token_loss(ids, int([0, 1]), int([6, 7]), &config);
    let gradients = loss.backward();
    assert_eq!(adapter_gradients(&model, &gradients).len(), 2 * 7 * 2);
    let base = base_gradients(&model, &gradients);
    assert_eq!(base.len(), 29);
    for (path, gradient) in base {
        assert!(gradient.is_none(), "{path} has a gradient");
    }
}
