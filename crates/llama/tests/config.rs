//! `config.json`: what transformers makes of one, what is refused and by which
//! name, and that what is written is read back.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use std::path::Path;

use anneal_llama::{HuggingFaceConfig, LlamaConfig, LlamaError, RopeConfig, RopeScaling};
use anneal_testkit::fixture_path;
use serde_json::{Value, json};

/// Writes a file with the given keys over the given ones, and reads it.
fn read(base: &Value, added: &Value) -> Result<(HuggingFaceConfig, LlamaConfig), LlamaError> {
    let mut file = base.clone();
    for (key, value) in added.as_object().unwrap() {
        file[key] = value.clone();
    }
    read_text(&file.to_string())
}

fn read_text(text: &str) -> Result<(HuggingFaceConfig, LlamaConfig), LlamaError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, text).unwrap();
    let file = HuggingFaceConfig::read(&path)?;
    let config = file.resolve(&path)?;
    Ok((file, config))
}

#[test]
fn unusual_files_mean_what_transformers_makes_of_them() {
    let text = std::fs::read_to_string(fixture_path("rope-and-shapes/config-cases.json")).unwrap();
    let fixture: Value = serde_json::from_str(&text).unwrap();
    let cases = fixture["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 64);
    for case in cases {
        let (added, decided) = (&case["added"], &case["decided"]);
        let (file, config) = match read(&fixture["base"], added) {
            Ok(both) => both,
            Err(error) => {
                assert!(decided.is_null(), "{added}: {error}");
                continue;
            }
        };
        assert!(!decided.is_null(), "{added} was read as {config:?}");
        let named = added.get("eos_token_id").is_some_and(|ids| !ids.is_null());
        assert_eq!(file.end_ids().is_empty(), !named, "{added}");
        let found = json!({
            "num_key_value_heads": config.num_key_value_heads,
            "head_dim": config.head_dim,
            "rms_norm_eps": config.rms_norm_eps,
            "max_position_embeddings": config.max_position_embeddings,
            "tie_word_embeddings": config.tie_word_embeddings,
            "bos_token_id": file.bos_token_id,
            // Of an absent one transformers' configuration makes 2, but its
            // `generate` goes by the file: there is none.
            "eos_token_id": match added.get("eos_token_id") {
                None => json!(2),
                Some(_) => json!(file.eos_token_id),
            },
        });
        for (key, value) in found.as_object().unwrap() {
            assert_eq!(value, &decided[key], "{added}: {key}");
        }
        let number = |key: &str| decided[key].as_f64().unwrap();
        assert_eq!(config.rope.theta, number("rope_theta"), "{added}");
        let factor = config.rope.scaling.attention_factor();
        assert!(
            (factor - number("attention_factor")).abs() < 1e-12,
            "{added}"
        );

        let length = case["length"].as_u64().unwrap() as usize;
        let frequencies = config.rotary_frequencies(length);
        let expected = decided["inv_freq"].as_array().unwrap();
        assert_eq!(frequencies.len(), expected.len(), "{added}");
        for (found, expected) in frequencies.iter().zip(expected) {
            let expected = expected.as_f64().unwrap() as f32;
            // Three units in the last place of f32.
            let allowed = 3.0 * f32::EPSILON * expected;
            assert!(
                (found - expected).abs() <= allowed,
                "{added}: {found:e} against {expected:e}"
            );
        }
    }
}

fn small() -> Value {
    json!({
        "model_type": "llama", "vocab_size": 100, "hidden_size": 48, "intermediate_size": 80,
        "num_hidden_layers": 2, "num_attention_heads": 6,
    })
}

#[test]
fn every_refusal_names_its_key_and_what_is_supported() {
    let yarn = |key: &str, value: Value| {
        let mut settings = json!({"rope_type": "yarn", "factor": 4.0});
        settings[key] = value;
        json!({ "rope_scaling": settings })
    };
    let llama3 = |key: &str, value: Value| {
        let mut settings = json!({
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        });
        settings[key] = value;
        json!({ "rope_parameters": settings })
    };
    let longrope = json!({
        "rope_type": "longrope", "short_factor": [1, 1, 1, 1], "long_factor": [1, 2, 3, 4],
    });
    let cases = [
        (
            json!({"model_type": "mistral"}),
            "model_type is \"mistral\"; expected \"llama\"",
        ),
        (
            json!({"model_type": "qwen2"}),
            "model_type is \"qwen2\"; expected \"llama\"",
        ),
        (
            json!({"model_type": "gemma"}),
            "model_type is \"gemma\"; expected \"llama\"",
        ),
        (
            json!({"architectures": ["LlamaForSequenceClassification"]}),
            "architectures is [\"LlamaForSequenceClassification\"]; expected \"LlamaForCausalLM\"",
        ),
        (
            json!({"hidden_act": "gelu"}),
            "hidden_act is \"gelu\"; expected \"silu\"",
        ),
        (
            json!({"quantization_config": {"quant_method": "gptq"}}),
            "quantization_config is \"gptq\"; expected absent",
        ),
        (
            json!({"vocab_size": 0}),
            "vocab_size is 0; expected 1 to 2^30",
        ),
        (json!({"hidden_size": 0}), "hidden_size is 0"),
        (
            json!({"hidden_size": 50}),
            "hidden_size is 50; expected a multiple of num_attention_heads (6)",
        ),
        (json!({"intermediate_size": 0}), "intermediate_size is 0"),
        (
            json!({"num_hidden_layers": 0}),
            "num_hidden_layers is 0; expected 1 to 2^12",
        ),
        (
            json!({"num_hidden_layers": 1u64 << 40}),
            "num_hidden_layers is 1099511627776",
        ),
        (
            json!({"num_attention_heads": 0}),
            "num_attention_heads is 0",
        ),
        (
            json!({"num_key_value_heads": 0}),
            "num_key_value_heads is 0",
        ),
        (
            json!({"num_key_value_heads": 4}),
            "num_key_value_heads is 4; expected a divisor",
        ),
        (
            json!({"num_key_value_heads": 12}),
            "num_key_value_heads is 12; expected a divisor",
        ),
        (json!({"head_dim": 0}), "head_dim is 0"),
        (
            json!({"head_dim": 9}),
            "head_dim is 9; expected an even number",
        ),
        (
            json!({"max_position_embeddings": 0}),
            "max_position_embeddings is 0",
        ),
        (
            json!({"rms_norm_eps": -1e-5}),
            "rms_norm_eps is -0.00001; expected a number ≥ 0",
        ),
        (
            json!({"rope_theta": 0}),
            "rope_theta is 0; expected a number > 0",
        ),
        (json!({"rope_theta": -1e4}), "rope_theta is -10000"),
        (
            json!({"rope_theta": null}),
            "rope_theta is null; expected a number > 0",
        ),
        (
            json!({"rope_parameters": {"rope_theta": 1e40}}),
            "rope_parameters.rope_theta is 1",
        ),
        (
            json!({"rope_parameters": {"rope_theta": "x"}}),
            "rope_parameters.rope_theta is \"x\"; expected a number",
        ),
        (
            json!({"rope_scaling": {"rope_type": "su"}}),
            "rope_scaling.rope_type is \"su\"; expected \"default\", \"linear\"",
        ),
        (
            json!({"rope_scaling": {"type": "xpos"}}),
            "rope_scaling.type is \"xpos\"; expected \"default\"",
        ),
        (
            json!({"rope_scaling": {"rope_type": 3}}),
            "rope_scaling.rope_type is 3; expected \"default\"",
        ),
        (
            json!({ "rope_scaling": longrope }),
            "rope_scaling.rope_type is \"longrope\"; expected \"default\"",
        ),
        (
            json!({"partial_rotary_factor": 0.5}),
            "partial_rotary_factor is 0.5; expected 1",
        ),
        (
            json!({"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.25}}),
            "rope_parameters.partial_rotary_factor is 0.25; expected 1",
        ),
        (
            json!({"rope_scaling": {"type": "linear"}}),
            "rope_scaling.factor is missing; expected a number > 0",
        ),
        (
            json!({"rope_scaling": {"type": "linear", "factor": 0}}),
            "rope_scaling.factor is 0; expected a number > 0",
        ),
        (
            json!({"rope_scaling": {"type": "dynamic", "factor": -2}}),
            "rope_scaling.factor is -2; expected a number > 0",
        ),
        (
            json!({"rope_scaling": {"type": "dynamic", "factor": 2.0}, "head_dim": 2}),
            "head_dim is 2; expected more than 2",
        ),
        (
            llama3("low_freq_factor", json!(0)),
            "rope_parameters.low_freq_factor is 0",
        ),
        (
            llama3("high_freq_factor", json!(0.5)),
            "rope_parameters.high_freq_factor is 0.5; expected more than low_freq_factor (1)",
        ),
        (
            llama3("high_freq_factor", json!(null)),
            "rope_parameters.high_freq_factor is null",
        ),
        (
            llama3("original_max_position_embeddings", json!(0)),
            "rope_parameters.original_max_position_embeddings is 0",
        ),
        (
            llama3("original_max_position_embeddings", json!(1.5)),
            "rope_parameters.original_max_position_embeddings is 1.5",
        ),
        (
            yarn("attention_factor", json!(-1.0)),
            "rope_scaling.attention_factor is -1",
        ),
        (
            yarn("attention_factor", json!([1])),
            "rope_scaling.attention_factor is [1]; expected a number",
        ),
        (
            yarn("beta_fast", json!(0.5)),
            "rope_scaling.beta_fast is 0.5; expected at least beta_slow (1)",
        ),
        (yarn("beta_slow", json!(-1)), "rope_scaling.beta_slow is -1"),
        (
            yarn("mscale", json!("a")),
            "rope_scaling.mscale is \"a\"; expected a number",
        ),
        (
            yarn("truncate", json!("yes")),
            "rope_scaling.truncate is \"yes\"; expected true or false",
        ),
        (
            yarn("rope_theta", json!(1.0)),
            "rope_scaling.rope_theta is 1; expected a number > 1",
        ),
        // Values of the wrong kind.
        (
            json!({"num_hidden_layers": "2"}),
            "num_hidden_layers: invalid type: string \"2\"",
        ),
        (
            json!({"vocab_size": -5}),
            "vocab_size: invalid value: integer `-5`",
        ),
        (
            json!({"hidden_size": 48.5}),
            "hidden_size: invalid type: floating point `48.5`",
        ),
        (
            json!({"head_dim": true}),
            "head_dim: invalid type: boolean `true`",
        ),
        (
            json!({"tie_word_embeddings": null}),
            "tie_word_embeddings: invalid type: null",
        ),
        (
            json!({"rms_norm_eps": "1e-5"}),
            "rms_norm_eps: invalid type: string",
        ),
        (
            json!({"rope_scaling": [1]}),
            "rope_scaling: invalid type: sequence",
        ),
        (
            json!({"eos_token_id": -1}),
            "eos_token_id: a token id, or a list of them",
        ),
    ];
    for (added, expected) in cases {
        let message = read(&small(), &added).unwrap_err().to_string();
        let (_, message) = message.split_once("config.json: ").unwrap();
        assert!(message.starts_with(expected), "{added}: {message}");
    }
}

#[test]
fn what_is_no_json_object_of_a_llama_is_refused() {
    for (text, expected) in [
        ("", "EOF while parsing"),
        ("[]", "invalid length 0, expected struct HuggingFaceConfig"),
        ("7", "invalid type: integer `7`"),
        (r#"{"vocab_size": 10}"#, "missing field `hidden_size`"),
        (
            r#"{"vocab_size": NaN}"#,
            "vocab_size: expected value at line 1",
        ),
        (
            r#"{"rms_norm_eps": 1e999}"#,
            "rms_norm_eps: number out of range",
        ),
    ] {
        let message = read_text(text).unwrap_err().to_string();
        let (_, message) = message.split_once("config.json: ").unwrap();
        assert!(message.starts_with(expected), "{text}: {message}");
    }
    let behind = read_text(&format!("{} x", small()))
        .unwrap_err()
        .to_string();
    assert!(behind.contains("trailing characters"), "{behind}");
}

#[test]
fn what_is_written_is_read_back_in_both_spellings() {
    let mut configs = vec![
        LlamaConfig::llama2_7b(),
        LlamaConfig::llama3_2_3b(),
        LlamaConfig::smollm2_135m(),
    ];
    for scaling in [
        RopeScaling::Linear { factor: 2.5 },
        RopeScaling::Dynamic { factor: 1.5 },
        RopeScaling::Yarn {
            factor: 4.0,
            original_max_position_embeddings: 2_048,
            attention_factor: 1.1,
            beta_fast: 24.0,
            beta_slow: 2.0,
            truncate: false,
        },
        RopeScaling::Divisors {
            divisors: (0..32).map(|i| 1.0 + 0.3 * i as f32).collect(),
        },
    ] {
        let mut config = LlamaConfig::smollm2_360m();
        (config.attention_bias, config.mlp_bias) = (true, false);
        config.rope = RopeConfig {
            theta: 12_345.5,
            scaling,
        };
        configs.push(config);
    }
    for config in configs {
        let file = HuggingFaceConfig::from_config(&config, "bfloat16", &[2, 5], None);
        assert_eq!(file.end_ids(), [2, 5]);
        let whole = serde_json::to_value(&file).unwrap();
        for absent in [
            vec![],
            vec!["rope_scaling", "rope_theta"],
            vec!["rope_parameters"],
        ] {
            let mut json = whole.clone();
            for key in absent {
                json.as_object_mut().unwrap().remove(key);
            }
            let (again, resolved) = read_text(&json.to_string()).unwrap();
            assert_eq!(resolved, config);
            assert_eq!((again.bos_token_id, again.end_ids()), (None, vec![2, 5]));
        }
    }
    let file = HuggingFaceConfig::from_config(&LlamaConfig::llama2_7b(), "float32", &[], Some(1));
    assert_eq!(
        file.resolve(Path::new("x")).unwrap(),
        LlamaConfig::llama2_7b()
    );
    let json = serde_json::to_value(file).unwrap();
    // Null, and not absent: transformers' configuration would have 2.
    assert_eq!(json["eos_token_id"], Value::Null);
    assert!(json.as_object().unwrap().contains_key("eos_token_id"));
    assert_eq!(
        (&json["torch_dtype"], &json["dtype"]),
        (&json!("float32"), &json!("float32"))
    );
}
