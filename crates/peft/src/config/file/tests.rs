//! What is read, what is refused, and what is written.

use std::fs;

use serde_json::{Value, json};

use super::read::{LORA_LACKS, PROMPT_LACKS, VECTORS_LACK};
use crate::{
    AdapterConfig, Bias, Ia3Config, InitLoraWeights, LoraConfig, Pattern, PeftError,
    PromptTuningConfig, PromptTuningInit, TargetModules, VeraConfig, files::CONFIG_FILE,
};

fn parse(json: &Value) -> Result<AdapterConfig, PeftError> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(CONFIG_FILE), json.to_string()).unwrap();
    AdapterConfig::from_dir(dir.path())
}

/// The smallest file of a kind.
fn minimal(kind: &str) -> Value {
    match kind {
        "PROMPT_TUNING" => json!({"peft_type": kind, "num_virtual_tokens": 3}),
        _ => json!({"peft_type": kind, "target_modules": ["q_proj"]}),
    }
}

/// A minimal file with one more field.
fn with(kind: &str, field: &str, value: Value) -> Result<AdapterConfig, PeftError> {
    let mut json = minimal(kind);
    json[field] = value;
    parse(&json)
}

/// The settings of a LoRA file with one more field.
fn lora(field: &str, value: Value) -> LoraConfig {
    match with("LORA", field, value).unwrap() {
        AdapterConfig::Lora(config) => config,
        other => panic!("{other:?} is no LoRA"),
    }
}

/// The message without the folder.
fn message(result: Result<AdapterConfig, PeftError>) -> String {
    let message = result.unwrap_err().to_string();
    let start = message.find(CONFIG_FILE).unwrap();
    message[start..].into()
}

#[test]
fn absent_and_null_fields_have_pefts_defaults() {
    let q = || TargetModules::names(["q_proj"]);
    let expected = [
        AdapterConfig::from(LoraConfig {
            task_type: None,
            ..LoraConfig::new(q())
        }),
        AdapterConfig::from(Ia3Config {
            task_type: None,
            ..Ia3Config::new(q())
        }),
        AdapterConfig::from(VeraConfig {
            task_type: None,
            ..VeraConfig::new(q())
        }),
        AdapterConfig::from(PromptTuningConfig {
            task_type: None,
            ..PromptTuningConfig::new(3)
        }),
    ];
    for config in expected {
        let mut json = minimal(config.peft_type().name());
        assert_eq!(parse(&json).unwrap(), config);
        // Every field that we write, given as null.
        for field in config.to_json().as_object().unwrap().keys() {
            if json.get(field).is_none() {
                json[field] = Value::Null;
            }
        }
        assert_eq!(parse(&json).unwrap(), config);
    }
    let config = lora("task_type", Value::Null);
    assert_eq!((config.r, config.lora_alpha), (8, 8.0));
}

#[test]
fn absent_feedforward_modules_are_a_llamas() {
    let feedforward = |field, value| {
        let mut json = json!({"peft_type": "IA3", "target_modules": ["v_proj", "1.mlp.down_proj"]});
        json[field] = value;
        match parse(&json).unwrap() {
            AdapterConfig::Ia3(config) => config.feedforward_modules,
            other => panic!("{other:?} is no IA3"),
        }
    };
    let names = |name: &str| Some(TargetModules::names([name]));
    let field = "feedforward_modules";
    assert_eq!(feedforward(field, Value::Null), names("1.mlp.down_proj"));
    assert_eq!(feedforward(field, json!([])), None);
    assert_eq!(feedforward(field, json!(["v_proj"])), names("v_proj"));
    assert_eq!(
        feedforward("target_modules", json!(".*")),
        names("down_proj")
    );
}

