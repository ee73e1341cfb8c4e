//! Frozen weights build no graph below the first trained layer.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_kernels::AttentionMask;
use anneal_llama::{LlamaForCausalLM, LoadedModel, Positions, RotaryTables, load};
use anneal_peft::{LoraConfig, TargetModules, adapter_gradients, attach};
use anneal_testkit::{device, fixture_path};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Int, Tensor};

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

/// Counts the base parameters and collects those that got a gradient.
struct BaseGradients<'a> {
    gradients: &'a Gradients,
    stack: Vec<String>,
    seen: usize,
    found: Vec<String>,
}

impl ModuleVisitor for BaseGradients<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.stack.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.stack.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.seen += 1;
        if param.base().grad(self.gradients).is_some() {
            self.found.push(self.stack.join("."));
        }
    }
}

fn base_gradients(model: &LlamaForCausalLM, gradients: &Gradients) -> (usize, Vec<String>) {
    let mut visitor = BaseGradients {
        gradients,
        stack: vec![],
        seen: 0,
        found: vec![],
    };
    model.visit(&mut visitor);
    (visitor.seen, visitor.found)
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
    let (seen, found) = base_gradients(&model, &gradients);
    assert!(seen >= 29, "only {seen} parameters were visited");
    let base: Vec<_> = found
        .iter()
        .filter(|path| !path.contains(".adapters."))
        .collect();
    assert!(base.is_empty(), "gradients of {base:?}");
}
