//! Which layers are adapted, and with what values.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use anneal_peft::{
    LoraConfig, Pattern, PeftError, TargetModules, adapter_param_ids, adapter_tensors, attach,
    remove_adapter,
};
use anneal_testkit::{assert_close, device, random};
use burn::{
    module::{Module, Param},
    nn::{Embedding, EmbeddingConfig, Linear, LinearConfig},
    tensor::Tensor,
};
use common::{Mlp, TinyLlama, config, lora};

/// The adapted paths of a fresh [`TinyLlama`].
fn adapted_paths(config: &LoraConfig) -> Vec<String> {
    attach(TinyLlama::new(&device()), config, 0)
        .unwrap()
        .1
        .adapted
}

fn message(config: &LoraConfig) -> String {
    attach(Mlp::new(&device()), config, 0)
        .unwrap_err()
        .to_string()
}

#[test]
fn the_report_counts_what_is_trained() {
    let (net, report) = attach(Mlp::new(&device()), config(), 0).unwrap();
    assert_eq!(report.adapted, ["up", "down"]);
    assert!(report.unmatched.is_empty());
    let trainable = 3 * (7 + 11) + 3 * (11 + 5);
    let base = 7 * 11 + 11 + 11 * 5 + 5 * 3;
    assert_eq!(report.trainable_params, trainable);
    assert_eq!(report.all_params, base + trainable);
    assert_eq!(
        report.to_string(),
        "trainable params: 102 || all params: 260 || trainable%: 39.2308"
    );
    assert_eq!(net.num_params(), report.all_params);
}

#[test]
fn a_fresh_adapter_changes_nothing() {
    let net = Mlp::new(&device());
    let x = random([4, 7], 1.0, 3, &device());
    let before = net.forward(x.clone());
    let (net, _) = attach(net, config(), 0).unwrap();
    assert_close(net.forward_adapted(x.clone()), before.clone(), 0.0);
    assert_close(net.forward(x), before, 0.0);
}

#[test]
fn selection_by_name_expression_and_layer() {
    let names = LoraConfig::new(TargetModules::names(["q_proj", "mlp.up_proj", "absent"]));
    assert_eq!(adapted_paths(&names).len(), 6);
    let report = attach(TinyLlama::new(&device()), &names, 0).unwrap().1;
    assert_eq!(report.unmatched, ["absent"]);

    let expression = LoraConfig::new(TargetModules::Pattern(r".*\.1\..*[qv]_proj".into()));
    let expected = [
        "model.layers.1.self_attn.q_proj",
        "model.layers.1.self_attn.v_proj",
    ];
    assert_eq!(adapted_paths(&expression), expected);

    let rest = LoraConfig::default()
        .with_exclude_modules(TargetModules::Pattern(r".*\.[01]\..*".into()))
        .with_r(2);
    assert_eq!(adapted_paths(&rest).len(), 7);

    let layers = names.with_layers_to_transform([0, 2]);
    assert_eq!(
        adapted_paths(&layers),
        [
            "model.layers.0.self_attn.q_proj",
            "model.layers.0.mlp.up_proj",
            "model.layers.2.self_attn.q_proj",
            "model.layers.2.mlp.up_proj",
        ]
    );
}

#[test]
fn all_linear_spares_the_output_embedding_and_other_types() {
    #[derive(Module, Debug)]
    struct Net {
        embed: Embedding,
        loose: Param<Tensor<2>>,
        maybe: Option<Linear>,
        lm_head: Linear,
    }
    let device = device();
    let net = Net {
        embed: EmbeddingConfig::new(9, 4).init(&device),
        loose: Param::from_tensor(Tensor::ones([4, 4], &device)),
        maybe: Some(LinearConfig::new(4, 6).init(&device)),
        lm_head: LinearConfig::new(6, 9).init(&device),
    };
    let (net, report) = attach(net, LoraConfig::default().with_r(2), 0).unwrap();
    assert_eq!(report.adapted, ["maybe"]);
    assert!(!net.lm_head.weight.is_require_grad());
    let net = remove_adapter(net, "default").unwrap();
    let explicit = LoraConfig::new(TargetModules::names(["lm_head"])).with_r(2);
    assert_eq!(attach(net, &explicit, 0).unwrap().1.adapted, ["lm_head"]);
}

