//! Requests that can't be met: typed errors, and nothing half attached.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use anneal_peft::{
    AdapterConfig, LoraConfig, Pattern, PromptTuningConfig, TargetModules, VeraConfig, adapters,
    add_adapter, attach,
};
use anneal_testkit::{device, random};
use burn::module::{Lora, Module};
use common::{Mlp, adapted, config};

/// Attaching is refused with this message, and the clone is as it was.
fn refused(config: impl Into<AdapterConfig>, message: &str) {
    let config = config.into();
    let net = Mlp::new(&device().autodiff());
    let x = random([4, 7], 1.0, 3, &device().autodiff());
    let before = net.forward(x.clone()).into_data();
    let error = attach(net.clone(), &config, 5).unwrap_err();
    assert_eq!(error.to_string(), message);
    assert!(adapters(&net).is_empty());
    assert_eq!(net.forward(x).into_data(), before);
    assert!(net.up.weight.is_require_grad(), "the base was frozen");

    // Beside another adapter too, which goes on as it was.
    let net = adapted(common::config(), &device());
    let x = random([4, 7], 1.0, 3, &device());
    let before = net.forward_adapted(x.clone()).into_data();
    let error = add_adapter(net.clone(), "other", &config, 5).unwrap_err();
    assert_eq!(error.to_string(), message);
    assert_eq!(adapters(&net).len(), 1);
    assert_eq!(net.forward_adapted(x).into_data(), before);
}

#[test]
fn settings_out_of_range() {
    refused(config().with_r(0), "r is 0, but it must be at least 1");
    for (alpha, found) in [(f64::NAN, "NaN"), (f64::NEG_INFINITY, "-inf")] {
        refused(
            config().with_lora_alpha(alpha),
            &format!("lora_alpha is {found}, but it must be a finite number"),
        );
    }
    refused(
        config().with_lora_dropout(1.0),
        "lora_dropout is 1, but it must be a probability from 0 to below 1",
    );
    refused(
        VeraConfig::new(TargetModules::names(["up"])).with_r(0),
        "r is 0, but it must be at least 1",
    );
}

#[test]
fn a_rank_above_the_layer() {
    let wide = "down maps 11 features to 5, so an adapter of rank 6 is wider than the layer; use \
                a rank of at most 5";
    refused(config().with_r(6), wide);
    refused(
        config().with_rank_pattern(Pattern::new([("down", 6)])),
        wide,
    );
    for init in ["pissa", "olora", "gaussian"] {
        let init = serde_json::from_value(init.into()).unwrap();
        refused(config().with_r(6).with_init_lora_weights(init), wide);
    }
}

#[test]
fn names_that_name_nothing() {
    refused(
        LoraConfig::new(TargetModules::names(["dwon"])).with_r(2),
        "target_modules [\"dwon\"] matches no Linear layer; the nearest are down, up, lm_head",
    );
    refused(
        config().with_modules_to_save(["lm_haed"]),
        "modules_to_save names \"lm_haed\", which ends no module's path; the nearest are \
         lm_head, down, up",
    );
    refused(
        PromptTuningConfig::new(3),
        "the module has no Embedding, so there is nothing to put virtual tokens before",
    );
    refused(
        config().with_modules_to_save(["up", "down"]),
        "modules_to_save is withholding every layer that target_modules [\"up\", \"down\"] \
         matches, but it must be a setting that leaves at least one of them",
    );
}

#[test]
fn twice_and_beside_a_stranger() {
    let net = adapted(config(), &device());
    let error = attach(net, config(), 5).unwrap_err();
    assert_eq!(
        error.to_string(),
        "down.weight already carries the adapter \"default\"; add another with add_adapter, merge \
         it first, or start from the base model"
    );
    let net = Mlp::new(&device()).apply_lora(Lora::new(2, 4.0));
    let x = random([4, 7], 1.0, 3, &device());
    let before = net.forward(x.clone()).into_data();
    // Whether it sits on a target or not.
    for targets in [&["up"][..], &["up", "down", "lm_head"]] {
        let config = LoraConfig::new(TargetModules::names(targets.iter().copied())).with_r(2);
        let error = attach(net.clone(), config, 5).unwrap_err();
        assert_eq!(
            error.to_string(),
            "up.weight carries a reparameterization of another kind, such as burn's own LoRA; \
             materialize the module first, or start from the base model"
        );
    }
    assert_eq!(net.forward(x).into_data(), before);
}
