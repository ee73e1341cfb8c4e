//! The example `adapter`: what it says of PEFT's own files, and that an export
//! computes what the adapter did.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::path::Path;

use anneal_testkit::PeftOption;
use common::{
    assert_contains, fixture, floats, json, largest_difference, misused, read_json, refused,
    snapshot, succeed, text,
};
use serde_json::{Value, json};

/// PEFT's adapter of that name in a folder of its own.
fn written(option: &str, place: &Path) -> String {
    let folder = place.join(option);
    std::fs::create_dir(&folder).unwrap();
    PeftOption::open(option).write(&folder);
    text(folder)
}

/// `setting` of each finding of a program.
fn settings(document: &Value, consumer: &str) -> Vec<String> {
    let verdicts = document["portability"].as_array().unwrap();
    let verdict = verdicts.iter().find(|v| v["consumer"] == consumer).unwrap();
    let findings = verdict["findings"].as_array().unwrap();
    assert_eq!(verdict["ok"], findings.is_empty());
    let setting = |finding: &Value| finding["setting"].as_str().unwrap().to_owned();
    findings.iter().map(setting).collect()
}

#[test]
fn show_says_what_an_adapter_is() {
    let place = tempfile::tempdir().unwrap();
    let folder = written("rslora_patterns", place.path());
    let shown = json("adapter", &["show", &folder, "--json"]);
    assert_eq!(shown["peft_type"], "LORA");
    assert_eq!(shown["config"]["use_rslora"], true);
    assert_eq!(settings(&shown, "PEFT"), [""; 0]);
    assert_contains(&settings(&shown, "llama.cpp").join(" "), &["use_rslora"]);
    let option = PeftOption::open("rslora_patterns");
    let tensors = option.tensors();
    assert_eq!(shown["tensors"], tensors.len());
    let values: usize = tensors.values().map(|(_, values)| values.len()).sum();
    assert_eq!(shown["trained_values"], values);
    let layers = shown["layers"].as_array().unwrap().iter();
    let layers: Vec<_> = layers
        .map(|layer| {
            let path = layer["path"].as_str().unwrap();
            let rank = layer["rank"].as_u64().unwrap();
            (path, rank, layer["scale"].as_f64().unwrap())
        })
        .collect();
    // r = 2 and lora_alpha = 3, where the patterns say nothing else.
    let expected = [
        ("model.layers.0.self_attn.q_proj", 3, 3.0 / 3f64.sqrt()),
        ("model.layers.0.self_attn.v_proj", 1, 4.0),
        ("model.layers.1.self_attn.q_proj", 2, 7.0 / 2f64.sqrt()),
        ("model.layers.1.self_attn.v_proj", 1, 3.0),
    ];
    assert_eq!(layers, expected);
    let printed = succeed("adapter", &["show", &folder]);
    let trained = format!("{values} trained values");
    assert_contains(
        &printed,
        &["method      LORA", "use_rslora: true", &trained],
    );
    assert_contains(
        &printed,
        &["  PEFT        ok", "  llama.cpp   wrong use_rslora"],
    );
}

#[test]
fn show_knows_every_method() {
    let place = tempfile::tempdir().unwrap();
    for (option, method, trained) in [
        ("vera", "VERA", "vera_lambda"),
        ("ia3", "IA3", "ia3_l"),
        ("prompt_tuning", "PROMPT_TUNING", "prompt_embeddings"),
    ] {
        let folder = written(option, place.path());
        let shown = json("adapter", &["show", &folder, "--json"]);
        assert_eq!(shown["peft_type"], method);
        assert_eq!(shown["layers"], json!([]));
        let tensors = PeftOption::open(option).tensors();
        let values = tensors.iter().filter(|(key, _)| key.contains(trained));
        let values: usize = values.map(|(_, (_, values))| values.len()).sum();
        assert_eq!(shown["trained_values"], values, "{option}");
        assert_eq!(settings(&shown, "vLLM"), ["peft_type"]);
    }
}

/// The logits that the example `logits` writes for the fixtures' tokens.
fn logits(model: &str, adapter: &str, place: &Path) -> Vec<f32> {
    let file = text(place.join("logits.safetensors"));
    let ids = common::with_commas(&PeftOption::IDS);
    let flags = ["--model", model, "--adapter", adapter, "--prompt-ids", &ids];
    succeed("logits", &[&flags[..], &["--output", &file]].concat());
    floats(&file, "logits").1
}

#[test]
fn an_export_gives_the_same_logits_and_is_plain() {
    let place = tempfile::tempdir().unwrap();
    let model = fixture("tiny-llama");
    // PEFT's adapter, whose scales are now others at every layer.
    let adapter = place.path().join("adapter");
    std::fs::create_dir(&adapter).unwrap();
    let source = fixture("tiny-llama/adapter");
    let mut config = read_json(Path::new(&source).join("adapter_config.json"));
    config["use_rslora"] = json!(true);
    config["alpha_pattern"] = json!({"layers.1.self_attn.q_proj": 5.0, "down_proj": 3.0});
    std::fs::write(adapter.join("adapter_config.json"), config.to_string()).unwrap();
    let weights = "adapter_model.safetensors";
    std::fs::copy(Path::new(&source).join(weights), adapter.join(weights)).unwrap();
    let adapter = text(adapter);
    let output = text(place.path().join("portable"));
    let flags = [
        "--model",
        &model,
        "--adapter",
        &adapter,
        "--output",
        &output,
    ];
    let export = [&["export"][..], &flags].concat();
    let plain = logits(&model, &source, place.path());
    let exported = json("adapter", &[&export[..], &["--json"]].concat());
    assert_eq!(exported["output"], output);
    for consumer in ["PEFT", "vLLM", "mistral.rs"] {
        assert_eq!(settings(&exported, consumer), [""; 0], "{consumer}");
    }
    let shown = json("adapter", &["show", &output, "--json"]);
    let config = &shown["config"];
    assert_eq!(config["use_rslora"], false);
    assert_eq!(config["lora_alpha"].as_f64(), config["r"].as_f64());
    let layers = shown["layers"].as_array().unwrap();
    assert!(!layers.is_empty() && layers.iter().all(|layer| layer["scale"] == 1.0));
    let found = logits(&model, &output, place.path());
    let expected = logits(&model, &adapter, place.path());
    assert!(largest_difference(&found, &expected) <= 1e-5);
    assert!(largest_difference(&plain, &expected) > 1e-2);

    // What is there stays.
    let before = snapshot(place.path());
    assert_contains(
        &refused("adapter", &export),
        &["new or empty folder", &output],
    );
    assert_eq!(snapshot(place.path()), before);
}

#[test]
fn bad_input_is_one_sentence() {
    let place = tempfile::tempdir().unwrap();
    let nothing = text(place.path());
    assert_contains(
        &refused("adapter", &["show", &nothing]),
        &["cannot read", "adapter_config.json"],
    );
    let folder = written("lora_plain", place.path());
    let file = Path::new(&folder).join("adapter_model.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    assert_contains(
        &refused("adapter", &["show", &folder]),
        &["not a complete safetensors file"],
    );
    // An adapter of another model.
    let folder = written("dora", place.path());
    let output = text(place.path().join("out"));
    let model = fixture("tiny-llama");
    let flags = [
        "export",
        "--model",
        &model,
        "--adapter",
        &folder,
        "--output",
        &output,
    ];
    assert_contains(&refused("adapter", &flags), &["does not fit the module"]);
    assert!(!Path::new(&output).exists());
    assert_contains(
        &misused("adapter", &["export", "--model", &model]),
        &["--adapter"],
    );
}