#[test]
fn every_lora_field_is_read() {
    assert_eq!(lora("r", json!(3)).r, 3);
    assert_eq!(lora("lora_alpha", json!(8.5)).lora_alpha, 8.5);
    assert_eq!(lora("lora_dropout", json!(0.25)).lora_dropout, 0.25);
    let config = lora("layers_to_transform", json!(2));
    assert_eq!(config.layers_to_transform, Some(vec![2]));
    let expression = TargetModules::Pattern("k_.*".into());
    let config = lora("exclude_modules", json!("k_.*"));
    assert_eq!(config.exclude_modules, Some(expression.clone()));
    let config = lora("target_modules", json!("k_.*"));
    assert_eq!(config.target_modules, expression);
    let config = lora("rank_pattern", json!({"z": 2, "a": 3}));
    let keys: Vec<_> = config.rank_pattern.iter().collect();
    assert_eq!(keys, [("z", &2), ("a", &3)]);
    let config = lora("alpha_pattern", json!({"z": 2, "a": 3.5}));
    assert_eq!(config.alpha_pattern, Pattern::new([("z", 2.0), ("a", 3.5)]));
    assert!(lora("use_rslora", json!(true)).use_rslora);
    assert!(lora("use_dora", json!(true)).use_dora);
    assert!(lora("ensure_weight_tying", json!(true)).ensure_weight_tying);
    let config = lora("modules_to_save", json!(["lm_head"]));
    assert_eq!(config.modules_to_save, Some(vec!["lm_head".into()]));
    let config = lora("base_model_name_or_path", json!("a/b"));
    assert_eq!(config.base_model_name_or_path.as_deref(), Some("a/b"));
    let config = lora("task_type", json!("SEQ_CLS"));
    assert_eq!(config.task_type.as_deref(), Some("SEQ_CLS"));
    // Absent and empty patterns are the same for PEFT.
    assert_eq!(lora("layers_pattern", json!("")).layers_pattern, None);

    let mut json = minimal("LORA");
    json["layers_to_transform"] = json!([0, 4]);
    json["layers_pattern"] = json!("h");
    let AdapterConfig::Lora(config) = parse(&json).unwrap() else {
        panic!("no LoRA");
    };
    assert_eq!(config.layers_pattern, Some(vec!["h".into()]));
    assert_eq!(config.layers_to_transform, Some(vec![0, 4]));
}

#[test]
fn biases_and_initialisations_have_pefts_names() {
    for (name, bias) in [
        ("none", Bias::None),
        ("all", Bias::All),
        ("lora_only", Bias::LoraOnly),
    ] {
        assert_eq!(lora("bias", json!(name)).bias, bias);
    }
    let config = with("VERA", "bias", json!("vera_only")).unwrap();
    assert_eq!(config.bias(), Bias::LoraOnly);

    let init = |value| lora("init_lora_weights", value).init_lora_weights;
    assert_eq!(init(json!(false)), InitLoraWeights::Random);
    assert_eq!(init(json!("pissa")), InitLoraWeights::Pissa);
    assert_eq!(init(json!("pissa_niter_4")), InitLoraWeights::PissaNiter(4));
    assert_eq!(init(json!("OLoRA")), InitLoraWeights::Olora);
    // These leave the base alone: the file's values are all that counts.
    for harmless in ["eva", "orthogonal", "MiCA"] {
        assert_eq!(init(json!(harmless)), InitLoraWeights::Kaiming);
    }
}

#[test]
fn fields_of_older_and_newer_versions_are_ignored() {
    for (kind, field) in [
        ("LORA", "enable_lora"),
        ("LORA", "merge_weights"),
        ("LORA", "loftq_config"),
        ("LORA", "eva_config"),
        ("LORA", "megatron_core"),
        ("LORA", "a_future_field"),
        ("IA3", "revision"),
        ("VERA", "auto_mapping"),
        ("PROMPT_TUNING", "tokenizer_kwargs"),
    ] {
        assert!(with(kind, field, json!({"x": true})).is_ok(), "{field}");
    }
}

