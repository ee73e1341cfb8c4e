//! Tokenizers that cannot be used: each error names the file and the place.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use std::path::Path;

use anneal_llama::Tokenizer;
use anneal_testkit::fixture_path;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A metadata value, as a GGUF stores it.
#[derive(Clone)]
enum Meta {
    Text(&'static str),
    Texts(Vec<&'static str>),
    Ints(Vec<i32>),
    Floats(Vec<f32>),
    Int(u32),
    Bool(bool),
}

type Metadata = Vec<(&'static str, Meta)>;

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn list(bytes: &mut Vec<u8>, kind: u32, count: usize) {
    bytes.extend(9u32.to_le_bytes());
    bytes.extend(kind.to_le_bytes());
    bytes.extend((count as u64).to_le_bytes());
}

/// A GGUF of metadata alone.
fn gguf(metadata: &Metadata) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3u32.to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        text(&mut bytes, &format!("tokenizer.ggml.{key}"));
        match value {
            Meta::Int(value) => {
                bytes.extend(4u32.to_le_bytes());
                bytes.extend(value.to_le_bytes());
            }
            Meta::Bool(value) => {
                bytes.extend(7u32.to_le_bytes());
                bytes.push(u8::from(*value));
            }
            Meta::Text(value) => {
                bytes.extend(8u32.to_le_bytes());
                text(&mut bytes, value);
            }
            Meta::Ints(values) => {
                list(&mut bytes, 5, values.len());
                bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            }
            Meta::Floats(values) => {
                list(&mut bytes, 6, values.len());
                bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            }
            Meta::Texts(values) => {
                list(&mut bytes, 8, values.len());
                values.iter().for_each(|value| text(&mut bytes, value));
            }
        }
    }
    bytes
}

/// Bytes as a file of that name, opened.
fn open(name: &str, bytes: &[u8]) -> Result<Tokenizer, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let opened = if name.ends_with(".gguf") {
        Tokenizer::from_gguf(&path)
    } else {
        Tokenizer::from_folder(folder.path()).map(Option::unwrap)
    };
    opened.map_err(|error| {
        let message = error.to_string();
        assert!(message.contains(name), "no file name in: {message}");
        message
    })
}

fn by_scores() -> Metadata {
    vec![
        ("model", Meta::Text("llama")),
        (
            "tokens",
            Meta::Texts(vec!["<unk>", "<s>", "</s>", "a", "▁", "▁a"]),
        ),
        (
            "scores",
            Meta::Floats(vec![0.0, 0.0, 0.0, -2.0, -3.0, -1.0]),
        ),
        ("token_type", Meta::Ints(vec![2, 3, 3, 1, 1, 1])),
        ("bos_token_id", Meta::Int(1)),
        ("eos_token_id", Meta::Int(2)),
    ]
}

fn byte_level() -> Metadata {
    vec![
        ("model", Meta::Text("gpt2")),
        ("pre", Meta::Text("llama-bpe")),
        ("tokens", Meta::Texts(vec!["a", "b", "ab", "<e>"])),
        ("token_type", Meta::Ints(vec![1, 1, 1, 3])),
        ("merges", Meta::Texts(vec!["a b"])),
        ("bos_token_id", Meta::Int(3)),
    ]
}

fn with(mut metadata: Metadata, key: &'static str, value: Meta) -> Metadata {
    metadata.retain(|(name, _)| *name != key);
    metadata.push((key, value));
    metadata
}

fn without(mut metadata: Metadata, key: &str) -> Metadata {
    metadata.retain(|(name, _)| *name != key);
    metadata
}

