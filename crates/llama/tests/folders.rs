//! Hugging Face folders as people have them: templates in all their places,
//! end tokens, and files that are damaged.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use std::fs;

use anneal_llama::{LoadedModel, load};
use anneal_testkit::{device, fixture_path};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A copy of a small folder, with its `tokenizer_config.json` replaced.
fn folder(settings: &Value) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture_path("gguf/hf")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    write(&folder, "tokenizer_config.json", &settings.to_string());
    folder
}

fn write(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn open(folder: &TempDir) -> LoadedModel {
    load(folder.path(), &device()).unwrap()
}

/// The message, with the folder left out of it.
fn refused(folder: &TempDir) -> String {
    let message = load(folder.path(), &device()).unwrap_err().to_string();
    let prefix = format!("{}/", folder.path().display());
    let rest = message.strip_prefix(&prefix);
    rest.unwrap_or_else(|| panic!("no file named: {message}"))
        .to_owned()
}

#[test]
fn a_template_is_found_wherever_it_is() {
    let template = |folder: &TempDir| open(folder).chat_template;
    let plain = folder(&json!({}));
    assert_eq!(template(&plain), None);
    write(
        &plain,
        "chat_template.json",
        r#"{"chat_template": "processor"}"#,
    );
    assert_eq!(template(&plain).as_deref(), Some("processor"));

    let named = folder(&json!({"chat_template": [
        {"name": "tool_use", "template": "tools"},
        {"name": "default", "template": "listed"},
        {"name": "rag", "template": "documents"},
    ]}));
    write(
        &named,
        "chat_template.json",
        r#"{"chat_template": "processor"}"#,
    );
    assert_eq!(template(&named).as_deref(), Some("listed"));
    write(&named, "additional_chat_templates/tool_use.jinja", "tools");
    assert_eq!(template(&named).as_deref(), Some("listed"));
    write(&named, "chat_template.jinja", "file\n");
    assert_eq!(template(&named).as_deref(), Some("file\n"));
    // As transformers 5.23.0 on the same folder, where the additional files are read last.
    write(
        &named,
        "additional_chat_templates/default.jinja",
        "additional",
    );
    assert_eq!(template(&named).as_deref(), Some("additional"));

    let without = folder(&json!({"chat_template": [{"name": "rag", "template": "x"}]}));
    assert_eq!(template(&without), None);
}

#[test]
fn tokens_are_texts_or_objects_and_end_ids_one_or_several() {
    let token = json!({"__type": "AddedToken", "content": "<|im_start|>", "lstrip": false});
    let folder = folder(&json!({"bos_token": token, "eos_token": null}));
    write(
        &folder,
        "generation_config.json",
        r#"{"eos_token_id": [2, 7]}"#,
    );
    let loaded = open(&folder);
    assert_eq!(loaded.special_tokens.bos(), Some("<|im_start|>"));
    // transformers' Llama tokenizers have defaults, which null takes away.
    let named = |settings: Value| {
        let loaded = open(&self::folder(&settings));
        ["bos_token", "eos_token"].map(|name| loaded.special_tokens.get(name).map(str::to_owned))
    };
    let class = "LlamaTokenizerFast";
    assert_eq!(
        named(json!({"tokenizer_class": class, "eos_token": null})),
        [Some("<s>".to_owned()), None]
    );
    assert_eq!(
        named(json!({"tokenizer_class": class})),
        [Some("<s>".to_owned()), Some("</s>".to_owned())]
    );
    assert_eq!(
        named(json!({"tokenizer_class": "PreTrainedTokenizerFast"})),
        [None, None]
    );
    assert_eq!(loaded.special_tokens.eos(), None);
    assert_eq!(loaded.end_ids, [2, 7]);
    write(&folder, "generation_config.json", r#"{"eos_token_id": 5}"#);
    assert_eq!(open(&folder).end_ids, [5]);
    // transformers 5.23 asks config.json only where there is no such file.
    for silent in ["{}", r#"{"eos_token_id": null}"#] {
        write(&folder, "generation_config.json", silent);
        assert_eq!(open(&folder).end_ids, [0; 0], "{silent}");
    }
    fs::remove_file(folder.path().join("generation_config.json")).unwrap();
    assert_eq!(open(&folder).end_ids, [2]);
    // And where neither names one, nothing ends a text.
    let path = folder.path().join("config.json");
    let mut config: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    config.as_object_mut().unwrap().remove("eos_token_id");
    write(&folder, "config.json", &config.to_string());
    assert_eq!(open(&folder).end_ids, [0; 0]);
}

#[test]
fn settings_of_the_wrong_kind_are_named() {
    let with = |settings: Value| refused(&folder(&settings));
    assert_eq!(
        with(json!({"bos_token": 3})),
        "tokenizer_config.json: bos_token is 3; expected a token's text"
    );
    assert_eq!(
        with(json!({"chat_template": {"default": "x"}})),
        "tokenizer_config.json: chat_template is {\"default\":\"x\"}; expected a text, or a list of named texts"
    );
    assert_eq!(
        with(json!({"chat_template": [{"name": "default", "template": "x"}, {"name": "y"}]})),
        "tokenizer_config.json: chat_template[1] is {\"name\":\"y\"}; expected an object with the texts `name` and `template`"
    );
    let folder = folder(&json!({}));
    write(
        &folder,
        "generation_config.json",
        r#"{"eos_token_id": [2, "three"]}"#,
    );
    assert_eq!(
        refused(&folder),
        "generation_config.json: eos_token_id is [2,\"three\"]; expected a token id, or a list of them"
    );
}

#[test]
fn damaged_files_are_named_with_the_place() {
    for name in [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
        "chat_template.json",
        "model.safetensors.index.json",
    ] {
        let folder = folder(&json!({}));
        if name == "model.safetensors.index.json" {
            // A single file, where there is one, needs no index.
            fs::remove_file(folder.path().join("model.safetensors")).unwrap();
        }
        write(&folder, name, "{\n  \"a\": ,\n}");
        let message = refused(&folder);
        assert!(
            message.starts_with(name) && message.contains("line 2"),
            "{message}"
        );
    }
    for name in [
        "tokenizer_config.json",
        "generation_config.json",
        "chat_template.json",
    ] {
        let folder = folder(&json!({}));
        write(&folder, name, "[1]");
        let expected = format!("{name}: the document is [1]; expected an object");
        assert_eq!(refused(&folder), expected);
    }
    let folder = folder(&json!({}));
    fs::write(folder.path().join("chat_template.jinja"), [0xff, 0xfe]).unwrap();
    let message = refused(&folder);
    assert!(
        message.starts_with("chat_template.jinja") && message.contains("UTF-8"),
        "{message}"
    );
}

#[test]
fn pickled_weights_are_refused_with_what_to_do() {
    for name in ["pytorch_model.bin", "pytorch_model.bin.index.json"] {
        let folder = folder(&json!({}));
        fs::remove_file(folder.path().join("model.safetensors")).unwrap();
        write(&folder, name, "x");
        let message = load(folder.path(), &device()).unwrap_err().to_string();
        let path = folder.path().display();
        assert_eq!(
            message,
            format!(
                "{path}: the weights are in {name}, a pickle, which is not read; convert them: transformers' save_pretrained writes model.safetensors"
            )
        );
        // Beside safetensors they do no harm.
        let weights = fixture_path("gguf/hf").join("model.safetensors");
        fs::copy(weights, folder.path().join("model.safetensors")).unwrap();
        open(&folder);
    }
}
