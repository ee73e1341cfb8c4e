//! SentencePiece's BPE by scores, on the `tokenizers` crate's BPE by merges.
//!
//! SentencePiece joins the neighbours whose joint token has the highest score.
//! That is a list of merges: every way to cut a token into two tokens, best
//! score first. Ties go as in transformers' `generate_merges`: the longer left
//! part, then the longer right part, then the smaller id.
//!
//! Where llama.cpp and transformers 5 differ, transformers is followed, as its
//! `LlamaTokenizer` with `legacy=False` does it: a text gets a space before it
//! unless it begins with one, and text after a special token gets none.
//! llama.cpp and SentencePiece always write the space; llama.cpp and old
//! `tokenizer.json` files write it after special tokens too.

use std::collections::HashMap;

use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::Replace;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::{DecoderWrapper, Error, NormalizerWrapper};

use super::vocabulary::{Kind, Piece};

/// How SentencePiece writes a space.
const SPACE: char = '▁';
/// Cutting a token into two takes the square of its length, and a file may
/// claim any: real tokens have at most some dozen characters.
const LONGEST: usize = 1024;

/// The tokenizer of a vocabulary, without its added tokens; or what is wrong.
pub(super) fn build(
    pieces: &[Piece],
    unknown: Option<u32>,
    prefix: PrependScheme,
) -> Result<tokenizers::Tokenizer, String> {
    let byte_fallback = has_bytes(pieces)?;
    let unknown = unknown.map(|id| id as usize).or_else(|| {
        let mut kinds = pieces.iter().map(|piece| piece.kind);
        kinds.position(|kind| kind == Kind::Unknown)
    });
    if unknown.is_none() && !byte_fallback {
        return Err(
            "no token is of type 2 (unknown) and none of type 6 (byte): text outside the \
             vocabulary could not be written; expected one or the other"
                .into(),
        );
    }
    let long = pieces.iter().position(|p| p.text.chars().count() > LONGEST);
    if let Some(id) = long {
        let length = pieces[id].text.chars().count();
        return Err(format!(
            "token {id} has {length} characters; at most {LONGEST} are expected"
        ));
    }
    let vocabulary: Vocab = pieces
        .iter()
        .enumerate()
        .map(|(id, piece)| (piece.text.clone(), id as u32))
        .collect();
    let mut builder = BPE::builder()
        .vocab_and_merges(vocabulary, merges(pieces))
        .fuse_unk(true)
        .byte_fallback(byte_fallback);
    if let Some(piece) = unknown.and_then(|id| pieces.get(id)) {
        builder = builder.unk_token(piece.text.clone());
    }
    let model = builder.build().map_err(|e| e.to_string())?;
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    set_spaces(&mut tokenizer, prefix).map_err(|e| e.to_string())?;
    Ok(tokenizer)
}

/// Writes spaces as ▁ on the way in and back on the way out.
pub(super) fn set_spaces(
    tokenizer: &mut tokenizers::Tokenizer,
    prefix: PrependScheme,
) -> Result<(), Error> {
    let mut steps: Vec<DecoderWrapper> = vec![
        Replace::new(SPACE.to_string(), " ")?.into(),
        ByteFallback::new().into(),
        Fuse::new().into(),
    ];
    if prefix != PrependScheme::Never {
        steps.push(Strip::new(' ', 1, 0).into());
    }
    tokenizer.with_normalizer(None::<NormalizerWrapper>);
    tokenizer.with_pre_tokenizer(Some(Metaspace::new(SPACE, prefix, false)));
    tokenizer.with_decoder(Some(Sequence::new(steps)));
    Ok(())
}

/// Whether there is a token for every byte; some but not all is an error.
fn has_bytes(pieces: &[Piece]) -> Result<bool, String> {
    let mut found = [false; 256];
    for (id, piece) in pieces.iter().enumerate() {
        if piece.kind == Kind::Byte {
            let byte = (0..=255u8).find(|b| piece.text == format!("<0x{b:02X}>"));
            let byte = byte.ok_or_else(|| {
                let text = &piece.text;
                format!(
                    "token {id} is a byte but is spelt {text:?}; expected \"<0x00>\" to \"<0xFF>\""
                )
            })?;
            found[usize::from(byte)] = true;
        }
    }
    match found.iter().position(|&found| !found) {
        None => Ok(true),
        Some(0) if found.iter().all(|&found| !found) => Ok(false),
        Some(missing) => Err(format!(
            "the token of type 6 (byte) \"<0x{missing:02X}>\" is missing; expected all 256 or none"
        )),
    }
}

/// Every way to make a token of two. Control tokens, bytes and the like are
/// never made of others, so text that spells them stays text.
fn merges(pieces: &[Piece]) -> Merges {
    let of_text = |piece: &Piece| matches!(piece.kind, Kind::Normal | Kind::Unused);
    let ids: HashMap<&str, usize> = pieces
        .iter()
        .enumerate()
        .filter(|(_, piece)| of_text(piece))
        .map(|(id, piece)| (piece.text.as_str(), id))
        .collect();
    let mut found = Vec::new();
    for (&text, &id) in &ids {
        let length = text.chars().count();
        for (chars, (at, _)) in text.char_indices().enumerate().skip(1) {
            let (left, right) = text.split_at(at);
            if let (Some(&left), Some(&right)) = (ids.get(left), ids.get(right)) {
                found.push((id, left, right, chars, length - chars));
            }
        }
    }
    found.sort_unstable_by(|a, b| {
        let score = |id: usize| pieces[id].score;
        let best = score(b.0).total_cmp(&score(a.0));
        let longest = (b.3, b.4).cmp(&(a.3, a.4));
        best.then(longest)
            .then((a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)))
    });
    let text = |id: usize| pieces[id].text.clone();
    found
        .into_iter()
        .map(|(_, left, right, ..)| (text(left), text(right)))
        .collect()
}

#[cfg(test)]
mod tests;
