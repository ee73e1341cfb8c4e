//! What `finetune` can train: each method learns, goes on, and is of use to the other examples.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::collections::BTreeMap;

use common::trained::{Set, as_flags, fall, with};
use common::{assert_contains, gguf, json, read_json, refused, run, snapshot, succeed, text};
use serde_json::{Value, json};

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
fn gradient_checkpointing_changes_memory_and_no_number() {
    let set = Set::new();
    let run_to = |output: &str, steps: u64, more: &[&str]| {
        let flags = as_flags(&set.quick(output, steps));
        succeed("finetune", &with(&flags, more));
    };
    run_to("off", 4, &["--gradient-checkpointing", "off", "--pack"]);
    run_to("on", 4, &["--gradient-checkpointing", "on", "--pack"]);
    // Dropout's masks too are the same, as they are after a change on the way.
    run_to("changed", 2, &["--gradient-checkpointing", "off", "--pack"]);
    let back = ["--gradient-checkpointing", "on", "--pack", "--resume"];
    run_to("changed", 4, &back);
    for output in ["on", "changed"] {
        assert!(set.adapter(output) == set.adapter("off"), "{output}");
        assert_eq!(set.metrics(output), set.metrics("off"), "{output}");
    }
    let plan = |output: &str| set.report(output)["plan"].clone();
    let [on, off] = ["on", "off"].map(plan);
    let choice = |plan: &Value| plan["gradient_checkpointing"]["on"].clone();
    assert_eq!((choice(&on), choice(&off)), (json!(true), json!(false)));
    let peak = |plan: &Value| plan["memory"]["peak_bytes"].as_u64().unwrap();
    assert_eq!(on["gradient_checkpointing"]["peak_bytes_off"], peak(&off));
    assert!(peak(&on) < peak(&off));

    // A small model needs it nowhere: by itself it stays off, and says so.
    let mut settings = set.quick("auto", 1);
    settings.insert("model", json!(gguf()));
    let outcome = run("finetune", &as_flags(&settings));
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_contains(
        &outcome.stderr,
        &["gradient checkpointing is off; the peak with it"],
    );

    // How exactly matrices are multiplied does decide numbers.
    let flags = with(&as_flags(&set.quick("on", 5)), &["--pack", "--resume"]);
    let other = with(&flags, &["--matmul-precision", "medium"]);
    let outcome = run("finetune", &other);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert_contains(&outcome.stderr, &["trainer_state.json", "settings"]);
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
    let plain = run_to("plain", &["--pack=false"]);
    let packed = run_to("packed", &[]);
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
    let flags = ["--resume", "--pack=false"];
    let outcome = run("finetune", &with(&as_flags(&other), &flags));
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert_contains(
        &outcome.stderr,
        &["error: ", "trainer_state.json", "settings"],
    );
}

/// The example `generate`'s log-probabilities of a model's own continuation.
fn continues(more: &[&str]) -> Value {
    let flags = ["--prompt", "SELECT", "--max-new-tokens", "2", "--json"];
    json("generate", &[&flags[..], more].concat())["logprobs"].clone()
}

#[test]
fn every_method_with_an_adapter_learns_and_its_files_load_again() {
    let set = Set::new();
    let model = gguf();
    let plain = continues(&["--model", &model]);
    let methods: [(&str, &str, &[&str], u64); 3] = [
        ("ia3", "IA3", &["--learning-rate", "0.05"], 4),
        (
            "vera",
            "VERA",
            &["--vera-r", "8", "--learning-rate", "0.1"],
            4,
        ),
        (
            "prompt-tuning",
            "PROMPT_TUNING",
            &["--virtual-tokens", "3", "--learning-rate", "0.3"],
            4,
        ),
    ];
    for (method, peft_type, more, steps) in methods {
        let run_to = |output: &str, steps: u64, resume: &[&str]| {
            let flags = as_flags(&set.method(output, steps, method));
            let flags: Vec<String> = match more.contains(&"--learning-rate") {
                true => without(&flags, "--learning-rate"),
                false => flags,
            };
            succeed("finetune", &with(&with(&flags, more), resume));
        };
        let [whole, ended] = ["whole", "ended"].map(|name| format!("{method}-{name}"));
        run_to(&whole, 2 * steps, &[]);
        run_to(&ended, steps, &[]);
        run_to(&ended, 2 * steps, &["--resume"]);
        assert!(set.adapter(&whole) == set.adapter(&ended), "{method}");
        assert!(
            fall(&set.metrics(&whole)) > 0.0,
            "{method}: {:?}",
            set.metrics(&whole)
        );
        let report = set.report(&whole);
        assert_eq!(report["settings"]["method"], method);
        assert!(report["trainable_parameters"].as_u64().unwrap() > 0);
        let folder = text(set.path(&whole).join("adapter"));
        let config = read_json(format!("{folder}/adapter_config.json"));
        assert_eq!(config["peft_type"], peft_type);
        assert_ne!(
            continues(&["--model", &model, "--adapter", &folder]),
            plain,
            "{method}"
        );
    }
}

