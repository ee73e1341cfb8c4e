//! A vocabulary as GGUF metadata and SentencePiece files list it.

use std::path::Path;

use tokenizers::AddedToken;
use tokenizers::processors::template::{SpecialToken, TemplateProcessing};

use crate::LlamaError;

/// What a token is for; the numbers are those of both formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    /// Stands for text that no token covers.
    Unknown,
    /// Never produced by merging; skipped where text is wanted.
    Control,
    /// Found in text before merging, and shown.
    UserDefined,
    Unused,
    /// One byte, spelt `<0xNN>`.
    Byte,
}

impl Kind {
    /// `None` for a number that neither format defines.
    pub(super) fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => return None,
        })
    }
}

/// One token; its id is its place in the list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) kind: Kind,
    /// Higher merges first; only SentencePiece has scores.
    pub(super) score: f32,
}

/// The tokens that are matched whole in text: special ones, `also_special` ids
/// among them, and those that a user defined.
pub(super) fn added_tokens(pieces: &[Piece], also_special: &[u32]) -> Vec<AddedToken> {
    let added = pieces.iter().enumerate().filter_map(|(id, piece)| {
        let special = matches!(piece.kind, Kind::Control | Kind::Unknown)
            || also_special.contains(&(id as u32));
        let wanted = special || piece.kind == Kind::UserDefined;
        wanted.then(|| AddedToken::from(piece.text.clone(), special).normalized(false))
    });
    added.collect()
}

/// Two ids of one text, if the vocabulary holds such.
pub(super) fn duplicate(pieces: &[Piece]) -> Option<(usize, usize)> {
    let mut seen = std::collections::HashMap::new();
    pieces
        .iter()
        .enumerate()
        .find_map(|(id, piece)| Some((seen.insert(piece.text.as_str(), id)?, id)))
}

/// An error about the tokenizer in a file.
pub(super) fn fail(path: &Path, what: impl ToString) -> LlamaError {
    LlamaError::Tokenizer {
        path: path.to_owned(),
        what: what.to_string(),
    }
}

/// Writes the begin and end tokens around a text that asks for special tokens;
/// each is an id and its text.
pub(super) fn around(
    path: &Path,
    bos: Option<(u32, String)>,
    eos: Option<(u32, String)>,
) -> Result<TemplateProcessing, LlamaError> {
    // The template names its tokens "bos" and "eos", whatever they are spelt.
    let template = match (&bos, &eos) {
        (Some(_), Some(_)) => "bos $A eos",
        (Some(_), None) => "bos $A",
        (None, Some(_)) => "$A eos",
        (None, None) => "$A",
    };
    let named = [("bos", bos), ("eos", eos)];
    let tokens = named
        .into_iter()
        .filter_map(|(name, token)| token.map(|(id, text)| (name, id, text)))
        .map(|(name, id, text)| SpecialToken::new(name.to_owned(), vec![id], vec![text]))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| fail(path, e))?;
    TemplateProcessing::builder()
        .try_single(template)
        .map_err(|e| fail(path, e))?
        .special_tokens(tokens)
        .build()
        .map_err(|e| fail(path, e))
}