#[test]
fn metadata_that_cannot_be_used_is_named() {
    use Meta::{Bool, Floats, Int, Ints, Text, Texts};
    let cases = [
        (
            without(by_scores(), "model"),
            "tokenizer.ggml.model is missing; expected \"gpt2\"",
        ),
        (
            with(by_scores(), "model", Text("bert")),
            "tokenizer.ggml.model is \"bert\"; expected",
        ),
        (
            without(by_scores(), "scores"),
            "tokenizer.ggml.scores is missing; expected a list of one",
        ),
        (
            with(by_scores(), "scores", Floats(vec![0.0; 5])),
            "tokenizer.ggml.scores is a list of 5; expected one score for each of the 6 tokens",
        ),
        (
            with(
                by_scores(),
                "scores",
                Floats(vec![0.0, 0.0, 0.0, f32::NAN, 0.0, 0.0]),
            ),
            "tokenizer.ggml.scores[3] is NaN; expected a finite number",
        ),
        (
            with(by_scores(), "token_type", Ints(vec![1; 7])),
            "tokenizer.ggml.token_type is a list of 7; expected one type for each of the 6 tokens",
        ),
        (
            with(by_scores(), "token_type", Ints(vec![2, 3, 3, 1, 9, 1])),
            "tokenizer.ggml.token_type[4] is 9; expected a token type from 1 to 6",
        ),
        (
            with(by_scores(), "token_type", Ints(vec![1, 3, 3, 1, 1, 1])),
            "no token is of type 2 (unknown) and none of type 6",
        ),
        (
            with(by_scores(), "token_type", Ints(vec![2, 3, 3, 6, 1, 1])),
            "token 3 is a byte but is spelt \"a\"",
        ),
        (
            with(
                by_scores(),
                "tokens",
                Texts(vec!["<unk>", "<s>", "</s>", "a", "▁", "a"]),
            ),
            "tokenizer.ggml.tokens[5] is \"a\", which is also token 3",
        ),
        (
            with(by_scores(), "tokens", Ints(vec![1; 6])),
            "tokenizer.ggml.tokens[0] is 1; expected a text",
        ),
        (
            with(by_scores(), "bos_token_id", Int(6)),
            "tokenizer.ggml.bos_token_id is 6; expected an id below 6",
        ),
        (
            with(by_scores(), "add_bos_token", Int(1)),
            "tokenizer.ggml.add_bos_token is 1; expected true or false",
        ),
        (
            with(
                without(by_scores(), "eos_token_id"),
                "add_eos_token",
                Bool(true),
            ),
            "tokenizer.ggml.add_eos_token is true; expected false, or tokenizer.ggml.eos_token_id",
        ),
        (
            without(byte_level(), "pre"),
            "tokenizer.ggml.pre is missing; expected \"llama-bpe\"",
        ),
        (
            with(byte_level(), "pre", Text("default")),
            "tokenizer.ggml.pre is \"default\"; expected \"llama-bpe\", \"llama3\"",
        ),
        (
            without(byte_level(), "merges"),
            "tokenizer.ggml.merges is missing",
        ),
        (
            with(byte_level(), "merges", Texts(vec!["a b", "ab"])),
            "tokenizer.ggml.merges[1] is \"ab\"; expected two tokens with a space between",
        ),
        (
            with(byte_level(), "merges", Texts(vec!["a c"])),
            "tokenizer.ggml.merges[0] is \"a c\"; expected tokens of the vocabulary; \"c\" is none",
        ),
        (
            with(byte_level(), "merges", Texts(vec!["b a"])),
            "expected tokens of the vocabulary; \"ba\" is none",
        ),
    ];
    for (metadata, expected) in cases {
        let message = open("damaged.gguf", &gguf(&metadata)).unwrap_err();
        assert!(message.contains(expected), "no {expected:?} in: {message}");
    }
}

#[test]
fn begin_and_end_tokens_follow_the_flags_or_the_kind() {
    let ids = |metadata: Metadata, text: &str| {
        let tokenizer = open("good.gguf", &gguf(&metadata)).unwrap();
        tokenizer.encode(text, true).unwrap()
    };
    let flag = |metadata, key, value| with(metadata, key, Meta::Bool(value));
    // SentencePiece and Llama 3 begin texts unless told otherwise; others do not.
    assert_eq!(ids(by_scores(), "a"), [1, 5]);
    assert_eq!(ids(flag(by_scores(), "add_bos_token", false), "a"), [5]);
    assert_eq!(
        ids(flag(by_scores(), "add_eos_token", true), "a"),
        [1, 5, 2]
    );
    assert_eq!(
        ids(flag(by_scores(), "add_space_prefix", false), "a"),
        [1, 3]
    );
    assert_eq!(ids(without(by_scores(), "bos_token_id"), "a"), [5]);
    assert_eq!(ids(byte_level(), "ab"), [3, 2]);
    let smollm = with(byte_level(), "pre", Meta::Text("smollm"));
    assert_eq!(ids(smollm.clone(), "ab"), [2]);
    assert_eq!(ids(flag(smollm, "add_bos_token", true), "ab"), [3, 2]);
}

