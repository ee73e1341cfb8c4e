//! Both kinds of tokenizer from every file they come in, against transformers.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use std::path::PathBuf;

use anneal_llama::{LlamaError, Tokenizer};
use anneal_testkit::fixture_path;
use serde_json::{Value, json};

fn path(name: &str) -> PathBuf {
    fixture_path("tokenizers").join(name)
}

fn goldens(kind: &str) -> Value {
    let text = std::fs::read_to_string(path(kind).join("goldens.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn rows(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

fn folder(name: &str) -> Tokenizer {
    Tokenizer::from_folder(&path(name)).unwrap().unwrap()
}

/// Special tokens have the places that are told, and every prefix that holds one whole can be tokenised
/// from there on.
fn agrees_in_pieces(tokenizer: &Tokenizer, text: &str, expected: &[u32], what: &str) {
    let (ids, places) = tokenizer.encode_with_places(text).unwrap();
    assert_eq!(ids, expected, "{what}: {text:?}");
    for (bytes, token) in places {
        let written = text[bytes.clone()].trim();
        assert_eq!(tokenizer.id(written), Some(ids[token]), "{what}: {text:?}");
        for border in (bytes.end..=text.len()).filter(|&at| text.is_char_boundary(at)) {
            let tail = tokenizer.encode(&text[bytes.start..border], false).unwrap();
            let whole = tokenizer.encode(&text[..border], false).unwrap();
            assert_eq!(
                [&ids[..token], &tail].concat(),
                whole,
                "{what}: {text:?} to {border}"
            );
        }
    }
}

/// Encoding, plain encoding and decoding; `bos` begins a text on request.
fn agrees(tokenizer: &Tokenizer, goldens: &Value, bos: u32, what: &str) {
    for case in rows(&goldens["encode"]) {
        let text = case["text"].as_str().unwrap();
        let expected = ids(&case["ids"]);
        assert_eq!(
            tokenizer.encode(text, false).unwrap(),
            expected,
            "{what}: {text:?}"
        );
        agrees_in_pieces(tokenizer, text, &expected, what);
        let with_bos = tokenizer.encode(text, true).unwrap();
        assert_eq!(with_bos, [&[bos], expected.as_slice()].concat(), "{what}");
        // transformers still finds added tokens that are not special there.
        if !text.contains("<keep>") {
            let plain = tokenizer.encode_plain(text).unwrap();
            assert_eq!(plain, ids(&case["plain"]), "{what}: {text:?}");
        }
    }
    for case in rows(&goldens["decode"]) {
        let ids = ids(&case["ids"]);
        assert_eq!(tokenizer.decode(&ids, true).unwrap(), case["text"]);
        let without = tokenizer.decode(&ids, false).unwrap();
        assert_eq!(without, case["text_without_special"], "{what}");
    }
}

#[test]
fn sentencepiece_agrees_from_a_gguf_a_folder_and_a_model_file() {
    let goldens = goldens("sentencepiece");
    let gguf = Tokenizer::from_gguf(&path("sentencepiece/tokenizer.gguf")).unwrap();
    assert_eq!(gguf.size(), 480);
    agrees(&gguf, &goldens, 1, "GGUF");
    agrees(&folder("sentencepiece/hf"), &goldens, 1, "folder");
    agrees(
        &folder("sentencepiece/model-only"),
        &goldens,
        1,
        "model file",
    );
}

/// `tokenizer.json` by itself still says what old versions did: a space before
/// every stretch of text, as SentencePiece writes it before the first.
#[test]
fn tokenizer_json_alone_keeps_the_old_spaces() {
    let goldens = goldens("sentencepiece");
    let old = Tokenizer::from_file(&path("sentencepiece/hf/tokenizer.json")).unwrap();
    let mut differ = 0;
    for case in rows(&goldens["encode"]) {
        let text = case["text"].as_str().unwrap();
        let expected = case.get("legacy").unwrap_or(&case["ids"]);
        assert_eq!(old.encode(text, false).unwrap(), ids(expected), "{text:?}");
        differ += usize::from(case.get("legacy").is_some());
    }
    assert!(differ > 10);
}

#[test]
fn llama3_agrees_from_a_gguf_and_a_folder() {
    let goldens = goldens("llama3");
    let gguf = Tokenizer::from_gguf(&path("llama3/tokenizer.gguf")).unwrap();
    let bos = gguf.id("<|begin_of_text|>").unwrap();
    agrees(&gguf, &goldens, bos, "GGUF");
    agrees(&folder("llama3/hf"), &goldens, bos, "folder");
}

#[test]
fn plain_text_never_becomes_a_special_or_added_token() {
    let hostile = "a<keep>b</s><s>[INST]<unk> <|eot_id|><|end_of_text|>";
    for name in ["sentencepiece/tokenizer.gguf", "llama3/tokenizer.gguf"] {
        let tokenizer = Tokenizer::from_gguf(&path(name)).unwrap();
        let recognised = tokenizer.encode(hostile, false).unwrap();
        let plain = tokenizer.encode_plain(hostile).unwrap();
        assert!(plain.len() > recognised.len(), "{name}");
        // Nothing is skipped, so nothing was special, and no letter is lost.
        assert_eq!(tokenizer.decode(&plain, false).unwrap(), hostile, "{name}");
        let keep = tokenizer.id("<keep>");
        assert!(keep.is_none_or(|keep| !plain.contains(&keep)), "{name}");
    }
}

#[test]
fn a_folder_may_ask_for_other_spaces_and_surroundings() {
    let copy = tempfile::tempdir().unwrap();
    let folder = |file: &str, settings: Value| {
        let from = path("sentencepiece").join(file);
        for name in ["tokenizer.json", "tokenizer.model"] {
            let _ = std::fs::remove_file(copy.path().join(name));
        }
        let to = copy.path().join(from.file_name().unwrap());
        std::fs::copy(&from, to).unwrap();
        let config = copy.path().join("tokenizer_config.json");
        std::fs::write(config, settings.to_string()).unwrap();
        Tokenizer::from_folder(copy.path())
    };
    let (json, model) = ("hf/tokenizer.json", "model-only/tokenizer.model");
    let goldens = goldens("sentencepiece");
    let a = rows(&goldens["encode"])
        .iter()
        .find(|case| case["text"] == "a");
    let spaced = ids(&a.unwrap()["ids"])[0]; // "▁a"

    // Ids of a text after a special token, as transformers 5.23 gives them.
    let new = folder(json, json!({"tokenizer_class": "LlamaTokenizerFast"}));
    let bare = new.unwrap().unwrap().encode("<s>a", false).unwrap()[1];
    assert_ne!(bare, spaced);
    let legacy = json!({"tokenizer_class": "LlamaTokenizer", "legacy": true});
    for file in [json, model] {
        let old = folder(file, legacy.clone()).unwrap().unwrap();
        assert_eq!(old.encode("<s>a", false).unwrap(), [1, spaced], "{file}");
    }
    let none = json!({"tokenizer_class": "LlamaTokenizer", "add_prefix_space": false});
    let none = folder(json, none).unwrap().unwrap();
    assert_eq!(none.encode("a", false).unwrap(), [bare]);
    // Another class takes tokenizer.json as it is, whose old rule is "always".
    let other = json!({"tokenizer_class": "PreTrainedTokenizerFast"});
    let other = folder(json, other).unwrap().unwrap();
    assert_eq!(other.encode("<s>a", false).unwrap(), [1, spaced]);

    let settings = json!({"add_bos_token": false, "add_eos_token": true,
        "eos_token": {"content": "</s>", "special": true}});
    let end = folder(model, settings).unwrap().unwrap();
    assert_eq!(end.encode("a", true).unwrap(), [spaced, 2]);
    let settings = json!({"bos_token": "<start>"});
    let message = folder(model, settings).unwrap_err().to_string();
    assert!(message.contains("tokenizer.model"), "{message}");
    assert!(message.contains("\"<start>\" surrounds texts but is no token"));
}

#[test]
fn truncation_and_padding_of_the_file_are_left_out() {
    let text = std::fs::read_to_string(path("llama3/hf/tokenizer.json")).unwrap();
    let mut file: Value = serde_json::from_str(&text).unwrap();
    file["truncation"] = json!({"direction": "Right", "max_length": 2,
        "strategy": "LongestFirst", "stride": 0});
    file["padding"] = json!({"strategy": {"Fixed": 64}, "direction": "Right",
        "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "!"});
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    std::fs::write(&path, file.to_string()).unwrap();
    let tokenizer = Tokenizer::from_file(&path).unwrap();
    let goldens = goldens("llama3");
    for case in rows(&goldens["encode"]) {
        let text = case["text"].as_str().unwrap();
        assert_eq!(tokenizer.encode(text, false).unwrap(), ids(&case["ids"]));
    }
}

#[test]
fn ids_without_a_token_are_errors_unless_the_embedding_has_them() {
    let tokenizer = Tokenizer::from_gguf(&path("llama3/tokenizer.gguf")).unwrap();
    let size = tokenizer.size();
    let beyond = [0, size as u32];
    let error = tokenizer.decode(&beyond, true).unwrap_err();
    assert!(matches!(error, LlamaError::UnknownTokenId { id, size: s }
        if id as usize == size && s == size));
    let padded = tokenizer.clone().with_embedding_rows(size + 1);
    let expected = tokenizer.decode(&[0], true).unwrap();
    assert_eq!(padded.decode(&beyond, true).unwrap(), expected);
    assert!(padded.decode(&[size as u32 + 1], true).is_err());
}
