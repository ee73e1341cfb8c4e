//! Text token by token is the text of all tokens, whatever the tokens are.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_llama::{LlamaError, TextStream, Tokenizer};
use anneal_testkit::fixture_path;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

fn tokenizers() -> Vec<(&'static str, Tokenizer)> {
    let file = |name| Tokenizer::from_file(&fixture_path(name)).unwrap();
    let gguf = |name| Tokenizer::from_gguf(&fixture_path(name)).unwrap();
    vec![
        ("smollm", file("gguf/hf/tokenizer.json")),
        ("llama3", gguf("tokenizers/llama3/tokenizer.gguf")),
        (
            "sentencepiece",
            gguf("tokenizers/sentencepiece/tokenizer.gguf"),
        ),
        ("legacy", file("tokenizers/sentencepiece/hf/tokenizer.json")),
    ]
}

fn texts() -> Vec<String> {
    let files = ["sentencepiece", "llama3"]
        .map(|kind| fixture_path("tokenizers").join(kind).join("goldens.json"));
    let mut texts = Vec::new();
    for file in files {
        let goldens: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        for case in goldens["encode"].as_array().unwrap() {
            texts.push(case["text"].as_str().unwrap().to_owned());
        }
    }
    texts
}

/// The pieces of a stream, what `finish` gave as the last one.
fn pieces(tokenizer: &Tokenizer, ids: &[u32], special: bool) -> Vec<String> {
    let mut stream = TextStream::new(tokenizer, special);
    let mut pieces: Vec<_> = ids.iter().map(|&id| stream.push(id).unwrap()).collect();
    pieces.push(stream.finish().unwrap());
    pieces
}

/// The ids of the tokens for single bytes, which random texts are full of.
fn byte_ids(tokenizer: &Tokenizer) -> Vec<u32> {
    let short = |id: &u32| {
        let token = tokenizer.token(*id).unwrap_or_default();
        token.chars().count() == 1 || token.starts_with("<0x")
    };
    (0..tokenizer.size() as u32).filter(short).collect()
}

#[test]
fn pieces_of_real_texts_are_the_text() {
    for (name, tokenizer) in tokenizers() {
        for text in texts() {
            let ids = tokenizer.encode(&text, true).unwrap();
            for special in [true, false] {
                let whole = tokenizer.decode(&ids, special).unwrap();
                let pieces = pieces(&tokenizer, &ids, special);
                assert_eq!(pieces.concat(), whole, "{name}: {text:?}");
            }
        }
    }
}

#[test]
fn pieces_of_random_ids_are_their_text_and_no_later_token_changes_them() {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    for (name, tokenizer) in tokenizers() {
        let bytes = byte_ids(&tokenizer);
        let mut draw = |length: usize| -> Vec<u32> {
            let id = |_| match random.random_range(0..3) {
                0 => random.random_range(0..tokenizer.size() as u32),
                _ => bytes[random.random_range(0..bytes.len())],
            };
            (0..length).map(id).collect()
        };
        for round in 0..600 {
            let ids = draw(round % 40);
            let special = round % 2 == 0;
            let pieces = pieces(&tokenizer, &ids, special);
            let whole = tokenizer.decode(&ids, special).unwrap();
            assert_eq!(pieces.concat(), whole, "{name}: {ids:?}");

            let kept = ids.len() / 2;
            let other = [&ids[..kept], &draw(5)].concat();
            let other = tokenizer.decode(&other, special).unwrap();
            let certain = pieces[..kept].concat();
            assert!(other.starts_with(&certain), "{name}: {certain:?} {other:?}");
        }
    }
}

/// Held text ends at the first token that settles it, not at the end.
#[test]
fn text_comes_as_soon_as_it_is_certain() {
    for (name, tokenizer) in tokenizers() {
        let ids = tokenizer.encode("select 🙂 now", false).unwrap();
        let pieces = pieces(&tokenizer, &ids, false);
        assert_eq!(pieces.last().unwrap(), "", "{name}");
        assert!(pieces[..ids.len() - 1].concat().contains('🙂'), "{name}");
        assert!(pieces.iter().all(|piece| !piece.contains('\u{FFFD}')));
    }
    // The four bytes of an emoji, then the token after them.
    let (_, spm) = tokenizers().remove(2);
    let id = |token: &str| spm.id(token).unwrap();
    let emoji = ["<0xF0>", "<0x9F>", "<0x99>", "<0x82>"].map(id);
    let mut ids = vec![id("▁a")];
    ids.extend(emoji);
    ids.push(id("▁a"));
    assert_eq!(pieces(&spm, &ids, true), ["a", "", "", "", "", "🙂 a", ""]);
    // Cut off, or with a byte too many, each byte is a replacement character.
    let cut = pieces(&spm, &ids[..4], true);
    assert_eq!(cut, ["a", "", "", "", "\u{FFFD}\u{FFFD}\u{FFFD}"]);
}

#[test]
fn a_long_text_costs_no_more_per_token() {
    // Were the text decoded anew at each token, this would be 40 billion bytes.
    const TOKENS: usize = 200_000;
    for (name, tokenizer) in tokenizers() {
        let bytes = byte_ids(&tokenizer);
        let ids: Vec<u32> = (0..TOKENS).map(|i| bytes[i % bytes.len()]).collect();
        let pieces = pieces(&tokenizer, &ids, true);
        let whole = tokenizer.decode(&ids, true).unwrap();
        assert!(pieces.concat() == whole, "{name}");
    }
}

#[test]
fn an_id_without_a_token_is_refused() {
    for (name, tokenizer) in tokenizers() {
        let last = tokenizer.size() as u32;
        let error = TextStream::new(&tokenizer, true).push(last).unwrap_err();
        let refused = matches!(error, LlamaError::UnknownTokenId { id, .. } if id == last);
        assert!(refused, "{name}: {error}");
    }
}
