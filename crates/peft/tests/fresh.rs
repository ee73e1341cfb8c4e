//! What an adapter begins with.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use anneal_peft::{
    AdapterConfig, InitLoraWeights, adapter_tensors, attach, load_adapter, save_adapter,
};
use anneal_testkit::{assert_close, device, max_difference, random};
use burn::{module::Module, nn::Linear};
use common::{Mlp, cases::cases};

/// The layers of [`Mlp`] in another order, with another between them.
#[derive(Module, Debug)]
struct Shuffled {
    lm_head: Linear,
    down: Linear,
    other: Linear,
    up: Linear,
}

fn init(config: &AdapterConfig) -> InitLoraWeights {
    match config {
        AdapterConfig::Lora(lora) => lora.init_lora_weights,
        _ => InitLoraWeights::Kaiming,
    }
}

#[test]
fn a_fresh_adapter_changes_nothing() {
    for (name, config) in cases() {
        if init(&config) == InitLoraWeights::Random {
            continue;
        }
        let rounds = init(&config).changes_base()
            || matches!(&config, AdapterConfig::Lora(lora) if lora.use_dora);
        let start = Mlp::new(&device());
        let x = random([6, 7], 1.0, 3, &device());
        let before = start.forward(x.clone());
        let (net, _) = attach(start.clone(), config, 5).unwrap();
        for y in [net.forward_adapted(x.clone()), net.forward(x.clone())] {
            // DoRA divides by a length, and a decomposition is put together.
            let tolerance = if rounds { 4e-6 } else { 0.0 };
            let off = max_difference(y, before.clone());
            assert!(off <= tolerance, "{name}: off by {off:e}");
        }
        // The clone that was kept has its own weights still.
        assert_eq!(start.forward(x).into_data(), before.into_data(), "{name}");
    }
}

#[test]
fn random_values_do_change_it() {
    let config = common::config().with_init_lora_weights(InitLoraWeights::Random);
    let start = Mlp::new(&device());
    let x = random([6, 7], 1.0, 3, &device());
    let (net, _) = attach(start.clone(), &config, 5).unwrap();
    let off = max_difference(net.forward_adapted(x.clone()), start.forward(x));
    assert!(off > 0.05, "{off}");
}

#[test]
fn values_depend_on_the_seed_and_the_path_alone() {
    for (name, config) in cases() {
        let start = Mlp::new(&device());
        let shuffled = Shuffled {
            lm_head: start.lm_head.clone(),
            down: start.down.clone(),
            other: Mlp::new(&device()).down,
            up: start.up.clone(),
        };
        let (net, _) = attach(start.clone(), &config, 5).unwrap();
        let (shuffled, _) = attach(shuffled, &config, 5).unwrap();
        let values = adapter_tensors(&net);
        assert_eq!(adapter_tensors(&shuffled), values, "{name}");
        let (reseeded, _) = attach(start, &config, 6).unwrap();
        let drawn = match &config {
            AdapterConfig::Lora(lora) => matches!(
                lora.init_lora_weights,
                InitLoraWeights::Kaiming | InitLoraWeights::Gaussian | InitLoraWeights::Random
            ),
            _ => false,
        };
        let niter = matches!(init(&config), InitLoraWeights::PissaNiter(_));
        if drawn {
            assert_ne!(adapter_tensors(&reseeded), values, "{name}");
        } else if !niter {
            // Ones, zeros and decompositions know no chance.
            assert_eq!(adapter_tensors(&reseeded), values, "{name}");
        }
    }
}

#[test]
fn every_method_comes_back_from_its_files() {
    for (name, config) in cases() {
        let start = Mlp::new(&device());
        let x = random([6, 7], 1.0, 3, &device());
        let (net, _) = attach(start.clone(), config, 5).unwrap();
        let net = common::retrain(net, 0.3);
        let dir = tempfile::tempdir().unwrap();
        save_adapter(&net, dir.path()).unwrap();
        let (again, _, report) = load_adapter(start, dir.path()).unwrap();
        assert!(report.zero_effect.is_empty(), "{name}: {report:?}");
        // PiSSA's and OLoRA's come back as one update of twice the rank.
        let (found, expected) = (again.forward_adapted(x.clone()), net.forward_adapted(x));
        assert_close(found, expected, 4e-6);
    }
}
