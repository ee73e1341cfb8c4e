//! A model's text side, opened without its weights, is what `load` reads.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use std::fs;
use std::path::Path;

use anneal_llama::{PretrainedTokenizer, load};
use anneal_testkit::{device, fixture_path};
use tempfile::TempDir;

const TEXT: &str = "<|im_start|>user\nSELECT  name, 1024 naïve 🦀<|im_end|>\n";

/// A folder with some of the fixture's files.
fn folder(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        fs::copy(fixture_path("gguf/hf").join(name), folder.path().join(name)).unwrap();
    }
    folder
}

fn open(folder: &TempDir) -> PretrainedTokenizer {
    PretrainedTokenizer::open(folder.path()).unwrap()
}

fn refused(path: &Path) -> String {
    let message = PretrainedTokenizer::open(path).unwrap_err().to_string();
    let shown = path.display().to_string();
    message.strip_prefix(&shown).unwrap().to_owned()
}

#[test]
fn it_is_what_loading_the_model_gives() {
    for name in ["gguf/tiny-llama-q4_1.gguf", "gguf/hf"] {
        let path = fixture_path(name);
        let (text, loaded) = (
            PretrainedTokenizer::open(&path).unwrap(),
            load(&path, &device()).unwrap(),
        );
        assert_eq!(text.chat_template, loaded.chat_template, "{name}");
        assert_eq!(text.special_tokens, loaded.special_tokens, "{name}");
        assert_eq!(text.end_ids, loaded.end_ids, "{name}");
        let ids = text.tokenizer.encode(TEXT, true).unwrap();
        let expected = loaded.tokenizer.unwrap().encode(TEXT, true).unwrap();
        assert_eq!(ids, expected, "{name}");
    }
}

#[test]
fn every_named_token_is_there() {
    let named = |name: &str| {
        let text = PretrainedTokenizer::open(&fixture_path(name)).unwrap();
        let tokens = text.special_tokens.iter();
        tokens
            .map(|(name, text)| format!("{name} {text}"))
            .collect::<Vec<_>>()
    };
    let expected = [
        "bos_token <|im_start|>",
        "eos_token <|im_end|>",
        "pad_token <|im_end|>",
        "unk_token <|endoftext|>",
    ];
    assert_eq!(named("gguf/hf"), expected);
    assert_eq!(named("gguf/tiny-llama-q4_1.gguf"), expected);
}

#[test]
fn the_tokenizer_s_files_are_enough() {
    let bare = folder(&["tokenizer.json", "tokenizer_config.json"]);
    let text = open(&bare);
    let whole = PretrainedTokenizer::open(&fixture_path("gguf/hf")).unwrap();
    assert_eq!(
        text.tokenizer.encode(TEXT, false).unwrap(),
        whole.tokenizer.encode(TEXT, false).unwrap()
    );
    assert_eq!(text.chat_template, whole.chat_template);
    // Nothing says what ends a generation, so the end token does.
    assert_eq!(text.end_ids, [2]);

    let without_names = folder(&["tokenizer.json"]);
    let text = open(&without_names);
    assert_eq!((text.chat_template, text.end_ids), (None, vec![]));
    assert_eq!(text.special_tokens.iter().count(), 0);

    // Another architecture's settings are no obstacle: only its end is read.
    fs::write(
        bare.path().join("config.json"),
        r#"{"model_type": "qwen2", "eos_token_id": [5, 2]}"#,
    )
    .unwrap();
    assert_eq!(open(&bare).end_ids, [5, 2]);
}

#[test]
fn an_old_folder_s_map_of_special_tokens_has_the_last_word() {
    let folder = folder(&["tokenizer.json"]);
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "tokenizer_config.json",
        r#"{"bos_token": "<|im_start|>", "eos_token": "<|im_start|>"}"#,
    );
    write(
        "special_tokens_map.json",
        r#"{"eos_token": {"content": "<|im_end|>"}, "additional_special_tokens": ["x"]}"#,
    );
    let text = open(&folder);
    assert_eq!(text.special_tokens.bos(), Some("<|im_start|>"));
    assert_eq!(text.special_tokens.eos(), Some("<|im_end|>"));
    assert_eq!(text.end_ids, [2]);
    // What a newer transformers wrote says it all itself.
    write(
        "tokenizer_config.json",
        r#"{"eos_token": "<|im_start|>", "added_tokens_decoder": {}}"#,
    );
    assert_eq!(open(&folder).special_tokens.eos(), Some("<|im_start|>"));
}

#[test]
fn what_has_no_tokenizer_is_refused() {
    assert_eq!(
        refused(&fixture_path("tiny-llama")),
        ": no tokenizer; expected tokenizer.json or tokenizer.model in the folder"
    );
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model.gguf");
    assert_eq!(
        refused(&path),
        ": no such file or folder; expected a GGUF file or a Hugging Face folder"
    );
    fs::write(&path, "not a model").unwrap();
    assert_eq!(
        refused(&path),
        ": not a model: a file that begins with \"not \"; expected a GGUF file, or a folder with config.json"
    );
}
