//! The export that every reader computes alike, and what readers make of an
//! adapter on a module.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use anneal_peft::{
    AdapterConfig, Bias, Consumer, Ia3Config, InitLoraWeights, LoraConfig, Pattern, PeftError,
    PromptTuningConfig, TargetModules, TiedHead, VeraConfig, adapter_tensors, attach,
    export_adapter, load_adapter, portability, save_adapter, set_active,
};
use anneal_testkit::{device, max_difference, random};
use burn::{
    module::{Module, ModuleMapper, Param},
    nn::{Embedding, EmbeddingConfig, Linear, LinearConfig},
    tensor::{Device, Tensor},
};
use common::Mlp;

/// Adds noise to what is trained, so that no factor is zero or the initial one.
fn trained<M: Module>(module: M) -> M {
    struct Noise(u64);
    impl ModuleMapper for Noise {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            if !param.is_require_grad() {
                return param;
            }
            self.0 += 1;
            let noise = |old: &Tensor<D>| random(old.dims(), 0.4, self.0, &old.device());
            param.map(|old| (old.clone() + noise(&old)).detach().require_grad())
        }
    }
    module.map(&mut Noise(300))
}

/// LoRA on `up` `[7, 11]` and `down` `[11, 5]`.
fn lora() -> LoraConfig {
    LoraConfig::new(TargetModules::names(["up", "down"]))
        .with_r(2)
        .with_lora_alpha(7.0)
        .with_base_model("org/name")
}

/// A trained adapter on an [`Mlp`], ready for inference.
fn adapted(config: impl Into<AdapterConfig>, device: &Device) -> Mlp {
    let net = Mlp::new(&device.clone().autodiff());
    trained(attach(net, config, 5).unwrap().0).valid()
}

#[test]
fn an_export_computes_the_same_and_is_plain() {
    let device = device();
    let x = random([4, 7], 1.0, 9, &device);
    let base = Mlp::new(&device).forward(x.clone());
    let patterns = lora()
        .with_use_rslora(true)
        .with_rank_pattern(Pattern::new([("down", 4)]))
        .with_alpha_pattern(Pattern::new([("up", 3.0)]));
    let vera = VeraConfig {
        base_model_name_or_path: Some("org/name".into()),
        ..VeraConfig::new(TargetModules::names(["up", "down"])).with_r(6)
    };
    let cases: [(&str, AdapterConfig, usize); 7] = [
        ("plain", lora().into(), 2),
        ("patterns", patterns.clone().into(), 4),
        (
            "pissa",
            lora().with_init_lora_weights(InitLoraWeights::Pissa).into(),
            4,
        ),
        (
            "olora with patterns",
            patterns
                .with_init_lora_weights(InitLoraWeights::Olora)
                .into(),
            8,
        ),
        ("vera", vera.clone().into(), 6),
        (
            "vera without projections",
            VeraConfig {
                save_projection: false,
                ..vera
            }
            .into(),
            6,
        ),
        (
            "all-linear",
            LoraConfig {
                target_modules: TargetModules::all_linear(),
                ..lora()
            }
            .into(),
            2,
        ),
    ];
    for (what, config, rank) in cases {
        let net = adapted(&config, &device);
        let ours = net.forward_adapted(x.clone());
        let scale = max_difference(ours.clone(), ours.zeros_like());
        assert!(
            max_difference(ours.clone(), base.clone()) > 0.05 * scale,
            "{what} does nothing"
        );

        let dir = tempfile::tempdir().unwrap();
        let report = export_adapter(&net, "default", dir.path()).unwrap();
        assert!(report.is_ok_everywhere(), "{what}: {report}");

        let (again, read, _) = load_adapter(Mlp::new(&device), dir.path()).unwrap();
        let off = max_difference(again.forward_adapted(x.clone()), ours) / scale;
        assert!(
            off <= 1e-6,
            "{what}: outputs are off by {off:e} of the largest"
        );
        let AdapterConfig::Lora(read) = read else {
            panic!("{what}: {read:?}");
        };
        let expected = LoraConfig::new(TargetModules::names(["down", "up"]))
            .with_r(rank)
            .with_lora_alpha(rank as f64)
            .with_base_model("org/name");
        assert_eq!(read, expected, "{what}");
        for (name, data) in adapter_tensors(&again) {
            let axis = usize::from(name.contains("lora_B"));
            assert_eq!(data.shape()[axis], rank, "{what}: {name}");
        }
        // Every reader's own rule of the scale gives 1.
        assert_eq!(read.scale("up").unwrap(), 1.0);
        let text = std::fs::read_to_string(dir.path().join("adapter_config.json")).unwrap();
        for part in [
            "\"use_rslora\": false",
            "\"use_dora\": false",
            "\"rank_pattern\": {}",
            "\"alpha_pattern\": {}",
            "\"init_lora_weights\": true",
        ] {
            assert!(text.contains(part), "{what}: {part} is not in {text}");
        }
    }
}