#[test]
fn wrong_types_and_values_name_the_field() {
    const INIT: &str = "true, false, \"gaussian\", \"olora\", \"pissa\" or \"pissa_niter_\" with the number of iterations";
    const KINDS: &str = r#""LORA", "IA3", "VERA" or "PROMPT_TUNING""#;
    let bias = r#""none", "all" or "lora_only""#;
    let cases = [
        ("LORA", "r", json!("8"), "a whole number"),
        ("LORA", "r", json!(0), "at least 1"),
        ("LORA", "r", json!(-1), "a whole number"),
        ("LORA", "lora_alpha", json!([]), "a number"),
        (
            "LORA",
            "lora_dropout",
            json!(1.5),
            "a probability from 0 to below 1",
        ),
        ("LORA", "use_rslora", json!(1), "true or false"),
        ("LORA", "use_dora", json!("yes"), "true or false"),
        ("LORA", "bias", json!("some"), bias),
        ("LORA", "init_lora_weights", json!("PiSSA"), INIT),
        ("LORA", "init_lora_weights", json!({"x": true}), INIT),
        ("LORA", "modules_to_save", json!([1]), "a list of strings"),
        (
            "LORA",
            "rank_pattern",
            json!({"q": -1}),
            "an object of whole numbers",
        ),
        (
            "LORA",
            "alpha_pattern",
            json!({"q": "1"}),
            "an object of numbers",
        ),
        (
            "LORA",
            "target_modules",
            json!([1]),
            "a string or a list of strings",
        ),
        (
            "LORA",
            "target_modules",
            Value::Null,
            "a string or a list of strings",
        ),
        ("LORA", "peft_type", Value::Null, KINDS),
        ("LORA", "peft_type", json!("BOFT"), KINDS),
        ("LORA", "peft_type", json!("lora"), KINDS),
        ("IA3", "init_ia3_weights", json!(0), "true or false"),
        (
            "IA3",
            "target_modules",
            json!([]),
            "a list with at least one name",
        ),
        ("VERA", "r", json!(0), "at least 1"),
        ("VERA", "projection_prng_key", json!(-4), "a whole number"),
        ("VERA", "d_initial", json!("big"), "a number"),
        (
            "VERA",
            "vera_dropout",
            json!(-0.5),
            "a probability from 0 to below 1",
        ),
        (
            "PROMPT_TUNING",
            "num_virtual_tokens",
            json!(0),
            "at least 1",
        ),
        (
            "PROMPT_TUNING",
            "num_virtual_tokens",
            Value::Null,
            "a whole number",
        ),
        (
            "PROMPT_TUNING",
            "prompt_tuning_init",
            json!("text"),
            r#""RANDOM", "SAMPLE_VOCAB" or "TEXT""#,
        ),
    ];
    for (kind, field, value, expected) in cases {
        let message = message(with(kind, field, value.clone()));
        let start = format!("{CONFIG_FILE}: {field} is {value}, but it must be {expected}");
        assert_eq!(message, start, "{kind}");
    }
    let absent = message(parse(&json!({"peft_type": "LORA"})));
    assert!(absent.contains("target_modules is absent"), "{absent}");
    let list = message(parse(&json!([])));
    assert!(
        list.starts_with("adapter_config.json is not a JSON object"),
        "{list}"
    );
}

