//! Adapters of an embedding and of a head that is tied to it.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use anneal_peft::{
    AdapterLayer, Adapters, EmbeddingExt, Ia3Config, InitLoraWeights, LoraConfig, LoraFactors,
    PeftError, TargetModules, VeraConfig, adapter_gradients, adapter_tensors, add_adapter, attach,
    load_adapter, merge, merge_adapter, save_adapter, set_active,
};
use anneal_testkit::{assert_close, device, max_difference};
use burn::{
    nn::Embedding,
    tensor::{DType, Tensor},
};
use common::{
    base_gradients, flat, loss,
    oracle::{self, Matrix},
    retrain,
    tokens::{Tokens, ids},
};

fn config(targets: &[&str]) -> LoraConfig {
    LoraConfig::new(TargetModules::names(targets.iter().copied()))
        .with_r(2)
        .with_lora_alpha(5.0)
}

/// Everything that may sit on the embedding or its head.
fn cases() -> Vec<(&'static str, LoraConfig)> {
    vec![
        ("embedding", config(&["embed"])),
        ("dora", config(&["embed", "proj"]).with_use_dora(true)),
        ("head", config(&["lm_head", "proj"])),
        ("both", config(&["lm_head", "embed"])),
        ("tied", config(&["embed"]).with_ensure_weight_tying(true)),
        ("copy", config(&["proj"]).with_modules_to_save(["embed"])),
        (
            "copy of the head",
            config(&["embed"]).with_modules_to_save(["lm_head"]),
        ),
        (
            "tied copy",
            config(&["proj"])
                .with_modules_to_save(["embed"])
                .with_ensure_weight_tying(true),
        ),
    ]
}