#[test]
fn a_model_that_is_trained_itself_is_written_whole_and_evaluates() {
    let set = Set::new();
    let model = gguf();
    let plain = continues(&["--model", &model]);
    let mut trained = BTreeMap::new();
    for method in ["full", "norms", "embeddings"] {
        let run_to = |output: &str, steps: u64, more: &[&str]| {
            succeed(
                "finetune",
                &with(&as_flags(&set.method(output, steps, method)), more),
            );
        };
        let [whole, ended] = ["whole", "ended"].map(|name| format!("{method}-{name}"));
        run_to(&whole, 4, &[]);
        run_to(&ended, 2, &[]);
        run_to(&ended, 4, &["--resume"]);
        let weights =
            |output: &str| std::fs::read(set.path(output).join("model/model.safetensors")).unwrap();
        assert!(weights(&whole) == weights(&ended), "{method}");
        assert!(fall(&set.metrics(&whole)) > 0.0, "{method}");
        assert!(!set.path(&whole).join("adapter").exists());
        let report = set.report(&whole);
        trained.insert(method, report["trainable_parameters"].as_u64().unwrap());
        let folder = text(set.path(&whole).join("model"));
        assert_ne!(continues(&["--model", &folder]), plain, "{method}");

        // It is asked as it was trained: prompt.json lies beside it.
        let (questions, databases) = (
            text(set.path(&whole).join("held_out.jsonl")),
            text(set.path("databases")),
        );
        let flags = [
            "--model",
            &folder,
            "--questions",
            &questions,
            "--databases",
            &databases,
            "--max-new-tokens",
            "2",
            "--json",
        ];
        assert_eq!(json("evaluate", &flags)["totals"]["judged"], 5, "{method}");
    }
    assert!(trained["norms"] < trained["embeddings"] && trained["embeddings"] < trained["full"]);
}

#[test]
fn lora_plus_and_other_optimisers_are_other_runs() {
    let set = Set::new();
    let run_to = |output: &str, more: &[&str]| {
        succeed("finetune", &with(&as_flags(&set.quick(output, 3)), more));
        set.adapter(output)
    };
    let plain = run_to("plain", &[]);
    assert!(
        run_to("again", &[]) == plain,
        "the same seed, another adapter"
    );
    assert!(run_to("plus", &["--loraplus-ratio", "4"]) != plain);
    assert!(run_to("lion", &["--optimizer", "lion"]) != plain);
    let other = ["--resume", "--optimizer", "lion"];
    let outcome = run("finetune", &with(&as_flags(&set.quick("plain", 4)), &other));
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert_contains(&outcome.stderr, &["error: ", "trainer_state.json"]);
}

/// Flags without one of them and its value.
fn without(flags: &[String], flag: &str) -> Vec<String> {
    let at = flags.iter().position(|other| other == flag).unwrap();
    [&flags[..at], &flags[at + 2..]].concat()
}

#[test]
fn a_model_that_lies_where_the_result_goes_is_not_replaced() {
    let set = Set::new();
    let settings = set.method("out", 2, "norms");
    succeed("finetune", &as_flags(&settings));
    let out = set.path("out");
    let model = text(out.join("model"));
    std::fs::remove_dir_all(out.join("checkpoints")).unwrap();
    let before = snapshot(&out);
    // It is the model to train, or the result of another run.
    for start in [model, gguf()] {
        let mut again = settings.clone();
        again.insert("model", json!(start));
        let message = refused("finetune", &as_flags(&again));
        assert_contains(&message, &["model", "replace", "--output"]);
        assert!(before == snapshot(&out), "a file changed");
    }
}

#[test]
fn a_trained_prompt_takes_positions_of_the_rows() {
    let set = Set::new();
    let mut settings = set.method("out", 2, "prompt-tuning");
    settings.extend([("virtual_tokens", json!(5)), ("max_length", json!(124))]);
    let message = refused("finetune", &as_flags(&settings));
    assert_contains(&message, &["--max-length is 124", "at most 123"]);
}