#[test]
fn a_number_that_is_not_finite_is_not_json() {
    let dir = tempfile::tempdir().unwrap();
    for number in ["NaN", "Infinity", "1e999"] {
        let text =
            format!(r#"{{"peft_type": "LORA", "target_modules": ["q"], "lora_alpha": {number}}}"#);
        fs::write(dir.path().join(CONFIG_FILE), text).unwrap();
        let message = message(AdapterConfig::from_dir(dir.path()));
        assert!(message.contains("is not a JSON object"), "{message}");
        assert!(message.contains("line 1"), "{message}");
    }
}

#[test]
fn what_we_do_not_do_is_refused_by_name() {
    let cases = [
        ("LORA", "init_lora_weights", json!("corda")),
        ("LORA", "init_lora_weights", json!("LoftQ")),
        ("LORA", "init_lora_weights", json!("lora_ga")),
        ("LORA", "lora_bias", json!(true)),
        ("LORA", "fan_in_fan_out", json!(true)),
        ("LORA", "layer_replication", json!([[0, 2]])),
        (
            "LORA",
            "trainable_token_indices",
            json!({"embed_tokens": [1]}),
        ),
        ("LORA", "trainable_token_indices", json!([0])),
        ("LORA", "target_parameters", json!(["experts.weight"])),
        ("LORA", "use_qalora", json!(true)),
        ("LORA", "alora_invocation_tokens", json!([1, 2])),
        ("LORA", "kasa_config", json!({"beta": 1})),
        ("IA3", "fan_in_fan_out", json!(true)),
        ("VERA", "fan_in_fan_out", json!(true)),
        ("PROMPT_TUNING", "modules_to_save", json!(["lm_head"])),
        ("PROMPT_TUNING", "num_transformer_submodules", json!(2)),
    ];
    for (kind, field, value) in cases {
        let message = message(with(kind, field, value.clone()));
        let start = format!("{CONFIG_FILE}: {field} is {value}, which is not supported");
        assert!(message.starts_with(&start), "{message}");
    }
}

#[test]
fn switched_off_is_not_refused() {
    for (kind, fields) in [
        ("LORA", &LORA_LACKS[..]),
        ("IA3", &VECTORS_LACK),
        ("VERA", &VECTORS_LACK),
        ("PROMPT_TUNING", &PROMPT_LACKS),
    ] {
        for field in fields {
            for off in [Value::Null, json!(false), json!([]), json!({})] {
                assert!(with(kind, field, off).is_ok(), "{field}");
            }
            let on = message(with(kind, field, json!(["x"])));
            assert!(
                on.contains(&format!("{field} is [\"x\"], which is not")),
                "{on}"
            );
        }
    }
}

#[test]
fn another_kind_is_no_lora() {
    let dir = tempfile::tempdir().unwrap();
    AdapterConfig::from(Ia3Config::llama())
        .write(dir.path())
        .unwrap();
    let message = LoraConfig::from_dir(dir.path()).unwrap_err().to_string();
    assert!(
        message.ends_with(r#"peft_type is "IA3", but it must be "LORA""#),
        "{message}"
    );
}

#[test]
fn what_is_written_is_read_back() {
    let mut prompt = PromptTuningConfig::new(5)
        .with_text("Write SQL.", "a/tokenizer", [4])
        .with_model(16, 3, 2)
        .with_base_model("a/b");
    let configs = [
        AdapterConfig::from(
            LoraConfig::new(TargetModules::names(["q_proj", "up_proj"]))
                .with_r(3)
                .with_lora_alpha(5.5)
                .with_lora_dropout(0.1)
                .with_exclude_modules(TargetModules::Pattern(".*k.*".into()))
                .with_layers_to_transform([1])
                .with_layers_pattern(["h"])
                .with_use_rslora(true)
                .with_rank_pattern(Pattern::new([("z", 2), ("a", 3)]))
                .with_alpha_pattern(Pattern::new([("z", 2.0), ("a", 3.5)]))
                .with_bias(Bias::LoraOnly)
                .with_use_dora(true)
                .with_modules_to_save(["lm_head"])
                .with_init_lora_weights(InitLoraWeights::PissaNiter(3))
                .with_ensure_weight_tying(true)
                .with_base_model("a/b"),
        ),
        AdapterConfig::from(
            Ia3Config::llama()
                .with_exclude_modules(TargetModules::names(["0.k_proj"]))
                .with_modules_to_save(["lm_head"])
                .with_init_ia3_weights(false)
                .with_base_model("a/b"),
        ),
        AdapterConfig::from(Ia3Config::new(TargetModules::names(["v_proj"]))),
        AdapterConfig::from(
            VeraConfig::default()
                .with_r(7)
                .with_projection_prng_key(9)
                .with_save_projection(false)
                .with_vera_dropout(0.25)
                .with_d_initial(0.5)
                .with_bias(Bias::LoraOnly)
                .with_modules_to_save(["lm_head"])
                .with_layers_to_transform([0])
                .with_base_model("a/b"),
        ),
        AdapterConfig::from(&prompt),
        AdapterConfig::from(PromptTuningConfig::new(2).with_sample_vocab()),
    ];
    let dir = tempfile::tempdir().unwrap();
    for config in configs {
        config.write(dir.path()).unwrap();
        let text = fs::read_to_string(dir.path().join(CONFIG_FILE)).unwrap();
        let fields: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
        assert!(fields.keys().is_sorted(), "{text}");
        let read = AdapterConfig::from_dir(dir.path()).unwrap();
        let expected = match config {
            // The ids are in no file.
            AdapterConfig::PromptTuning(_) if config == AdapterConfig::from(&prompt) => {
                prompt.init_token_ids.clear();
                AdapterConfig::from(&prompt)
            }
            other => other,
        };
        assert_eq!(read, expected);
    }
    assert_eq!(prompt.prompt_tuning_init, PromptTuningInit::Text);
}
