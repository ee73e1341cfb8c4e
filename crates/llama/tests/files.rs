//! GGUF and safetensors files, whole and damaged, and the tokenizer in them.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use std::path::Path;

use anneal_llama::{LlamaError, Tokenizer, load};
use anneal_testkit::{Fixture, LOGIT_TOLERANCE, device, fixture_path, max_difference, unpadded};
use serde_json::Value;

#[test]
fn every_format_gives_the_logits_of_its_own_weights() {
    let fixture = Fixture::open("gguf/goldens.safetensors");
    let (_, lengths) = fixture.ints("lengths");
    for (file, goldens) in [
        ("hf", "logits_f32"),
        ("tiny-llama-f32.gguf", "logits_f32"),
        ("tiny-llama-q8_0.gguf", "logits_q8_0"),
        ("tiny-llama-q4_1.gguf", "logits_q4_1"),
    ] {
        let loaded = load(&fixture_path("gguf").join(file), &device()).unwrap();
        let ids = fixture.int::<2>("input_ids", &device());
        let logits = unpadded(&loaded.model.forward(ids, &loaded.config), &lengths);
        let expected = unpadded(&fixture.float::<3>(goldens, &device()), &lengths);
        let difference = max_difference(logits, expected);
        assert!(
            difference < LOGIT_TOLERANCE,
            "{file}: logits differ by {difference:e}"
        );
    }
}

fn goldens() -> Value {
    let path = fixture_path("gguf/tokenizer_goldens.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

fn tokenizers() -> [Tokenizer; 2] {
    ["tiny-llama-q4_1.gguf", "hf"].map(|name| {
        load(&fixture_path("gguf").join(name), &device())
            .unwrap()
            .tokenizer
            .unwrap()
    })
}

#[test]
fn text_becomes_the_ids_of_the_reference_and_back() {
    let goldens = goldens();
    for tokenizer in tokenizers() {
        for case in goldens["encode"].as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            assert_eq!(
                tokenizer.encode(text, false).unwrap(),
                ids(&case["ids"]),
                "{text:?}"
            );
        }
        for case in goldens["decode"].as_array().unwrap() {
            let ids = ids(&case["ids"]);
            assert_eq!(tokenizer.decode(&ids, true).unwrap(), case["text"]);
            assert_eq!(
                tokenizer.decode(&ids, false).unwrap(),
                case["text_without_special"]
            );
        }
    }
}

#[test]
fn a_folder_and_a_gguf_agree_on_template_and_end() {
    let [gguf, folder] = ["tiny-llama-f32.gguf", "hf"]
        .map(|name| load(&fixture_path("gguf").join(name), &device()).unwrap());
    assert!(
        gguf.chat_template
            .as_deref()
            .is_some_and(|t| t.contains("<|im_start|>"))
    );
    assert_eq!(gguf.chat_template, folder.chat_template);
    assert_eq!(gguf.special_tokens.eos(), Some("<|im_end|>"));
    assert_eq!(gguf.special_tokens, folder.special_tokens);
    assert_eq!((gguf.end_ids, folder.end_ids), (vec![2], vec![2]));
    assert_eq!(gguf.config.rope, folder.config.rope);
    assert_eq!(gguf.config.vocab_size, 320);
}

#[test]
fn a_gguf_without_vocabulary_is_a_model_of_token_ids() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bare.gguf");
    let mut bytes = std::fs::read(fixture_path("gguf/tiny-llama-f32.gguf")).unwrap();
    let mut rename = |key: &str| {
        let from = format!("tokenizer.ggml.{key}");
        let mut places = bytes.windows(from.len());
        let at = places.position(|b| b == from.as_bytes()).unwrap();
        bytes[at..at + 9].copy_from_slice(b"elsewhere");
        std::fs::write(&path, &bytes).unwrap();
        load(&path, &device())
    };
    // Without part of the tokenizer it is a damaged one.
    let message = rename("model").unwrap_err().to_string();
    assert!(
        message.contains("tokenizer.ggml.model is missing"),
        "{message}"
    );
    let bare = rename("tokens").unwrap();
    assert!(bare.tokenizer.is_none());
    assert_eq!((bare.end_ids, bare.special_tokens.eos()), (vec![2], None));
    assert_eq!(bare.config.vocab_size, 320);
}

/// The message of loading a file with the given bytes.
fn refusal(name: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let error = load(&path, &device()).unwrap_err().to_string();
    assert!(error.contains(name), "no file name in: {error}");
    error
}

#[test]
fn a_gguf_cut_off_anywhere_is_an_error_and_never_a_panic() {
    let whole = std::fs::read(fixture_path("gguf/tiny-llama-q4_1.gguf")).unwrap();
    for length in (0..whole.len())
        .step_by(whole.len() / 97)
        .chain([3, 4, 8, 24, whole.len() - 1])
    {
        refusal("cut.gguf", &whole[..length]);
    }
    let message = refusal("cut.gguf", &whole[..whole.len() - 1]);
    assert!(message.contains("the file is cut off"), "{message}");
    let message = refusal("cut.gguf", &whole[..100]);
    assert!(message.contains("damaged GGUF at byte"), "{message}");
}

