//! The example `finetune`: what it writes, and what it refuses.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::trained::{Set, as_flags, with};
use common::{
    assert_contains, fixture, floats, gguf, json, read_json, refused, snapshot, succeed, text,
};
use serde_json::{Value, json};

/// The loss of a step is the mean of its classes' losses, by their tokens.
fn assert_parts_add_up(line: &Value) {
    let parts = line["parts"].as_object().unwrap();
    let (mut sum, mut count) = (0.0, 0);
    for part in parts.values() {
        let tokens = part["tokens"].as_u64().unwrap();
        sum += part["loss"].as_f64().unwrap() * tokens as f64;
        count += tokens;
    }
    assert_eq!(json!(count), line["trained_tokens"]);
    assert_eq!(parts["end"]["tokens"], line["examples"]);
    let mean = line["loss"].as_f64().unwrap();
    assert!((sum / count as f64 - mean).abs() < 1e-5 * mean, "{line}");
}

#[test]
fn a_run_leaves_an_adapter_its_metrics_and_a_report() {
    let set = Set::new();
    let databases = snapshot(&set.path("databases"));
    let flags = set.flags("out", 6);
    let printed = json("finetune", &with(&flags, &["--json"]));
    let out = set.path("out");
    assert_eq!(read_json(out.join("report.json")), printed);

    assert_eq!(printed["steps"], json!(6));
    let rows = &printed["rows"];
    let counts = ["read", "unusable", "held_out", "too_long", "trained"];
    assert_eq!(
        counts.map(|key| rows[key].as_u64().unwrap()),
        [24, 0, 5, 0, 19]
    );
    for when in ["before", "after"] {
        assert_eq!(printed[when]["totals"]["judged"], json!(2), "{printed}");
        let evaluation = read_json(out.join(format!("evaluation-{when}.json")));
        assert_eq!(evaluation["totals"], printed[when]["totals"]);
    }
    let held_out = std::fs::read_to_string(out.join("held_out.jsonl")).unwrap();
    let held_out: Vec<Value> = held_out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(held_out.len(), 5);
    let kept = ["shop_00", "shop_10"];
    assert!(
        held_out
            .iter()
            .all(|q| kept.contains(&q["db_id"].as_str().unwrap()))
    );

    let metrics = set.metrics("out");
    let keys = [
        "step",
        "epoch",
        "loss",
        "lr",
        "grad_norm",
        "tokens",
        "trained_tokens",
        "examples",
        "parts",
    ];
    for (index, line) in metrics.iter().enumerate() {
        let found: BTreeSet<_> = line
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(found, keys.into());
        assert_parts_add_up(line);
        assert_eq!(line["step"], json!(index + 1));
        // 19 rows in steps of 4 are 5 steps.
        assert_eq!(line["epoch"], json!((index + 1) as f64 / 5.0));
        assert!(line["loss"].as_f64().is_some_and(f64::is_finite), "{line}");
        assert_eq!(
            line["lr"],
            json!([0.0, 0.005, 0.01, 0.01, 0.01, 0.01][index])
        );
    }
    assert_eq!(metrics.len(), 6);
    let losses: Vec<f64> = metrics
        .iter()
        .map(|l| l["loss"].as_f64().unwrap())
        .collect();
    assert!(losses[5] < losses[0] - 0.1, "{losses:?}");
    let mean = losses.iter().sum::<f64>() / 6.0;
    assert!((printed["loss"][0].as_f64().unwrap() - mean).abs() < 1e-9);
    let trained = metrics
        .iter()
        .map(|l| l["trained_tokens"].as_u64().unwrap());
    assert_eq!(printed["trained_tokens"], json!(trained.sum::<u64>()));
    assert_eq!(printed["ended"], "budget");
    // Held-out rows before the first step and after the last.
    let validations = printed["validations"].as_array().unwrap();
    let looks: Vec<_> = validations
        .iter()
        .map(|v| v["step"].as_u64().unwrap())
        .collect();
    assert_eq!(looks, [0, 6]);
    let loss = |v: &Value| v["loss"].as_f64().unwrap();
    assert!(
        loss(&validations[1]) < loss(&validations[0]),
        "{validations:?}"
    );
    assert!(
        validations[0]["parts"]["identifier"]["tokens"]
            .as_u64()
            .unwrap()
            > 0
    );
    assert!(out.join("tensorboard").read_dir().unwrap().count() > 0);
    let comparison = &printed["comparison"];
    assert_eq!(
        (&comparison["first"], &comparison["second"]),
        (&json!("before"), &json!("after"))
    );

    let config = read_json(out.join("adapter/adapter_config.json"));
    assert_eq!(
        (&config["peft_type"], &config["r"]),
        (&json!("LORA"), &json!(16))
    );
    let weights = text(out.join("adapter/adapter_model.safetensors"));
    let name = "base_model.model.model.layers.1.mlp.down_proj.lora_B.weight";
    let (shape, b) = floats(&weights, name);
    assert_eq!(shape, [64, 16]);
    assert!(b.iter().all(|x| x.is_finite()) && b.iter().any(|x| x.abs() > 1e-3));
    assert!(
        databases == snapshot(&set.path("databases")),
        "a database changed"
    );

    // The folder now holds a run: it is not overwritten unasked.
    let before = snapshot(&out);
    let message = refused("finetune", &flags);
    assert_contains(&message, &["holds a run", "--resume", "--output"]);
    assert!(before == snapshot(&out), "a file changed");

    // The adapter is of use to the other examples.
    let (model, adapter) = (gguf(), text(out.join("adapter")));
    let ask = [
        "--model",
        &model,
        "--prompt",
        "SELECT",
        "--max-new-tokens",
        "2",
        "--json",
    ];
    let adapted = json("generate", &[&ask[..], &["--adapter", &adapter]].concat());
    assert_ne!(adapted["logprobs"], json("generate", &ask)["logprobs"]);
}

