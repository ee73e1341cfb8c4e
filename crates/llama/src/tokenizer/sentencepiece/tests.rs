//! Merges from scores, and vocabularies that cannot be used.

use super::super::vocabulary::{Kind, Piece, added_tokens};
use super::*;

fn piece(text: &str, kind: Kind, score: f32) -> Piece {
    let text = text.to_owned();
    Piece { text, kind, score }
}

fn unknown() -> Piece {
    piece("<unk>", Kind::Unknown, 0.0)
}

fn bytes() -> impl Iterator<Item = Piece> {
    (0..=255u8).map(|b| piece(&format!("<0x{b:02X}>"), Kind::Byte, 0.0))
}

fn built(pieces: &[Piece], prefix: PrependScheme) -> Result<tokenizers::Tokenizer, LlamaError> {
    build(Path::new("a.gguf"), pieces, None, prefix)
}

fn refusal(pieces: &[Piece]) -> String {
    built(pieces, PrependScheme::First).unwrap_err().to_string()
}

#[test]
fn the_best_score_merges_first_and_longer_left_parts_win_ties() {
    let scores = [
        ("a", 0.0),
        ("b", 0.0),
        ("c", 0.0),
        ("ab", -3.0),
        ("bc", -2.0),
        ("abc", -1.0),
    ];
    let mut pieces: Vec<_> = scores
        .iter()
        .map(|&(t, s)| piece(t, Kind::Normal, s))
        .collect();
    pieces.push(unknown());
    let merges = merges(&pieces);
    let merges: Vec<_> = merges.iter().map(|(a, b)| format!("{a} {b}")).collect();
    assert_eq!(merges, ["ab c", "a bc", "b c", "a b"]);
}

#[test]
fn text_that_spells_a_control_token_stays_text() {
    // transformers' list would merge "</" and "s>" to the end token, whose score is the best.
    let mut pieces = vec![unknown(), piece("</s>", Kind::Control, 0.0)];
    for (i, text) in ["</", "s>", "<", "/", "s", ">", "▁"]
        .into_iter()
        .enumerate()
    {
        pieces.push(piece(text, Kind::Normal, -(i as f32) - 1.0));
    }
    let mut tokenizer = built(&pieces, PrependScheme::Never).unwrap();
    tokenizer.add_special_tokens(&added_tokens(&pieces, &[]));
    let tokenizer = super::super::Tokenizer::new(tokenizer);
    assert_eq!(tokenizer.encode("</s>", false).unwrap(), [1]);
    assert_eq!(tokenizer.encode_plain("</s>").unwrap(), [2, 3]);
}

#[test]
fn without_byte_tokens_unknown_text_is_one_unknown_token() {
    let pieces = [
        unknown(),
        piece("a", Kind::Normal, -1.0),
        piece("▁", Kind::Normal, -2.0),
    ];
    let tokenizer = built(&pieces, PrependScheme::Never).unwrap();
    let ids = tokenizer.encode("axyza", false).unwrap();
    assert_eq!(ids.get_ids(), [1, 0, 1]);
}

#[test]
fn incomplete_vocabularies_are_refused() {
    let message = refusal(&[piece("a", Kind::Normal, 0.0)]);
    assert!(message.contains("no token is of type 2"), "{message}");

    let but_one = bytes().filter(|p| p.text != "<0x7F>");
    let message = refusal(&but_one.chain([unknown()]).collect::<Vec<_>>());
    assert!(message.contains("\"<0x7F>\" is missing"), "{message}");

    let message = refusal(&[unknown(), piece("<0xZZ>", Kind::Byte, 0.0)]);
    assert!(
        message.contains("token 1 is a byte but is spelt \"<0xZZ>\""),
        "{message}"
    );

    let message = refusal(&[unknown(), piece(&"a".repeat(1025), Kind::Normal, 0.0)]);
    assert!(message.contains("token 1 has 1025 characters"), "{message}");
}

#[test]
fn a_vocabulary_of_llamas_size_is_built_well_within_a_second() {
    // All words of one to four of thirteen letters: 30,940 tokens, and every
    // cut of each makes a merge, half as many again as Llama 2 has.
    let mut words = vec![String::new()];
    let mut pieces = Vec::new();
    for _ in 0..4 {
        let longer = words
            .iter()
            .flat_map(|word| ('a'..='m').map(move |c| format!("{word}{c}")));
        words = longer.collect();
        pieces.extend(words.iter().map(|word| piece(word, Kind::Normal, -1.0)));
    }
    assert_eq!(pieces.len(), 30_940);
    let start = std::time::Instant::now();
    let merges = merges(&pieces);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(merges.len(), 169 + 2 * 2197 + 3 * 28_561);
    assert!(seconds < 1.0, "{seconds} s");
}