#[test]
fn other_files_are_not_mistaken_for_models() {
    let expected = "; expected a GGUF file, or a folder with config.json";
    for (name, bytes, found) in [
        (
            "notes.txt",
            &b"hello"[..],
            "a file that begins with \"hell\"",
        ),
        ("empty.gguf", b"", "an empty file"),
    ] {
        let message = refusal(name, bytes);
        let rest = format!("{name}: not a model: {found}{expected}");
        assert!(message.ends_with(&rest), "{message}");
    }
    let folder = tempfile::tempdir().unwrap();
    let message = load(folder.path(), &device()).unwrap_err().to_string();
    let rest = format!(": not a model: a folder without config.json{expected}");
    assert!(message.ends_with(&rest), "{message}");
    assert!(
        refusal("v1.gguf", b"GGUF\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").contains("version 1")
    );
    let missing = load(Path::new("no/such.gguf"), &device()).unwrap_err();
    assert!(matches!(missing, LlamaError::NoModel { .. }));
}

#[test]
fn an_unknown_tensor_type_is_named() {
    let mut bytes = std::fs::read(fixture_path("gguf/tiny-llama-q8_0.gguf")).unwrap();
    // The table row: name, rank 2, two sizes, then the type.
    let name = b"blk.1.ffn_up.weight";
    let at = bytes.windows(name.len()).position(|w| w == name).unwrap() + name.len() + 4 + 16;
    assert_eq!(bytes[at], 8);
    // A type that ggml has and no Llama is read from.
    bytes[at] = 20;
    let message = refusal("k.gguf", &bytes);
    assert!(
        message.contains("mlp.up_proj") || message.contains("blk.1.ffn_up.weight"),
        "{message}"
    );
    assert!(
        message.contains("IQ4_NL") && message.contains("Q8_0"),
        "{message}"
    );
}

/// A copy of the sharded model, for damaging.
fn copy_of_untied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture_path("tiny-llama-untied")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in {}", path.display());
    std::fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn weights_that_do_not_fit_are_reported_all_at_once() {
    let folder = copy_of_untied();
    edit(
        &folder.path().join("config.json"),
        "\"intermediate_size\": 56",
        "\"intermediate_size\": 60",
    );
    edit(
        &folder.path().join("config.json"),
        "\"num_hidden_layers\": 2",
        "\"num_hidden_layers\": 3",
    );
    let message = load(folder.path(), &device()).unwrap_err().to_string();
    for part in [
        "shape: model.layers.0.mlp.up_proj.weight is [56, 48], expected [60, 48]",
        "shape: model.layers.1.mlp.down_proj.weight is [48, 56], expected [48, 60]",
        "missing: model.layers.2.self_attn.q_proj.weight [48, 48]",
    ] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
    let folder = copy_of_untied();
    edit(
        &folder.path().join("config.json"),
        "\"num_hidden_layers\": 2",
        "\"num_hidden_layers\": 1",
    );
    let message = load(folder.path(), &device()).unwrap_err().to_string();
    assert!(
        message.contains("unexpected: model.layers.1.input_layernorm.weight [48]"),
        "{message}"
    );
}

#[test]
fn damaged_folders_name_the_file() {
    let message = |damage: fn(&Path)| {
        let folder = copy_of_untied();
        damage(folder.path());
        load(folder.path(), &device()).unwrap_err().to_string()
    };
    let cut = message(|folder| {
        let shard = folder.join("model-00002-of-00002.safetensors");
        let bytes = std::fs::read(&shard).unwrap();
        std::fs::write(&shard, &bytes[..bytes.len() / 2]).unwrap();
    });
    assert!(cut.contains("model-00002-of-00002.safetensors"), "{cut}");
    let gone = message(|folder| {
        std::fs::remove_file(folder.join("model-00001-of-00002.safetensors")).unwrap()
    });
    assert!(gone.contains("model-00001-of-00002.safetensors"), "{gone}");
    let json =
        message(|folder| std::fs::write(folder.join("config.json"), "{\"hidden_size\": ").unwrap());
    assert!(
        json.contains("config.json") && json.contains("line 1"),
        "{json}"
    );
    let field = message(|folder| edit(&folder.join("config.json"), "\"vocab_size\"", "\"size\""));
    assert!(field.contains("missing field `vocab_size`"), "{field}");
    let outside = message(|folder| {
        let index = folder.join("model.safetensors.index.json");
        edit(
            &index,
            "model-00001-of-00002.safetensors",
            "../secret.safetensors",
        );
    });
    assert!(
        outside.contains("a file name within the folder"),
        "{outside}"
    );
}