#[test]
fn a_file_of_settings_trains_as_flags_do() {
    let set = Set::new();
    succeed("finetune", &set.flags("flags", 3));
    let settings = set.settings("file", 3);
    let lines: String = settings
        .iter()
        // JSON's strings, numbers and lists are TOML's too.
        .map(|(key, value)| format!("{key} = {value}\n"))
        .collect();
    let config = text(set.path("run.toml"));
    std::fs::write(&config, &lines).unwrap();
    succeed("finetune", &["--config", &config]);
    assert!(
        set.adapter("flags") == set.adapter("file"),
        "another adapter"
    );
    assert_eq!(set.metrics("flags"), set.metrics("file"));

    let output = text(set.path("both"));
    let both = ["--config", &config, "--output", &output, "--seed", "5"];
    let report = json("finetune", &[&both[..], &["--json"]].concat());
    assert_eq!(report["settings"]["seed"], json!(5));
    assert_ne!(set.adapter("flags"), set.adapter("both"));

    std::fs::write(&config, format!("{lines}leraning_rate = 1\n")).unwrap();
    let message = refused("finetune", &["--config", &config]);
    assert_contains(&message, &["run.toml", "leraning_rate", "line 15"]);
    let message = refused("finetune", &["--config", "no-such.toml"]);
    assert_contains(&message, &["no-such.toml"]);
}

#[test]
fn mistakes_end_in_one_sentence_and_leave_nothing() {
    let set = Set::new();
    let refuse = |key: &'static str, value: Value| {
        let mut settings = set.settings("out", 2);
        settings.insert(key, value);
        let message = refused("finetune", &as_flags(&settings));
        assert!(!Path::new(&set.path("out")).exists(), "{message}");
        message
    };
    assert_contains(&refuse("model", json!("no-such")), &["no-such"]);
    let tiny = fixture("tiny-llama");
    assert_contains(
        &refuse("model", json!(tiny)),
        &["tiny-llama", "no tokenizer"],
    );
    assert_contains(&refuse("device", json!("gpu")), &["gpu", "expected cpu"]);
    assert_contains(
        &refuse("decay", json!("steps")),
        &["--decay", "steps", "cosine"],
    );
    assert_contains(
        &refuse("batch_size", json!(0)),
        &["--batch-size", "at least 1"],
    );
    assert_contains(
        &refuse("max_length", json!(20)),
        &["no row is left", "20 tokens"],
    );
    assert_contains(&refuse("data", json!(["no.jsonl"])), &["no.jsonl"]);
    let message = refuse("lora_r", json!(0));
    assert_contains(&message, &["r is 0"]);
    // Found before anything is measured or written, however late they matter.
    let message = refuse("max_length", json!(129));
    assert_contains(&message, &["--max-length", "at most 128"]);
    let message = refuse("max_steps", json!(0));
    assert_contains(&message, &["max_steps", "positive"]);

    let wrong = text(set.path("wrong.jsonl"));
    let mut rows = std::fs::read_to_string(&set.questions).unwrap();
    rows.push_str("{\"db_id\": \"shop_01\", \"query_text\": \"x\", \"question\": \"?\"}\n");
    std::fs::write(&wrong, &rows).unwrap();
    let message = refuse("data", json!([wrong]));
    assert_contains(&message, &["wrong.jsonl", "line 25", "`sql`", "query_text"]);
    std::fs::write(
        &wrong,
        rows.replace("\"query_text\": \"x\"", "\"sql\": [1]"),
    )
    .unwrap();
    let message = refuse("data", json!([wrong]));
    assert_contains(&message, &["wrong.jsonl", "line 25", "`sql`", "an array"]);

    let mut settings = set.settings("out", 2);
    settings.remove("model");
    let message = refused("finetune", &as_flags(&settings));
    assert_contains(&message, &["--model", "`model`"]);
}

#[test]
fn a_missing_context_is_read_from_the_database() {
    let set = Set::new();
    let bare = text(set.path("bare.jsonl"));
    let rows = std::fs::read_to_string(&set.questions).unwrap();
    let rows = rows.lines().map(|line| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        row.as_object_mut().unwrap().remove("context");
        format!("{row}\n")
    });
    std::fs::write(&bare, rows.collect::<String>()).unwrap();
    let mut settings = set.quick("bare", 2);
    settings.insert("data", json!([bare]));
    succeed("finetune", &as_flags(&settings));
    let held_out = std::fs::read_to_string(set.path("bare/held_out.jsonl")).unwrap();
    for line in held_out.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let context = row["context"].as_str().unwrap();
        assert!(context.starts_with("CREATE TABLE item (id"), "{context}");
    }

    settings.remove("databases");
    settings.insert("output", json!(text(set.path("none"))));
    let message = refused("finetune", &as_flags(&settings));
    assert_contains(&message, &["bare.jsonl", "context", "--databases"]);
}