#[test]
fn a_named_token_is_special_and_a_user_defined_one_is_shown() {
    let metadata = with(
        by_scores(),
        "token_type",
        Meta::Ints(vec![2, 1, 3, 4, 1, 1]),
    );
    let tokenizer = open("good.gguf", &gguf(&metadata)).unwrap();
    let ids = tokenizer.encode("<s>▁a</s>", false).unwrap();
    assert_eq!(ids, [1, 4, 3, 2]);
    assert_eq!(tokenizer.decode(&ids, true).unwrap(), "<s> a</s>");
    assert_eq!(tokenizer.decode(&ids, false).unwrap(), "a");
}

fn model_file() -> Vec<u8> {
    let path = fixture_path("tokenizers/sentencepiece/model-only/tokenizer.model");
    std::fs::read(path).unwrap()
}

fn model_error(bytes: &[u8]) -> String {
    open("tokenizer.model", bytes).unwrap_err()
}

#[test]
fn a_sentencepiece_file_that_cannot_be_used_says_why() {
    let whole = model_file();
    assert_eq!(open("tokenizer.model", &whole).unwrap().size(), 480);
    let message = model_error(&whole[..1990]);
    assert!(message.contains("the file is cut off"), "{message}");
    for cut in [&whole[..2000], b""] {
        // Between two tokens, where nothing but the settings is missing.
        let message = model_error(cut);
        assert!(message.contains("no model type is given"), "{message}");
    }
    // A later field of the same number wins: trainer_spec { model_type: 1 }.
    let unigram = [&whole, &[0x12, 2, 0x18, 1][..]].concat();
    assert!(model_error(&unigram).contains("of type 1; expected 2 (BPE)"));
    // normalizer_spec { precompiled_charsmap: "x" }.
    let map = [&whole, &[0x1A, 3, 0x12, 1, b'x'][..]].concat();
    assert!(model_error(&map).contains("rewrites characters"));
    // pieces { piece: "<s>" }, then one { type: 7 } and one of a wrong field type.
    let twice = [&whole, &[0x0A, 5, 0x0A, 3, b'<', b's', b'>'][..]].concat();
    assert!(model_error(&twice).contains("token 480 is \"<s>\", which is also token 1"));
    let kind = [&whole, &[0x0A, 2, 0x18, 7][..]].concat();
    assert!(model_error(&kind).contains("token 480: type 7; expected 1 to 6"));
    let wrong = [&whole, &[0x0B][..]].concat();
    let place = format!("byte {}: a field of type 3", whole.len() + 1);
    assert!(model_error(&wrong).contains(&place));
}

/// Whatever the bytes, there is a tokenizer or an error that names the file.
#[test]
fn mutated_files_never_panic() {
    let read = |name: &str| std::fs::read(fixture_path("tokenizers").join(name)).unwrap();
    let files = [
        ("tokenizer.model", model_file(), 3000),
        ("t.gguf", read("sentencepiece/tokenizer.gguf"), 1500),
        ("t.gguf", read("llama3/tokenizer.gguf"), 1500),
    ];
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut refused = 0;
    for (name, whole, rounds) in files {
        for _ in 0..rounds {
            let mut bytes = whole.clone();
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..bytes.len());
                bytes[at] = random.random();
            }
            if random.random_bool(0.2) {
                bytes.truncate(random.random_range(0..bytes.len()));
            }
            match open(name, &bytes) {
                Ok(tokenizer) => drop(tokenizer.encode("a <s> b", true)),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn a_folder_without_a_tokenizer_has_none() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Tokenizer::from_folder(folder.path()).unwrap().is_none());
    let config = folder.path().join("tokenizer_config.json");
    std::fs::write(config, "{\"legacy\": 3}").unwrap();
    let message = Tokenizer::from_folder(folder.path())
        .unwrap_err()
        .to_string();
    assert!(message.contains("tokenizer_config.json"), "{message}");
    let missing = Tokenizer::from_file(Path::new("no/tokenizer.json")).unwrap_err();
    assert!(missing.to_string().contains("no/tokenizer.json"));
}