#[test]
fn patterns_change_ranks_and_scales_of_single_layers() {
    let config = config()
        .with_rank_pattern(Pattern::new([("down", 2)]))
        .with_alpha_pattern(Pattern::new([("up", 9.0)]));
    let (net, _) = attach(Mlp::new(&device()), &config, 0).unwrap();
    let factors = |linear: &Linear| {
        let lora = lora(linear);
        (lora.a.dims(), lora.b.dims(), lora.scale)
    };
    assert_eq!(factors(&net.up), ([7, 3], [3, 11], 3.0));
    assert_eq!(factors(&net.down), ([11, 2], [2, 5], 3.75));
}

#[test]
fn values_depend_on_seed_and_path_alone() {
    /// The same names in another order, and another layer between.
    #[derive(Module, Debug)]
    struct Shuffled {
        down: Linear,
        other: Linear,
        up: Linear,
    }
    let device = device();
    let linear = |d_in, d_out| LinearConfig::new(d_in, d_out).init(&device);
    let shuffled = Shuffled {
        down: linear(11, 5),
        other: linear(6, 6),
        up: linear(7, 11),
    };
    let config = LoraConfig::default().with_r(3);
    let (net, _) = attach(Mlp::new(&device), &config, 5).unwrap();
    let (shuffled, _) = attach(shuffled, &config, 5).unwrap();
    let (net, shuffled) = (adapter_tensors(&net), adapter_tensors(&shuffled));
    for layer in ["up", "down"] {
        let name = format!("base_model.model.{layer}.lora_A.weight");
        assert_eq!(net[&name], shuffled[&name]);
    }
    let (reseeded, _) = attach(Mlp::new(&device), &config, 6).unwrap();
    let name = "base_model.model.up.lora_A.weight";
    assert_ne!(net[name], adapter_tensors(&reseeded)[name]);
}

#[test]
fn names_and_layout_are_pefts() {
    let (net, _) = attach(Mlp::new(&device()), config(), 0).unwrap();
    let shapes: Vec<_> = adapter_tensors(&net)
        .into_iter()
        .map(|(name, tensor)| (name, tensor.shape().to_vec()))
        .collect();
    let name = |s: &str| format!("base_model.model.{s}.weight");
    assert_eq!(
        shapes,
        [
            (name("down.lora_A"), vec![3, 11]),
            (name("down.lora_B"), vec![5, 3]),
            (name("up.lora_A"), vec![3, 7]),
            (name("up.lora_B"), vec![11, 3]),
        ]
    );
    let lora = lora(&net.up);
    assert_eq!(adapter_param_ids(&net)[&name("up.lora_B")], lora.b.id);
}

#[test]
fn targets_that_match_nothing_name_the_nearest() {
    let config = LoraConfig::new(TargetModules::names(["dwon"]));
    assert_eq!(
        message(&config),
        r#"target_modules ["dwon"] matches no Linear layer; the nearest are down, up, lm_head"#
    );
    let config = LoraConfig::new(TargetModules::Pattern(r".*\.up".into()));
    assert!(message(&config).starts_with(r#"target_modules ".*\\.up" matches no Linear"#));
}

#[test]
fn impossible_requests_are_refused() {
    assert_eq!(
        message(&config().with_r(0)),
        "r is 0, but it must be at least 1"
    );
    assert_eq!(
        message(&config().with_r(6)),
        "down maps 11 features to 5, so an adapter of rank 6 is wider than the layer; \
         use a rank of at most 5"
    );
    let (net, _) = attach(Mlp::new(&device()), config(), 0).unwrap();
    let error = attach(net, config(), 0).unwrap_err();
    assert!(matches!(error, PeftError::AlreadyAdapted { path, .. } if path == "down.weight"));

    #[derive(Module, Debug)]
    struct Bare {
        scale: Param<Tensor<2>>,
    }
    let scale = Param::from_tensor(Tensor::ones([3, 4], &device()));
    let error = attach(Bare { scale }, config(), 0).unwrap_err();
    assert!(matches!(error, PeftError::NoLinear), "{error}");
}
