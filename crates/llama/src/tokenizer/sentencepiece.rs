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
use std::path::Path;

use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::Replace;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::{DecoderWrapper, NormalizerWrapper};

use super::vocabulary::{Kind, Piece, fail};
use crate::LlamaError;

/// How SentencePiece writes a space.
const SPACE: char = '▁';
/// Cutting a token into two takes the square of its length, and a file may
/// claim any: real tokens have at most some dozen characters.
const LONGEST: usize = 1024;

/// The tokenizer of a vocabulary from a file, without its added tokens.
pub(super) fn build(
    path: &Path,
    pieces: &[Piece],
    unknown: Option<u32>,
    prefix: PrependScheme,
) -> Result<tokenizers::Tokenizer, LlamaError> {
    let byte_fallback = has_bytes(path, pieces)?;
    let unknown = unknown.map(|id| id as usize).or_else(|| {
        let mut kinds = pieces.iter().map(|piece| piece.kind);
        kinds.position(|kind| kind == Kind::Unknown)
    });
    if unknown.is_none() && !byte_fallback {
        return Err(fail(
            path,
            "no token is of type 2 (unknown) and none of type 6 (byte): text outside the \
             vocabulary could not be written; expected one or the other",
        ));
    }
    let long = pieces.iter().position(|p| p.text.chars().count() > LONGEST);
    if let Some(id) = long {
        let length = pieces[id].text.chars().count();
        let what = format!("token {id} has {length} characters; at most {LONGEST} are expected");
        return Err(fail(path, what));
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
    let model = builder.build().map_err(|e| fail(path, e))?;
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    set_spaces(path, &mut tokenizer, prefix)?;
    Ok(tokenizer)
}

/// Writes spaces as ▁ on the way in and back on the way out.
pub(super) fn set_spaces(
    path: &Path,
    tokenizer: &mut tokenizers::Tokenizer,
    prefix: PrependScheme,
) -> Result<(), LlamaError> {
    let replace = Replace::new(SPACE.to_string(), " ").map_err(|e| fail(path, e))?;
    let mut steps: Vec<DecoderWrapper> = vec![
        replace.into(),
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
fn has_bytes(path: &Path, pieces: &[Piece]) -> Result<bool, LlamaError> {
    let mut found = [false; 256];
    for (id, piece) in pieces.iter().enumerate() {
        if piece.kind == Kind::Byte {
            let byte = (0..=255u8).find(|b| piece.text == format!("<0x{b:02X}>"));
            let byte = byte.ok_or_else(|| {
                let text = &piece.text;
                let expected = "expected \"<0x00>\" to \"<0xFF>\"";
                fail(
                    path,
                    format!("token {id} is a byte but is spelt {text:?}; {expected}"),
                )
            })?;
            found[usize::from(byte)] = true;
        }
    }
    match found.iter().position(|&found| !found) {
        None => Ok(true),
        Some(0) if found.iter().all(|&found| !found) => Ok(false),
        Some(missing) => {
            let missing = format!("the token of type 6 (byte) \"<0x{missing:02X}>\" is missing");
            Err(fail(path, format!("{missing}; expected all 256 or none")))
        }
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