fn factors(embedding: &Embedding) -> &LoraFactors {
    let adapters = embedding.weight.reparameterization::<Adapters>().unwrap();
    match adapters.active().next() {
        Some((_, AdapterLayer::Lora(lora))) => lora,
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_spaces_agree_in_outputs_and_gradients() {
    let device = device().autodiff();
    for (name, config) in cases() {
        let (net, _) = attach(Tokens::new(&device), config, 5).unwrap();
        let net = retrain(net, 0.5);
        let (fast, slow) = (net.forward_adapted(&device), net.forward(&device));
        let off = max_difference(fast.clone().inner(), slow.clone().inner());
        assert!(off <= 1e-5, "{name}: off by {off:e}");
        let (fast, slow) = (loss(fast).backward(), loss(slow).backward());
        for grads in [&fast, &slow] {
            assert_eq!(base_gradients(&net, grads), [""; 0], "{name}");
        }
        let (fast, slow) = (
            adapter_gradients(&net, &fast),
            adapter_gradients(&net, &slow),
        );
        assert_eq!(fast.len(), adapter_tensors(&net).len(), "{name}");
        for (key, slow) in slow {
            let (fast, slow) = (flat(&fast[&key]), flat(&slow));
            let size = max_difference(slow.clone(), slow.zeros_like());
            assert!(size > 1e-3, "{name}: {key} says nothing");
            let off = max_difference(fast, slow);
            assert!(off <= 1e-5 * size.max(1.0), "{name}: {key} off by {off:e}");
        }
    }
}

#[test]
fn rows_are_what_the_formula_says_in_f64() {
    for dora in [false, true] {
        let (net, _) = attach(
            Tokens::new(&device()),
            config(&["embed"]).with_use_dora(dora),
            5,
        )
        .unwrap();
        let net = retrain(net, 0.5);
        let base = Matrix::of(net.embed.weight.base());
        let whole = oracle::dora(&base, factors(&net.embed));
        let rows: Vec<usize> = ids(&device())
            .into_data()
            .iter::<i64>()
            .map(|id| id as usize)
            .collect();
        let expected = Matrix::from_fn(8, 6, |i, j| whole.at(rows[i], j));
        let y = net.embed.forward_adapted(ids(&device())).reshape([8, 6]);
        let off = expected.distance(y);
        assert!(off <= 2e-6, "dora {dora}: {off:e}");
        assert!(whole.distance(net.embed.weight.base()) > 0.1);
    }
}

#[test]
fn a_bf16_table_keeps_the_update_in_f32() {
    let mut net = Tokens::new(&device());
    net.embed.weight = net.embed.weight.map(|weight| weight.cast(DType::BF16));
    let (net, _) = attach(net, config(&["embed"]), 5).unwrap();
    let table = retrain(net, 0.5).embed;
    let whole = oracle::dora(&Matrix::of(table.weight.base()), factors(&table));
    let y = table.forward_adapted(Tensor::from_ints([[4, 9]], &device()));
    assert_eq!(y.dtype(), DType::BF16);
    let expected = Matrix::from_fn(2, 6, |i, j| whole.at([4, 9][i], j));
    let off = expected.distance(y.reshape([2, 6]));
    assert!(off <= 2f64.powi(-8) * expected.largest(), "{off:e}");
}

#[test]
fn the_head_follows_the_embedding_only_where_it_is_tied() {
    let start = Tokens::new(&device());
    let logits = |config: LoraConfig| {
        let (net, _) = attach(start.clone(), config, 5).unwrap();
        let net = retrain(net, 0.5);
        (net.forward_adapted(&device()), net)
    };
    let (free, net) = logits(config(&["embed"]));
    assert!(anneal_peft::tied_delta(&net.embed.weight).is_none());
    let (tied, net) = logits(config(&["embed"]).with_ensure_weight_tying(true));
    assert!(max_difference(free, tied.clone()) > 0.05);
    let delta = anneal_peft::tied_delta(&net.embed.weight).unwrap();
    assert!(oracle::delta(factors(&net.embed)).distance(delta) < 1e-6);
    // What both share can be merged; what one has alone can't.
    let (merged, _) = merge(net).unwrap();
    assert_close(merged.forward_adapted(&device()), tied, 1e-5);
}

#[test]
fn a_merge_that_would_change_the_other_half_is_refused() {
    for (targets, module) in [("embed", "embed"), ("lm_head", "lm_head")] {
        let (net, _) = attach(Tokens::new(&device()), config(&[targets]), 5).unwrap();
        let net = retrain(net, 0.5);
        let before = net.forward_adapted(&device()).into_data();
        for error in [
            merge(net.clone()).unwrap_err(),
            merge_adapter(net.clone()).unwrap_err(),
        ] {
            assert_eq!(
                error.to_string(),
                format!(
                    "the adapter \"default\" changes {module} alone, but lm_head and \
                     embed.weight are one matrix, so merging it would change both; keep the \
                     adapter beside the model, give the model a head of its own before the \
                     adapter is loaded (`untie` in anneal-llama, `convert --untie`), or train it \
                     with ensure_weight_tying"
                )
            );
        }
        assert_eq!(net.forward_adapted(&device()).into_data(), before);
    }
}

#[test]
fn what_an_embedding_can_t_have_is_refused() {
    let start = Tokens::new(&device());
    let before = start.forward_adapted(&device()).into_data();
    let refused = |config: anneal_peft::AdapterConfig, expected: &str| {
        let error = attach(start.clone(), config, 5).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(start.forward_adapted(&device()).into_data(), before);
        assert!(anneal_peft::adapters(&start).is_empty());
    };
    let embed = || TargetModules::names(["embed"]);
    refused(
        VeraConfig::new(embed()).into(),
        "embed is an embedding, which VERA cannot adapt; leave it out of target_modules",
    );
    refused(
        Ia3Config::new(TargetModules::names(["lm_head"])).into(),
        "lm_head is an embedding, which IA3 cannot adapt; leave it out of target_modules",
    );
    refused(
        config(&["lm_head"]).with_use_dora(true).into(),
        "use_dora is true at lm_head, but it must be false for a head that is tied to the \
         embedding",
    );
    for (target, init) in [
        ("lm_head", InitLoraWeights::Pissa),
        ("embed", InitLoraWeights::Olora),
    ] {
        refused(
            config(&[target]).with_init_lora_weights(init).into(),
            &format!(
                "init_lora_weights is {init} at {target}, but it must be an initialisation that \
                 leaves an embedding as it is"
            ),
        );
    }
    refused(
        config(&["embed"]).with_r(7).into(),
        "embed maps 13 features to 6, so an adapter of rank 7 is wider than the layer; use a \
         rank of at most 6",
    );
}

#[test]
fn adapters_of_the_table_come_back_from_their_files() {
    for (name, config) in cases() {
        let start = Tokens::new(&device());
        let (net, _) = attach(start.clone(), config, 5).unwrap();
        let net = retrain(net, 0.5);
        let dir = tempfile::tempdir().unwrap();
        save_adapter(&net, dir.path()).unwrap();
        let (again, _, report) = load_adapter(start, dir.path()).unwrap();
        assert!(report.zero_effect.is_empty(), "{name}");
        assert_eq!(
            again.forward_adapted(&device()).into_data(),
            net.forward_adapted(&device()).into_data(),
            "{name}"
        );
    }
}

#[test]
fn head_and_embedding_adapters_of_several_names_add_up() {
    let (net, _) = attach(Tokens::new(&device()), config(&["embed"]), 5).unwrap();
    let (net, _) = add_adapter(net, "second", config(&["lm_head", "embed"]), 6).unwrap();
    let net = retrain(set_active(net, &["default", "second"]).unwrap(), 0.5);
    let both = net.forward_adapted(&device());
    assert_close(both.clone(), net.forward(&device()), 1e-5);
    let one = set_active(net.clone(), &["second"]).unwrap();
    assert!(max_difference(one.forward_adapted(&device()), both) > 0.01);
    let dora = config(&["embed"]).with_use_dora(true);
    let (net, _) = add_adapter(net, "third", dora, 6).unwrap();
    let error = set_active(net, &["default", "third"]).unwrap_err();
    assert!(matches!(error, PeftError::NotAdditive { name, .. } if name == "third"));
}
