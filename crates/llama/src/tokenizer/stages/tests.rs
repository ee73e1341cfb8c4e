//! Every kind of decoder, token by token against all at once.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

#[test]
fn only_a_character_that_may_still_be_completed_is_held() {
    assert_eq!(unfinished("aé".as_bytes()), 0);
    assert_eq!(unfinished(&"aé".as_bytes()[..2]), 1);
    assert_eq!(unfinished(&"😀".as_bytes()[..3]), 3);
    // A lone continuation byte and an impossible start stay what they are.
    assert_eq!(unfinished(&[b'a', 0x80]), 0);
    assert_eq!(unfinished(&[b'a', 0xFF]), 0);
    // E0 80 cannot begin a character (overlong), so 80 is not waited for.
    assert_eq!(unfinished(&[0xE0, 0x80]), 0);
}

const METASPACE: &str =
    r#"{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}"#;
const REPLACE: &str = r#"{"type":"Replace","pattern":{"String":"▁"},"content":" "}"#;
const BYTES: &str = r#"{"type":"ByteFallback"}"#;
const FUSE: &str = r#"{"type":"Fuse"}"#;
const STRIP: &str = r#"{"type":"Strip","content":" ","start":2,"stop":0}"#;
const BYTE_LEVEL: &str =
    r#"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}"#;

fn decoders() -> Vec<DecoderWrapper> {
    let sequence = |steps: &[&str]| {
        let steps = steps.join(",");
        format!(r#"{{"type":"Sequence","decoders":[{steps}]}}"#)
    };
    let all = [
        METASPACE.to_owned(),
        BYTE_LEVEL.to_owned(),
        r#"{"type":"WordPiece","prefix":"lo","cleanup":true}"#.to_owned(),
        sequence(&[REPLACE, BYTES, FUSE, STRIP]),
        sequence(&[REPLACE, BYTES, FUSE]),
        sequence(&[BYTES, METASPACE]),
        sequence(&[STRIP, REPLACE]),
        sequence(&[BYTE_LEVEL, STRIP]),
        // Steps that see one text where others see a list: decoded at the end.
        sequence(&[FUSE, REPLACE, STRIP]),
        sequence(&[BYTES, FUSE, METASPACE]),
        sequence(&[BYTE_LEVEL, BYTES]),
    ];
    all.iter()
        .map(|json| serde_json::from_str(json).unwrap())
        .collect()
}

#[test]
fn a_decoder_gives_the_same_text_token_by_token() {
    const TOKENS: [&str; 16] = [
        "▁", "▁▁", "▁a", "lo", " ", "  b", "<0xE4>", "<0xBD>", "<0xA0>", "<0xFF>", "<0xZZ>", "Ġ",
        "ä", "½ł", "数", "",
    ];
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let decoders = decoders();
    for round in 0..4000 {
        let tokens: Vec<String> = (0..random.random_range(0..12))
            .map(|_| TOKENS[random.random_range(0..TOKENS.len())].to_owned())
            .collect();
        let decoder = decoders.get(round % (decoders.len() + 1));
        let expected = match decoder {
            Some(decoder) => decoder.decode(tokens.clone()).unwrap(),
            None => tokens.join(" "),
        };
        let mut stages = Stage::of(decoder);
        let mut text = String::new();
        for token in &tokens {
            let mut pieces = vec![token.clone()];
            for stage in &mut stages {
                pieces = stage.push(pieces).unwrap();
            }
            text += &pieces.concat();
        }
        let mut pieces = Vec::new();
        for stage in &mut stages {
            pieces = stage.push(pieces).unwrap();
            pieces.extend(stage.finish().unwrap());
        }
        text += &pieces.concat();
        assert_eq!(text, expected, "{decoder:?} on {tokens:?}");
    }
}

#[test]
fn the_decoders_of_llamas_hold_nothing_back_but_bytes() {
    for (i, decoder) in decoders().iter().enumerate() {
        let whole = |stage: &Stage| matches!(stage, Stage::Whole { .. });
        let holds = Stage::of(Some(decoder)).iter().any(whole);
        assert_eq!(holds, [2, 8, 9, 10].contains(&i), "{decoder:?}");
    }
}
