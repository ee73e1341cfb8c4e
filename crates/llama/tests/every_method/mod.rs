//! Every method that a whole model can be trained by, and a batch for it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use anneal_llama::{LoadOptions, LoadedModel, Precision, load_with};
use anneal_peft::{
    AdapterConfig, Bias, Ia3Config, InitLoraWeights, LoraConfig, PromptTuningConfig, TargetModules,
    VeraConfig, attach,
};
use anneal_testkit::fixture_path;
use burn::tensor::Device;

/// Layers by their names.
pub fn names<const N: usize>(names: [&str; N]) -> TargetModules {
    TargetModules::names(names)
}

/// LoRA with factors that do something from the start.
pub fn lora<const N: usize>(targets: [&str; N]) -> LoraConfig {
    LoraConfig::new(names(targets))
        .with_r(3)
        .with_lora_alpha(5.0)
        .with_init_lora_weights(InitLoraWeights::Random)
}

/// Every method that a model with or without a head of its own takes.
pub fn methods(tied: bool) -> Vec<(&'static str, AdapterConfig)> {
    let linear = ["q_proj", "v_proj", "o_proj", "gate_proj", "down_proj"];
    let all: fn(LoraConfig) -> AdapterConfig = AdapterConfig::Lora;
    let mut methods = vec![
        ("lora", all(lora(linear))),
        ("rslora", all(lora(linear).with_use_rslora(true))),
        ("dora", all(lora(linear).with_use_dora(true))),
        (
            "dora, embedding",
            all(lora(["embed_tokens"]).with_use_dora(true)),
        ),
        (
            "pissa",
            all(lora(linear).with_init_lora_weights(InitLoraWeights::Pissa)),
        ),
        (
            "olora",
            all(lora(linear).with_init_lora_weights(InitLoraWeights::Olora)),
        ),
        ("biases", all(lora(["q_proj"]).with_bias(Bias::All))),
        ("embedding", all(lora(["embed_tokens", "k_proj"]))),
        ("head", all(lora(["lm_head"]))),
        ("embedding and head", all(lora(["lm_head", "embed_tokens"]))),
        (
            "saved head",
            all(lora(["up_proj"]).with_modules_to_save(["lm_head"])),
        ),
        (
            "saved embedding",
            all(lora(["up_proj"]).with_modules_to_save(["embed_tokens", "norm"])),
        ),
        (
            "ia3",
            Ia3Config {
                init_ia3_weights: false,
                ..Ia3Config::llama()
            }
            .into(),
        ),
        (
            "vera",
            VeraConfig {
                init_weights: false,
                ..VeraConfig::new(names(linear)).with_r(4)
            }
            .into(),
        ),
        (
            "prompt",
            PromptTuningConfig::new(3).with_sample_vocab().into(),
        ),
    ];
    if tied {
        let tying = |config: LoraConfig| all(config.with_ensure_weight_tying(true));
        methods.push(("shared", tying(lora(["embed_tokens"]))));
        let saved = lora(["up_proj"]).with_modules_to_save(["embed_tokens"]);
        methods.push(("saved as one", tying(saved)));
    } else {
        methods.push(("dora, head", all(lora(["lm_head"]).with_use_dora(true))));
    }
    methods
}

/// Both tiny models with each method.
pub fn each(device: &Device, precision: Precision, test: impl Fn(&str, LoadedModel)) {
    for (fixture, tied) in [("tiny-llama", true), ("tiny-llama-untied", false)] {
        for (name, config) in methods(tied) {
            let options = LoadOptions::default().with_precision(precision);
            let mut loaded = load_with(&fixture_path(fixture), &options, device).unwrap();
            loaded.model = attach(loaded.model, config, 7).unwrap().0;
            test(&format!("{fixture}, {name}"), loaded);
        }
    }
}

/// A batch; the second row ends in padding.
pub const IDS: [[i64; 6]; 2] = [[5, 9, 2, 77, 31, 8], [90, 3, 3, 41, 0, 0]];
/// Places that predict, flat, and what follows them.
pub const PLACES: [i64; 6] = [0, 2, 3, 4, 6, 8];
/// See [`PLACES`].
pub const TARGETS: [i64; 6] = [9, 77, 31, 8, 3, 41];

/// What each place's loss counts.
pub const WEIGHTS: [f32; 6] = [1.0, 0.5, 2.0, 0.0, 1.5, -3.0];
