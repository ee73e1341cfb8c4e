//! Options together that each work alone: what a reviewer found where one
//! option a test had shown nothing.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use anneal_peft::{
    Bias, Combination, Ia3Config, InitLoraWeights, LoraConfig, PeftError, TargetModules,
    add_adapter, attach, combine_adapters, load_adapter, save_adapter, save_adapter_as, set_active,
};
use anneal_testkit::{assert_close, device, random};
use burn::{
    module::Module,
    nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig},
    tensor::Tensor,
};
use common::{
    Mlp, adapted, config,
    saved::{read_tensors, write_tensors},
    values::retrain,
};

#[test]
fn a_layer_inside_a_saved_module_is_not_adapted_as_well() {
    // "own" ends the path of `down` and shields nothing: PEFT reads the names
    // by their ends where it saves, and by segments where it keeps targets off.
    let config = config().with_modules_to_save(["own"]);
    let error = attach(Mlp::new(&device()), &config, 5).unwrap_err();
    assert_eq!(
        error.to_string(),
        "modules_to_save is a module that holds down, which is adapted, but it must be modules \
         without adapted layers in them"
    );
}

#[test]
fn a_trained_bias_stays_beside_another_adapters_input_scales() {
    let names = TargetModules::names;
    let biases = LoraConfig::new(names(["lm_head"]))
        .with_r(2)
        .with_bias(Bias::All);
    let scales = Ia3Config::new(names(["up"])).with_feedforward_modules(names(["up"]));
    let (net, _) = attach(Mlp::new(&device()), &biases, 5).unwrap();
    let (net, _) = add_adapter(net, "scales", &scales, 6).unwrap();
    let net = retrain(net, 0.5);
    let net = set_active(net, &["default", "scales"]).unwrap();
    let x = random([6, 7], 1.0, 3, &device());
    let found = net.up.in_activation_space(x.clone());
    assert_close(found, net.up.forward(x.clone()), 1e-5);
    let without = set_active(net, &["scales"]).unwrap();
    let difference = without.up.forward(x.clone()) - without.up.in_activation_space(x);
    assert!(difference.abs().max().into_scalar::<f32>() < 1e-5);
}

/// The method under a name that doesn't clash with the network's own.
trait Adapted {
    fn in_activation_space(&self, x: Tensor<2>) -> Tensor<2>;
}

impl Adapted for Linear {
    fn in_activation_space(&self, x: Tensor<2>) -> Tensor<2> {
        anneal_peft::LinearExt::forward_adapted(self, x)
    }
}

#[test]
fn a_combination_has_the_settings_of_its_parts() {
    let named = |base: &str| config().with_base_model(base);
    let (net, _) = attach(Mlp::new(&device()), named("one"), 5).unwrap();
    let (net, _) = add_adapter(net, "other", named("two"), 6).unwrap();
    let net = combine_adapters(net, "sum", &[("other", 0.5)], Combination::Cat).unwrap();
    let dir = tempfile::tempdir().unwrap();
    save_adapter_as(&net, "sum", dir.path()).unwrap();
    let config = LoraConfig::from_dir(dir.path()).unwrap();
    assert_eq!(config.base_model_name_or_path.as_deref(), Some("two"));
}

#[test]
fn an_adapter_without_an_effect_is_reported_whatever_the_reason() {
    let load = |config: LoraConfig, train: bool| {
        let dir = tempfile::tempdir().unwrap();
        let net = if train {
            adapted(config, &device())
        } else {
            attach(Mlp::new(&device()), config, 5).unwrap().0
        };
        save_adapter(&net, dir.path()).unwrap();
        load_adapter(Mlp::new(&device()), dir.path()).unwrap().2
    };
    // A scale of zero, and a magnitude that is the weight's own.
    assert!(load(config().with_lora_alpha(0.0), true).has_no_effect);
    assert!(load(config().with_use_dora(true), false).has_no_effect);
    let trained = load(config().with_use_dora(true), true);
    assert!(!trained.has_no_effect && trained.zero_effect.is_empty());
}

#[test]
fn a_file_may_name_modules_that_the_model_lacks() {
    // PEFT writes both names that a classifier's head has in some model.
    let dir = tempfile::tempdir().unwrap();
    let config = config().with_modules_to_save(["lm_head"]);
    save_adapter(&adapted(&config, &device()), dir.path()).unwrap();
    let path = dir.path().join("adapter_config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"lm_head\""), "{text}");
    std::fs::write(&path, text.replace("\"lm_head\"", "\"lm_head\", \"score\"")).unwrap();
    let (_, _, report) = load_adapter(Mlp::new(&device()), dir.path()).unwrap();
    assert_eq!(report.attached.unmatched, ["score"]);
    // Who attaches meant something by it.
    let typo = config.with_modules_to_save(["lm_head", "score"]);
    let error = attach(Mlp::new(&device()), &typo, 5).unwrap_err();
    assert!(matches!(error, PeftError::NoSuchModule { name, .. } if name == "score"));
}

