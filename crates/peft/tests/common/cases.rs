//! One configuration of every method, for tests that hold for all of them.
#![allow(dead_code, reason = "every test file uses a part of this")]

use anneal_peft::{
    AdapterConfig, Bias, Ia3Config, InitLoraWeights, LoraConfig, Pattern, TargetModules, VeraConfig,
};

use super::config;

/// Named settings for an [`Mlp`](super::Mlp) that work in weight space too.
pub fn cases() -> Vec<(&'static str, AdapterConfig)> {
    let init = |init| config().with_init_lora_weights(init);
    vec![
        ("lora", config().into()),
        ("rslora", config().with_use_rslora(true).into()),
        ("patterns", patterns().into()),
        ("gaussian", init(InitLoraWeights::Gaussian).into()),
        ("random", init(InitLoraWeights::Random).into()),
        ("dora", config().with_use_dora(true).into()),
        ("pissa", init(InitLoraWeights::Pissa).into()),
        ("pissa_niter_4", init(InitLoraWeights::PissaNiter(4)).into()),
        ("olora", init(InitLoraWeights::Olora).into()),
        (
            "dora on pissa",
            init(InitLoraWeights::Pissa).with_use_dora(true).into(),
        ),
        ("lora_only", config().with_bias(Bias::LoraOnly).into()),
        (
            "dora and all biases",
            config().with_use_dora(true).with_bias(Bias::All).into(),
        ),
        (
            "modules_to_save",
            config().with_modules_to_save(["lm_head"]).into(),
        ),
        ("vera", vera().into()),
        ("vera and biases", vera().with_bias(Bias::LoraOnly).into()),
        ("ia3", ia3().into()),
    ]
}

/// Other ranks and scales on single layers.
fn patterns() -> LoraConfig {
    config()
        .with_rank_pattern(Pattern::new([("down", 2)]))
        .with_alpha_pattern(Pattern::new([("up", 9.0)]))
}

/// VeRA of a rank above some of the layers.
pub fn vera() -> VeraConfig {
    VeraConfig::new(TargetModules::names(["up", "down"])).with_r(6)
}

/// IA3 on the output of a layer without a bias, and on the input of one that
/// has one.
pub fn ia3() -> Ia3Config {
    Ia3Config::new(TargetModules::names(["up", "down"]))
        .with_feedforward_modules(TargetModules::names(["up"]))
}