#[test]
fn an_inactive_adapter_is_exported_by_its_name() {
    let device = device();
    let x = random([3, 7], 1.0, 9, &device);
    let pissa = lora().with_init_lora_weights(InitLoraWeights::Pissa);
    let net = adapted(&pissa, &device);
    let ours = net.forward_adapted(x.clone());
    let off = set_active(net, &[]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    export_adapter(&off, "default", dir.path()).unwrap();
    let again = load_adapter(Mlp::new(&device), dir.path()).unwrap().0;
    assert!(max_difference(again.forward_adapted(x), ours) <= 1e-5);
    let error = export_adapter(&off, "sql", dir.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the module carries no adapter \"sql\"; it carries default"
    );
}

/// An embedding that is also the head, and a layer between.
#[derive(Module, Debug)]
struct Tied {
    embed: Embedding,
    proj: Linear,
    lm_head: TiedHead,
}

impl Tied {
    fn new(device: &Device) -> Self {
        Self {
            embed: EmbeddingConfig::new(9, 4).init(device),
            proj: LinearConfig::new(4, 4).init(device),
            lm_head: TiedHead::new("lm_head", "embed.weight"),
        }
    }
}

#[test]
fn what_an_export_cannot_say_is_refused_and_nothing_is_written() {
    let device = device();
    let merge = "merge the adapter and save the model instead";
    let beside = "save the adapter as it is, for PEFT";
    let ia3 = Ia3Config {
        feedforward_modules: Some(TargetModules::names(["down"])),
        ..Ia3Config::new(TargetModules::names(["down"]))
    };
    let vera = VeraConfig {
        bias: Bias::LoraOnly,
        ..VeraConfig::new(TargetModules::names(["up"])).with_r(3)
    };
    let mlp = |config: AdapterConfig| {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let result = export_adapter(&adapted(config, &device), "default", &out);
        (result, out.exists())
    };
    let tied = |config: AdapterConfig| {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let net = attach(Tied::new(&device), config, 5).unwrap().0;
        (export_adapter(&net, "default", &out), out.exists())
    };
    let on = |name: &str| LoraConfig::new(TargetModules::names([name])).with_r(2);
    let cases = [
        (
            mlp(lora().with_use_dora(true).into()),
            "use_dora is true",
            merge,
        ),
        (
            mlp(lora().with_bias(Bias::All).into()),
            "bias is \"all\"",
            merge,
        ),
        (
            mlp(lora().with_modules_to_save(["lm_head"]).into()),
            "modules_to_save is [\"lm_head\"]",
            merge,
        ),
        (mlp(ia3.into()), "peft_type is IA3", merge),
        (mlp(vera.into()), "bias is \"lora_only\"", merge),
        (
            tied(PromptTuningConfig::new(2).into()),
            "peft_type is PROMPT_TUNING",
            beside,
        ),
        (
            tied(on("embed").into()),
            "target_modules is embed, an embedding",
            merge,
        ),
        (
            tied(on("lm_head").into()),
            "target_modules is lm_head, a head that is the embedding",
            beside,
        ),
    ];
    for ((result, written), what, advice) in cases {
        let error = result.unwrap_err();
        assert!(matches!(error, PeftError::NotBakeable { .. }), "{error}");
        assert_eq!(
            error.to_string(),
            format!("{what}, which low-rank factors alone cannot say; {advice}")
        );
        assert!(!written, "{what}");
    }
}

#[test]
fn values_that_overflow_are_refused() {
    let device = device();
    let net = adapted(lora().with_lora_alpha(1e40), &device);
    let dir = tempfile::tempdir().unwrap();
    let error = export_adapter(&net, "default", dir.path()).unwrap_err();
    assert_eq!(error.to_string(), "NaN or infinite values in down, up");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn portability_is_that_of_the_files() {
    let device = device();
    let rslora = lora().with_use_rslora(true);
    let net = adapted(&rslora, &device);
    let found = portability(&net, "default").unwrap();
    assert!(found.is_ok(Consumer::Vllm) && found.is_ok(Consumer::MistralRs));
    assert_eq!(found.findings(Consumer::LlamaCpp)[0].setting, "use_rslora");
    let dir = tempfile::tempdir().unwrap();
    save_adapter(&net, dir.path()).unwrap();
    assert_eq!(anneal_peft::portability_of(dir.path()).unwrap(), found);

    // PiSSA is saved as plain LoRA.
    let pissa = lora().with_init_lora_weights(InitLoraWeights::Pissa);
    let found = portability(&adapted(&pissa, &device), "default").unwrap();
    assert!(found.is_ok_everywhere(), "{found}");
    assert!(matches!(
        portability(&net, "sql"),
        Err(PeftError::UnknownAdapter { .. })
    ));
}

#[test]
fn a_module_says_whether_its_head_is_tied() {
    let device = device();
    let on_head = LoraConfig::new(TargetModules::names(["lm_head"]))
        .with_r(2)
        .with_base_model("org/name");
    let refused = |tied: bool| {
        let report = if tied {
            portability(
                &attach(Tied::new(&device), &on_head, 1).unwrap().0,
                "default",
            )
        } else {
            portability(
                &attach(Mlp::new(&device), &on_head, 1).unwrap().0,
                "default",
            )
        };
        let report = report.unwrap();
        let findings = report.findings(Consumer::LlamaCpp).iter();
        findings
            .map(|finding| finding.reason.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        refused(true),
        [
            "lm_head is adapted, which its converter cannot place because the head is tied to the embedding"
        ]
    );
    assert_eq!(refused(false), [""; 0]);
}
