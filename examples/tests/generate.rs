//! The example `generate`: three kinds of prompt, its JSON, and what it refuses.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::path::Path;

use common::{
    assert_contains, fixture, floats, gguf, integers, json, largest_difference, misused, read_json,
    refused, succeed, text, with_commas,
};
use serde_json::{Value, json};

const FIELDS: [&str; 5] = [
    "prompt_ids",
    "token_ids",
    "logprobs",
    "text",
    "tokens_per_second",
];

fn numbers(value: &Value) -> Vec<u64> {
    let list = value.as_array().unwrap().iter();
    list.map(|number| number.as_u64().unwrap()).collect()
}

fn field_names(output: &Value) -> Vec<&str> {
    output
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// What holds for every answer: fields, one log-probability a token, a limit.
fn assert_whole(output: &Value, limit: usize) {
    assert_eq!(field_names(output), FIELDS);
    let logprobs = output["logprobs"].as_array().unwrap();
    let tokens = numbers(&output["token_ids"]);
    assert!(!tokens.is_empty() && tokens.len() <= limit, "{output}");
    assert_eq!(tokens.len(), logprobs.len());
    assert!(logprobs.iter().all(|p| p.as_f64().unwrap() <= 0.0));
    assert!(output["tokens_per_second"].as_f64().unwrap() > 0.0);
}

#[test]
fn prompt_ids_continue_as_in_transformers_without_a_tokenizer() {
    let (model, goldens) = (
        fixture("tiny-llama"),
        fixture("tiny-llama/goldens.safetensors"),
    );
    let lengths = integers(&goldens, "prompt_lengths").1;
    let (shape, prompts) = integers(&goldens, "prompt_ids");
    let (_, expected) = integers(&goldens, "generated_ids");
    let (_, logprobs) = floats(&goldens, "generated_logprobs");
    for (row, prompt) in prompts.chunks(shape[1]).enumerate() {
        let prompt = &prompt[..lengths[row] as usize];
        let ids = with_commas(prompt);
        let flags = [
            "--model",
            &model,
            "--prompt-ids",
            &ids,
            "--max-new-tokens",
            "12",
        ];
        // Without a tokenizer there is no text to print: the JSON comes anyway.
        let output = json("generate", &flags);
        assert_whole(&output, 12);
        assert_eq!(output["text"], Value::Null);
        assert_eq!(output["prompt_ids"], json!(prompt));
        assert_eq!(
            output["token_ids"],
            json!(expected[row * 12..(row + 1) * 12])
        );
        let found = output["logprobs"].as_array().unwrap().iter();
        let found: Vec<f32> = found.map(|p| p.as_f64().unwrap() as f32).collect();
        let difference = largest_difference(&found, &logprobs[row * 12..(row + 1) * 12]);
        assert!(difference < 1e-4, "{difference:e}");
    }
}

#[test]
fn a_text_its_ids_and_its_json_agree() {
    let model = gguf();
    let goldens = read_json(fixture("gguf/tokenizer_goldens.json"));
    let texts = goldens["encode"].as_array().unwrap();
    let long = texts
        .iter()
        .filter(|case| case["ids"].as_array().unwrap().len() > 9);
    let mut seen = 0;
    for case in long.take(4) {
        let prompt = case["text"].as_str().unwrap();
        let flags = [
            "--model",
            &model,
            "--max-new-tokens",
            "8",
            "--prompt",
            prompt,
        ];
        let mut with_json = flags.to_vec();
        with_json.push("--json");
        let output = json("generate", &with_json);
        assert_whole(&output, 8);
        assert_eq!(output["prompt_ids"], case["ids"]);
        let printed = succeed("generate", &flags);
        assert_eq!(printed, format!("{}\n", output["text"].as_str().unwrap()));

        let ids = with_commas(&numbers(&output["prompt_ids"]));
        let by_ids = [&with_json[..4], &["--json", "--prompt-ids", &ids]].concat();
        let by_ids = json("generate", &by_ids);
        for field in &FIELDS[..4] {
            assert_eq!(by_ids[field], output[field], "{field}");
        }
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[test]
fn messages_go_through_the_model_s_template() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("messages.json");
    let goldens = read_json(fixture("gguf/tokenizer_goldens.json"));
    let chats = goldens["chat"].as_array().unwrap().iter();
    let mut seen = 0;
    for chat in chats.filter(|chat| chat["add_generation_prompt"] == true) {
        std::fs::write(&path, chat["messages"].to_string()).unwrap();
        for model in [gguf(), fixture("gguf/hf")] {
            let flags = ["--model", &model, "--messages", path.to_str().unwrap()];
            let flags = [&flags[..], &["--max-new-tokens", "3", "--json"]].concat();
            let output = json("generate", &flags);
            assert_whole(&output, 3);
            assert_eq!(output["prompt_ids"], chat["ids"], "{model}");
        }
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[test]
fn an_adapter_changes_what_is_generated() {
    let (model, adapter) = (fixture("tiny-llama"), fixture("tiny-llama/adapter"));
    let flags = [
        "--model",
        &model,
        "--prompt-ids",
        "3,1,4,1,5",
        "--max-new-tokens",
        "6",
    ];
    let plain = json("generate", &flags);
    let adapted = json("generate", &[&flags[..], &["--adapter", &adapter]].concat());
    assert_whole(&adapted, 6);
    assert_ne!(adapted["logprobs"], plain["logprobs"]);
}

#[test]
fn two_adapters_continue_as_in_peft() {
    let goldens = fixture("tiny-llama/goldens-two-adapters.safetensors");
    let prompt = with_commas(&integers(&goldens, "prompt").1);
    let (_, expected) = integers(&goldens, "generated_ids");
    let (model, one) = (fixture("tiny-llama"), fixture("tiny-llama/adapter"));
    let two = fixture("tiny-llama/adapter-qv");
    let flags = ["--model", &model, "--adapter", &one, "--adapter", &two];
    let flags = [&flags[..], &["--max-new-tokens", "8", "--json"]].concat();
    let output = json(
        "generate",
        &[&flags[..], &["--prompt-ids", &prompt]].concat(),
    );
    assert_eq!(output["token_ids"], json!(expected));
}

#[test]
fn the_default_length_fits_a_short_prompt() {
    // 128 positions hold no 128 new tokens behind a prompt.
    let (model, ids) = (fixture("tiny-llama"), with_commas(&[7; 120]));
    let output = json("generate", &["--model", &model, "--prompt-ids", &ids]);
    assert_eq!(numbers(&output["token_ids"]).len(), 8);
    let ids = with_commas(&[7; 128]);
    let message = refused("generate", &["--model", &model, "--prompt-ids", &ids]);
    assert_contains(&message, &["128 tokens", "128 positions"]);
}

#[test]
fn a_seed_draws_the_same_tokens_again() {
    let model = gguf();
    let run = |flags: &[&str]| {
        let common = ["--model", &model, "--prompt", "SELECT", "--json"];
        let flags = [&common[..], &["--max-new-tokens", "12"], flags].concat();
        let output = json("generate", &flags);
        assert_whole(&output, 12);
        output["token_ids"].clone()
    };
    let all = ["--temperature", "1.2", "--top-k", "90", "--top-p", "0.95"];
    let all = [&all[..], &["--min-p", "0.001"]].concat();
    let drawn = run(&[&all[..], &["--seed", "3"]].concat());
    assert_eq!(run(&[&all[..], &["--seed", "3"]].concat()), drawn);
    assert_ne!(run(&[&all[..], &["--seed", "4"]].concat()), drawn);
    // Without a temperature, or with 0, it is greedy, and flags of chance are noted.
    let greedy = run(&[]);
    assert_ne!(drawn, greedy);
    assert_eq!(run(&["--temperature", "0", "--seed", "3"]), greedy);
    assert_eq!(run(&["--temperature", "0.9", "--top-k", "1"]), greedy);
    assert_ne!(run(&["--repetition-penalty", "1.9"]), greedy);
    let flags = ["--model", &model, "--prompt-ids", "5", "--top-p", "0.5"];
    let outcome = common::run(
        "generate",
        &[&flags[..], &["--max-new-tokens", "1"]].concat(),
    );
    assert_eq!(outcome.code, Some(0));
    assert_contains(&outcome.stderr, &["--top-p", "--temperature"]);
}

#[test]
fn bf16_comes_near_f32() {
    let model = fixture("tiny-llama");
    let first = |dtype: &str| {
        let flags = ["--model", &model, "--prompt-ids", "3,1,4,1,5"];
        let flags = [&flags[..], &["--max-new-tokens", "1", "--dtype", dtype]].concat();
        let output = json("generate", &flags);
        assert_whole(&output, 1);
        output["logprobs"][0].as_f64().unwrap()
    };
    // Eight bits of precision, logits of a few units.
    let difference = (first("f32") - first("bf16")).abs();
    assert!(difference > 1e-5 && difference < 0.1, "{difference:e}");
}

#[test]
fn a_stop_text_ends_the_answer_before_it() {
    let model = gguf();
    let common = ["--model", &model, "--prompt", "SELECT"];
    let common = [&common[..], &["--max-new-tokens", "24"]].concat();
    let whole = json("generate", &[&common[..], &["--json"]].concat());
    let text = whole["text"].as_str().unwrap();
    // Three characters out of the middle, wherever tokens begin and end.
    let stop: String = text
        .chars()
        .skip(text.chars().count() / 2)
        .take(3)
        .collect();
    let flags = [&common[..], &["--stop", "no such text", "--stop", &stop]].concat();
    let stopped = json("generate", &[&flags[..], &["--json"]].concat());
    assert_whole(&stopped, 24);
    let before = &text[..text.find(&stop).unwrap()];
    assert_eq!(stopped["text"], before);
    let (ids, all) = (numbers(&stopped["token_ids"]), numbers(&whole["token_ids"]));
    assert!(ids.len() < all.len());
    assert_eq!(ids, all[..ids.len()]);
    assert_eq!(succeed("generate", &flags), format!("{before}\n"));
    // Without a tokenizer there is no text to look in.
    let tiny = fixture("tiny-llama");
    let flags = ["--model", &tiny, "--prompt-ids", "5", "--stop", ";"];
    let message = refused(
        "generate",
        &[&flags[..], &["--max-new-tokens", "2"]].concat(),
    );
    assert_contains(&message, &["stop strings", "tokenizer"]);
}

#[test]
fn special_tokens_in_a_prompt_are_recognised() {
    let model = gguf();
    let flags = ["--model", &model, "--max-new-tokens", "1", "--json"];
    let prompt = ["--prompt", "<|im_start|>user<|im_end|>"];
    let output = json("generate", &[&flags[..], &prompt].concat());
    let ids = numbers(&output["prompt_ids"]);
    assert_eq!((ids[0], ids.last()), (1, Some(&2)));
}

#[test]
fn values_out_of_range_are_refused_by_flag() {
    // Before anything is loaded: there is no such model.
    let ask = |flag: &str, value: &str| {
        let flags = ["--model", "no-such-model", "--prompt-ids", "5"];
        refused("generate", &[&flags[..], &[flag, value]].concat())
    };
    for (flag, value, expected) in [
        ("--temperature", "-1", "above 0"),
        ("--temperature", "NaN", "above 0"),
        ("--top-p", "0", "above 0 and at most 1"),
        ("--top-p", "1.5", "above 0 and at most 1"),
        ("--min-p", "-0.5", "from 0 (off) to 1"),
        ("--repetition-penalty", "0", "above 0"),
        ("--max-new-tokens", "0", "1 or more"),
        ("--dtype", "int4", "f32 or bf16"),
        ("--stop", "", "at least one character"),
    ] {
        let found = format!("{flag} is ");
        assert_contains(&ask(flag, value), &[&found, value, expected]);
    }
    let model = gguf();
    for (flag, value) in [
        ("--top-k", "-3"),
        ("--seed", "x"),
        ("--temperature", "warm"),
    ] {
        let flags = ["--model", &model, "--prompt-ids", "5", flag, value];
        misused("generate", &flags);
    }
}

#[test]
fn one_prompt_is_asked_for_no_more_and_no_less() {
    let model = gguf();
    let two = ["--model", &model, "--prompt", "a", "--prompt-ids", "1"];
    assert_contains(&misused("generate", &two), &["--prompt", "--prompt-ids"]);
    let two = [
        "--model",
        &model,
        "--messages",
        "m.json",
        "--prompt-ids",
        "1",
    ];
    assert_contains(&misused("generate", &two), &["--messages", "--prompt-ids"]);
    assert_contains(&misused("generate", &["--model", &model]), &["--prompt"]);
    misused("generate", &["--model", &model, "--prompt-ids", ""]);
    misused("generate", &["--prompt-ids", "1"]);
}

#[test]
fn prompts_that_can_t_be_read_are_refused() {
    let model = gguf();
    let ask = |flags: &[&str]| refused("generate", &[&["--model", &model], flags].concat());
    assert_contains(&ask(&["--prompt", ""]), &["empty"]);
    assert_contains(&ask(&["--prompt-ids", "5,4000"]), &["4000", "319"]);
    let message = ask(&["--prompt-ids", "5", "--max-new-tokens", "128"]);
    assert_contains(&message, &["1 tokens", "128 positions"]);
    assert_contains(&ask(&["--messages", "no-such.json"]), &["no-such.json"]);

    let folder = tempfile::tempdir().unwrap();
    let path = text(folder.path().join("messages.json"));
    std::fs::write(&path, "[{\"role\": \"user\",\n \"text\": \"?\"}]").unwrap();
    assert_contains(
        &ask(&["--messages", &path]),
        &["messages.json", "content", "line 2"],
    );
    std::fs::write(&path, "[{\"role\": \"robot\", \"content\": \"?\"}]").unwrap();
    assert_contains(&ask(&["--messages", &path]), &["messages.json", "robot"]);

    let without_tokenizer = ["--model", &fixture("tiny-llama"), "--prompt", "a"];
    let message = refused("generate", &without_tokenizer);
    assert_contains(&message, &["no tokenizer", "--prompt-ids"]);
}

#[test]
fn models_and_devices_that_can_t_be_used_are_refused() {
    let ask = |model: &str| refused("generate", &["--model", model, "--prompt-ids", "5"]);
    assert_contains(&ask("no-such-model"), &["no-such-model", "no such file"]);
    assert_contains(
        &ask(&fixture("versions.json")),
        &["versions.json", "not a model"],
    );
    assert_contains(&ask(&fixture("curve")), &["curve", "config.json"]);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.gguf");
    let whole = std::fs::read(gguf()).unwrap();
    // In the header, the metadata, the vocabulary, the tensors' list and the tensors.
    for kept in [3, 7, 20, 300, 6000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..kept]).unwrap();
        assert_contains(&ask(&text(&path)), &["cut.gguf"]);
    }

    let gguf = gguf();
    for device in ["gpu", "cpu:1", "cuda:x"] {
        let flags = ["--model", &gguf, "--prompt-ids", "5", "--device", device];
        assert_contains(&refused("generate", &flags), &[device, "expected cpu"]);
    }
}

#[test]
fn adapters_that_do_not_fit_are_refused() {
    let gguf = gguf();
    let ask = |model: &str, adapter: &Path| {
        let adapter = adapter.to_str().unwrap();
        let flags = ["--model", model, "--adapter", adapter, "--prompt-ids", "5"];
        refused("generate", &flags)
    };
    let message = ask(&gguf, Path::new("no-such-adapter"));
    assert_contains(&message, &["no-such-adapter", "adapter_config.json"]);

    // Three layers of 42 features for a model of two layers of 64.
    let other = fixture("tiny-llama/adapter");
    let message = ask(&gguf, Path::new(&other));
    assert_contains(
        &message,
        &[
            "adapter_model.safetensors",
            "unexpected",
            "layers.2",
            "of wrong shape",
            "expected [4, 64]",
        ],
    );

    let folder = tempfile::tempdir().unwrap();
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        std::fs::copy(Path::new(&other).join(name), folder.path().join(name)).unwrap();
    }
    let weights = folder.path().join("adapter_model.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..bytes.len() - 4]).unwrap();
    let message = ask(&fixture("tiny-llama"), folder.path());
    assert_contains(&message, &["adapter_model.safetensors"]);
}
