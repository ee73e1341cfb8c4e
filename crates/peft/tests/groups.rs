//! LoRA+'s groups against those of `create_loraplus_optimizer`.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use anneal_peft::{
    Bias, GroupKind, LoraConfig, LoraPlus, TargetModules, adapter_param_ids, add_adapter, attach,
    lora_plus_groups, set_active,
};
use anneal_testkit::device;
use burn::{
    module::Module,
    nn::{
        Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig, RmsNorm,
        RmsNormConfig,
    },
};

#[derive(Module, Debug)]
struct Net {
    embed: Embedding,
    other: Embedding,
    up: Linear,
    norm: LayerNorm,
    rms: RmsNorm,
    down: Linear,
    lm_head: Linear,
}

fn net() -> Net {
    let device = device();
    Net {
        embed: EmbeddingConfig::new(13, 6).init(&device),
        other: EmbeddingConfig::new(5, 6).init(&device),
        up: LinearConfig::new(6, 11).init(&device),
        norm: LayerNormConfig::new(11).init(&device),
        rms: RmsNormConfig::new(11).init(&device),
        down: LinearConfig::new(11, 5).with_bias(false).init(&device),
        lm_head: LinearConfig::new(5, 3).init(&device),
    }
}

/// The groups were printed by PEFT 0.21.2 for a module of these layers; the names
/// are the file's, without `modules_to_save.default`.
#[test]
fn the_groups_are_pefts() {
    let config = LoraConfig::new(TargetModules::names(["up", "down", "embed"]))
        .with_r(2)
        .with_use_dora(true)
        .with_bias(Bias::All)
        .with_modules_to_save(["norm", "rms", "lm_head", "other"]);
    let (net, _) = attach(net(), &config, 5).unwrap();
    let mut rates = LoraPlus::new(1e-4, 16.0);
    rates.embedding_learning_rate = 2e-6;
    let groups = lora_plus_groups(&net, &rates);
    let told: Vec<_> = groups
        .iter()
        .map(|group| {
            let mut names: Vec<String> = group
                .names
                .iter()
                .map(|name| name.replace("base_model.model.", ""))
                .collect();
            names.sort();
            (
                group.kind,
                group.learning_rate,
                group.weight_decay,
                names.join(" "),
            )
        })
        .collect();
    let expected = [
        (
            GroupKind::A,
            1e-4,
            true,
            "down.lora_A.weight lm_head.weight other.weight up.lora_A.weight",
        ),
        (
            GroupKind::Embedding,
            2e-6,
            true,
            "embed.lora_embedding_A embed.lora_embedding_B",
        ),
        (
            GroupKind::B,
            16e-4,
            true,
            "down.lora_B.weight down.lora_magnitude_vector embed.lora_magnitude_vector \
             rms.weight up.lora_B.weight up.lora_magnitude_vector",
        ),
        (
            GroupKind::NoDecay,
            16e-4,
            false,
            "lm_head.bias norm.bias norm.weight up.base_layer.bias",
        ),
    ]
    .map(|(kind, rate, decay, names)| (kind, rate, decay, names.to_string()));
    assert_eq!(told, expected);

    // Every trained parameter is in one group, under the id of its name.
    let ids = adapter_param_ids(&net);
    let grouped: Vec<_> = groups
        .iter()
        .flat_map(|g| g.names.iter().zip(&g.ids))
        .collect();
    assert_eq!(grouped.len(), ids.len());
    for (name, id) in grouped {
        assert_eq!(ids[name], *id, "{name}");
    }
}

#[test]
fn adapters_that_are_off_are_in_no_group() {
    let config = |name: &str| LoraConfig::new(TargetModules::names([name])).with_r(2);
    let (net, _) = attach(net(), config("up"), 5).unwrap();
    let (net, _) = add_adapter(net, "other", config("down"), 5).unwrap();
    let names = |net: &Net| -> Vec<String> {
        let groups = lora_plus_groups(net, &LoraPlus::new(1e-4, 16.0));
        groups.into_iter().flat_map(|group| group.names).collect()
    };
    let of =
        |layer: &str| ["A", "B"].map(|side| format!("base_model.model.{layer}.lora_{side}.weight"));
    assert_eq!(names(&net), of("up"));
    assert_eq!(
        names(&set_active(net.clone(), &["other"]).unwrap()),
        of("down")
    );
    assert!(names(&set_active(net, &[]).unwrap()).is_empty());
}