#[test]
fn a_bias_that_peft_writes_three_times_is_read_once() {
    let config = LoraConfig::new(TargetModules::names(["down"]))
        .with_r(2)
        .with_bias(Bias::All)
        .with_modules_to_save(["up"]);
    let dir = tempfile::tempdir().unwrap();
    save_adapter(&adapted(&config, &device()), dir.path()).unwrap();
    let (net, _, _) = load_adapter(Mlp::new(&device()), dir.path()).unwrap();
    let mut tensors = read_tensors(dir.path());
    let key = "base_model.model.up.bias";
    let bias = tensors
        .iter()
        .find(|(name, ..)| name == key)
        .unwrap()
        .clone();
    let mut old = bias.clone();
    old.0 = "base_model.model.up.original_module.bias".into();
    old.3.fill(0);
    let mut again = bias;
    again.0 = "base_model.model.up.modules_to_save.bias".into();
    tensors.extend([old, again]);
    write_tensors(dir.path(), &tensors);
    let (loaded, _, _) = load_adapter(Mlp::new(&device()), dir.path()).unwrap();
    let x = random([4, 7], 1.0, 3, &device());
    assert_close(
        loaded.forward_adapted(x.clone()),
        net.forward_adapted(x),
        0.0,
    );
    // Another value under that name is no repetition.
    tensors.last_mut().unwrap().3[0] ^= 1;
    write_tensors(dir.path(), &tensors);
    let error = load_adapter(Mlp::new(&device()), dir.path()).unwrap_err();
    let expected = "1 unexpected (base_model.model.up.modules_to_save.bias)";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn all_linear_is_a_word_for_targets_alone() {
    // As an expression it matches no path, so that nothing is excluded.
    let word = TargetModules::Pattern("all-linear".into());
    let (_, report) = attach(Mlp::new(&device()), config().with_exclude_modules(word), 5).unwrap();
    assert_eq!(report.adapted, ["up", "down"]);
}

#[test]
fn a_file_whose_base_nobody_can_make_again_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    save_adapter(&adapted(config(), &device()), dir.path()).unwrap();
    let path = dir.path().join("adapter_config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let drawn = text.replace(
        "\"init_lora_weights\": true",
        "\"init_lora_weights\": \"pissa_niter_4\"",
    );
    assert_ne!(text, drawn);
    std::fs::write(&path, drawn).unwrap();
    let error = load_adapter(Mlp::new(&device()), dir.path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("init_lora_weights is \"pissa_niter_4\", which is not supported"),
        "{error}"
    );
    let endless = config().with_init_lora_weights(InitLoraWeights::PissaNiter(usize::MAX));
    let error = attach(Mlp::new(&device()), &endless, 5)
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("must be pissa_niter_1 to pissa_niter_1000"),
        "{error}"
    );
}

#[derive(Module, Debug)]
struct Normed {
    up: Linear,
    norm: LayerNorm,
    head: Linear,
}

#[test]
fn a_norm_has_the_names_that_peft_knows() {
    let net = Normed {
        up: LinearConfig::new(7, 5).init(&device()),
        norm: LayerNormConfig::new(5).init(&device()),
        head: LinearConfig::new(5, 3).init(&device()),
    };
    let config = LoraConfig::new(TargetModules::names(["up"])).with_r(2);
    let keys = |config: &LoraConfig| {
        let (net, report) = attach(net.clone(), config, 5).unwrap();
        let keys: Vec<String> = anneal_peft::adapter_tensors(&net)
            .into_keys()
            .map(|key| key.replace("base_model.model.", ""))
            .collect();
        (keys, report.trainable_params, report.all_params)
    };
    let (all, trainable, total) = keys(&config.clone().with_bias(Bias::All));
    let lora = ["up.lora_A.weight", "up.lora_B.weight"];
    assert_eq!(
        all,
        [
            "head.bias",
            "norm.bias",
            "up.base_layer.bias",
            lora[0],
            lora[1]
        ]
    );
    // 2·(7 + 5) factors and 5 + 5 + 3 biases, which are the model's own to PEFT.
    assert_eq!(
        (trainable, total),
        (24 + 13, 7 * 5 + 5 + 10 + 5 * 3 + 3 + 24)
    );
    let (saved, trainable, total) = keys(&config.with_modules_to_save(["norm"]));
    assert_eq!(saved, ["norm.bias", "norm.weight", lora[0], lora[1]]);
    assert_eq!((trainable, total), (24 + 10, 68 + 24 + 10));
}
