//! The example `finetune`: what it writes, how it resumes, and what it refuses.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{
    SYSTEM, assert_contains, fixture, floats, gguf, json, read_json, refused, run, shop, snapshot,
    succeed, text, write_lines,
};
use serde_json::{Value, json};

/// 24 questions over 11 databases; `shop_00` and `shop_10` are held out by default.
struct Set {
    folder: tempfile::TempDir,
    questions: String,
}

impl Set {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let databases = folder.path().join("databases");
        let names: Vec<String> = (0..11).map(|number| shop(&databases, number)).collect();
        let rows: Vec<Value> = (0..24)
            .map(|number| {
                let (question, sql) = match number % 3 {
                    0 => (
                        "How many?".to_owned(),
                        "SELECT count(*) FROM item".to_owned(),
                    ),
                    1 => ("Most?".to_owned(), "SELECT max(price) FROM item".to_owned()),
                    _ => (
                        format!("Over {number}?"),
                        format!("SELECT id FROM item WHERE price > {number}"),
                    ),
                };
                json!({
                    "db_id": names[number % 11], "question": question, "sql": sql,
                    "context": "CREATE TABLE item (id, price)",
                })
            })
            .collect();
        let questions = write_lines(folder.path().join("questions.jsonl"), &rows);
        Self { folder, questions }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Settings of a short run, by key.
    fn settings(&self, output: &str, steps: u64) -> BTreeMap<&'static str, Value> {
        BTreeMap::from([
            ("model", json!(gguf())),
            ("data", json!([self.questions])),
            ("databases", json!(text(self.path("databases")))),
            ("output", json!(text(self.path(output)))),
            ("system", json!(SYSTEM)),
            ("max_steps", json!(steps)),
            ("batch_size", json!(4)),
            ("max_length", json!(128)),
            ("eval_questions", json!(2)),
            ("max_new_tokens", json!(4)),
            // Without a decay a step's learning rate does not depend on how many
            // steps there will be, so that a run can be cut anywhere.
            ("decay", json!("constant")),
            ("warmup_steps", json!(2)),
            ("learning_rate", json!(0.01)),
            // Its masks are drawn by seed, step and micro-batch.
            ("lora_dropout", json!(0.1)),
        ])
    }

    /// The same with more checkpoints and no measurements.
    fn quick(&self, output: &str, steps: u64) -> BTreeMap<&'static str, Value> {
        let mut settings = self.settings(output, steps);
        settings.extend([("eval_questions", json!(0)), ("checkpoint_every", json!(3))]);
        settings
    }

    /// As flags.
    fn flags(&self, output: &str, steps: u64) -> Vec<String> {
        as_flags(&self.settings(output, steps))
    }

    fn adapter(&self, output: &str) -> Vec<u8> {
        std::fs::read(self.path(output).join("adapter/adapter_model.safetensors")).unwrap()
    }

    /// The lines of `metrics.jsonl` without what a clock and the system decide.
    fn metrics(&self, output: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path(output).join("metrics.jsonl")).unwrap();
        let lines = text.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            for key in ["seconds", "tokens_per_second"] {
                assert!(line[key].as_f64().unwrap() > 0.0, "{key}: {line}");
                line.as_object_mut().unwrap().remove(key);
            }
            // Not known on every system.
            line.as_object_mut().unwrap().remove("peak_memory_bytes");
            line
        });
        lines.collect()
    }
}

fn as_flags(settings: &BTreeMap<&str, Value>) -> Vec<String> {
    let mut flags = Vec::new();
    for (key, value) in settings {
        let values = value.as_array().cloned().unwrap_or(vec![value.clone()]);
        for value in values {
            flags.push(format!("--{}", key.replace('_', "-")));
            flags.push(value.as_str().map_or(value.to_string(), str::to_owned));
        }
    }
    flags
}

