//! The example `logits`: numbers of transformers and PEFT, and refusals.

mod common;

use common::{
    assert_contains, fixture, floats, gguf, integers, largest_difference, misused, refused,
    succeed, text, with_commas,
};

#[test]
fn logits_with_an_adapter_are_those_of_peft() {
    let folder = tempfile::tempdir().unwrap();
    let output = text(folder.path().join("logits.safetensors"));
    let (model, adapter) = (fixture("tiny-llama"), fixture("tiny-llama/adapter"));
    let of_peft = fixture("tiny-llama/goldens-adapter.safetensors");
    let plain = fixture("tiny-llama/goldens.safetensors");
    let lengths = integers(&of_peft, "lengths").1;
    let (shape, ids) = integers(&of_peft, "input_ids");
    for (row, ids) in ids.chunks(shape[1]).enumerate() {
        let length = lengths[row] as usize;
        let prompt = with_commas(&ids[..length]);
        let mut flags = vec!["--model", &model, "--output", &output];
        flags.extend(["--prompt-ids", &prompt]);
        for goldens in [&plain, &of_peft] {
            let printed = succeed("logits", &flags);
            assert_contains(&printed, &[&output, &format!("{length} positions")]);
            let (written, found) = integers(&output, "input_ids");
            assert_eq!((written, &found[..]), (vec![1, length], &ids[..length]));
            let (written, found) = floats(&output, "logits");
            assert_eq!(written, [1, length, 131]);
            let (_, expected) = floats(goldens, "logits");
            let start = row * shape[1] * 131;
            let expected = &expected[start..start + length * 131];
            let difference = largest_difference(&found, expected);
            assert!(difference < 1e-4, "row {row}, {goldens}: {difference:e}");
            flags.extend(["--adapter", &adapter]);
        }
    }
    let names: Vec<_> = common::snapshot(folder.path()).into_keys().collect();
    assert_eq!(names, [std::path::PathBuf::from("logits.safetensors")]);
}

#[test]
fn two_adapters_add_up_as_in_peft() {
    let folder = tempfile::tempdir().unwrap();
    let output = text(folder.path().join("logits.safetensors"));
    let goldens = fixture("tiny-llama/goldens-two-adapters.safetensors");
    let model = fixture("tiny-llama");
    let (one, two) = (
        fixture("tiny-llama/adapter"),
        fixture("tiny-llama/adapter-qv"),
    );
    let lengths = integers(&goldens, "lengths").1;
    let (shape, ids) = integers(&goldens, "input_ids");
    let (_, expected) = floats(&goldens, "last_logits");
    for (row, ids) in ids.chunks(shape[1]).enumerate() {
        let prompt = with_commas(&ids[..lengths[row] as usize]);
        for [first, second] in [[&one, &two], [&two, &one]] {
            let flags = ["--model", &model, "--output", &output, "--adapter", first];
            let flags = [&flags[..], &["--adapter", second, "--prompt-ids", &prompt]].concat();
            succeed("logits", &flags);
            let (_, found) = floats(&output, "logits");
            let expected = &expected[row * 131..(row + 1) * 131];
            let difference = largest_difference(&found[found.len() - 131..], expected);
            assert!(
                difference < 1e-4,
                "row {row}, {first} first: {difference:e}"
            );
        }
    }
}

#[test]
fn refused_prompts_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = text(folder.path().join("logits.safetensors"));
    let model = gguf();
    let ask = |ids: &str| {
        refused(
            "logits",
            &["--model", &model, "--prompt-ids", ids, "--output", &output],
        )
    };
    let message = ask("5,320,7");
    assert_contains(&message, &["token id 320", "ends at 319"]);
    let long = with_commas(&[7; 129]);
    assert_contains(&ask(&long), &["129 tokens", "128 positions"]);
    for empty in ["", "1,,2", "1,x"] {
        misused(
            "logits",
            &[
                "--model",
                &model,
                "--prompt-ids",
                empty,
                "--output",
                &output,
            ],
        );
    }
    misused("logits", &["--model", &model, "--output", &output]);
    assert!(common::snapshot(folder.path()).is_empty());

    let nowhere = text(folder.path().join("no/such.safetensors"));
    let message = refused(
        "logits",
        &["--model", &model, "--prompt-ids", "5", "--output", &nowhere],
    );
    assert_contains(&message, &["no/such.safetensors"]);
}