fn with(flags: &[String], more: &[&str]) -> Vec<String> {
    flags
        .iter()
        .cloned()
        .chain(more.iter().map(ToString::to_string))
        .collect()
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
    ];
    for (index, line) in metrics.iter().enumerate() {
        let found: Vec<_> = line.as_object().unwrap().keys().collect();
        assert_eq!(found, keys);
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
fn an_interrupted_run_continues_to_the_same_bytes() {
    let set = Set::new();
    let run_to = |output: &str, steps: u64, more: &[&str]| {
        succeed(
            "finetune",
            &with(&as_flags(&set.quick(output, steps)), more),
        );
    };
    run_to("whole", 6, &[]);
    let (adapter, metrics) = (set.adapter("whole"), set.metrics("whole"));
    assert_eq!(metrics.len(), 6);

    // Ended by its budget, then continued: within the first pass over the data,
    // into the second.
    run_to("ended", 4, &[]);
    assert_ne!(set.adapter("ended"), adapter);
    run_to("ended", 6, &["--resume"]);
    assert!(set.adapter("ended") == adapter, "another adapter");
    assert_eq!(set.metrics("ended"), metrics);

    // Killed after step 4: the newest checkpoint is of step 3, the metrics are not.
    run_to("killed", 4, &[]);
    let checkpoints = set.path("killed").join("checkpoints");
    std::fs::remove_dir_all(checkpoints.join("step-00000004")).unwrap();
    assert!(checkpoints.join("step-00000003").exists());
    run_to("killed", 6, &["--resume"]);
    assert!(set.adapter("killed") == adapter, "another adapter");
    assert_eq!(set.metrics("killed"), metrics);

    // Other settings are another run.
    let before = snapshot(&checkpoints);
    let mut other = set.quick("killed", 8);
    other.insert("learning_rate", json!(0.02));
    let other = with(&as_flags(&other), &["--resume"]);
    let outcome = run("finetune", &other);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert_contains(
        &outcome.stderr,
        &["error: ", "trainer_state.json", "settings"],
    );
    assert!(before == snapshot(&checkpoints), "a checkpoint changed");
}

#[test]
fn every_kind_of_adapter_trains_and_continues() {
    let set = Set::new();
    let kinds = [
        (
            "pissa",
            &["--init-lora-weights", "pissa", "--use-rslora"][..],
        ),
        ("dora", &["--use-dora", "--init-lora-weights", "gaussian"]),
        ("packed", &["--pack", "--buckets", "64,128,256,1024"]),
    ];
    for (kind, flags) in kinds {
        let run_to = |output: &str, steps: u64, more: &[&str]| {
            let settings = as_flags(&set.quick(output, steps));
            succeed("finetune", &with(&with(&settings, flags), more));
        };
        let [whole, ended] = ["whole", "ended"].map(|name| format!("{kind}-{name}"));
        run_to(&whole, 4, &[]);
        run_to(&ended, 2, &[]);
        run_to(&ended, 4, &["--resume"]);
        assert!(set.adapter(&ended) == set.adapter(&whole), "{kind}");
        assert_eq!(set.metrics(&ended), set.metrics(&whole), "{kind}");

        let config = read_json(set.path(&whole).join("adapter/adapter_config.json"));
        let file = set.adapter(&whole);
        let held = |name: &str| file.windows(name.len()).any(|at| at == name.as_bytes());
        assert_eq!(config["use_dora"], kind == "dora");
        assert_eq!(held("lora_magnitude_vector"), kind == "dora");
        // PiSSA is saved as LoRA of twice the rank, for the base as it was.
        let rank = if kind == "pissa" { 32 } else { 16 };
        assert_eq!(config["r"], rank, "{kind}");
        assert_eq!(config["use_rslora"], kind == "pissa");
    }
}

#[test]
fn packed_steps_learn_what_unpacked_ones_do() {
    let set = Set::new();
    let run_to = |output: &str, more: &[&str]| {
        let mut settings = set.quick(output, 3);
        // Its masks fall otherwise on rows of another shape.
        settings.insert("lora_dropout", json!(0.0));
        json(
            "finetune",
            &with(&as_flags(&settings), &[more, &["--json"]].concat()),
        )
    };
    let plain = run_to("plain", &[]);
    let packed = run_to("packed", &["--pack"]);
    let segments = |report: &Value| {
        let segments = report["padding"]["segments"].as_object().unwrap().clone();
        segments
            .into_iter()
            .map(|(of, rows)| (of, rows.as_u64().unwrap()))
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!(segments(&plain), BTreeMap::from([("1".to_owned(), 19)]));
    // Four steps of 4 and one of 3, each in one row.
    let expected = [("3".to_owned(), 1), ("4".to_owned(), 4)];
    assert_eq!(segments(&packed), BTreeMap::from(expected));
    let [before, after] = [&plain, &packed].map(|report| report["efficiency"].as_f64().unwrap());
    assert!(before < after && after <= 1.0, "{before}, {after}");
    assert_eq!(packed["tokens"], plain["tokens"]);
    assert_eq!(packed["trained_tokens"], plain["trained_tokens"]);
    let [found, expected] = ["packed", "plain"].map(|output| set.metrics(output));
    let pairs = found.iter().zip(&expected).enumerate();
    for (step, (found, expected)) in pairs {
        let [found, expected] = [found, expected].map(|step| step["loss"].as_f64().unwrap());
        // The first step is one sum of f32 in two orders. After it AdamW divides by the gradient's own
        // size, so that the sign of one near 0 moves a weight by the learning rate, 0.005 there.
        let bound = if step == 0 { 1e-5 * expected } else { 1e-2 };
        let off = (found - expected).abs();
        assert!(off < bound, "step {step}: {found} against {expected}");
    }

    // A packed run is another run.
    let mut other = set.quick("packed", 4);
    other.insert("lora_dropout", json!(0.0));
    let outcome = run("finetune", &with(&as_flags(&other), &["--resume"]));
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert_contains(
        &outcome.stderr,
        &["error: ", "trainer_state.json", "settings"],
    );
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
