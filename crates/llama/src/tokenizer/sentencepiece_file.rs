//! `tokenizer.model`: SentencePiece's own file, a protocol buffer.
//!
//! Only the fields that a Llama's tokenizer depends on are read
//! (`sentencepiece_model.proto`), which needs far less than a protobuf crate.

use std::path::Path;

use tokenizers::pre_tokenizers::metaspace::PrependScheme;

use super::sentencepiece;
use super::vocabulary::{Kind, Piece, added_tokens, duplicate, fail};
use crate::LlamaError;

/// `TrainerSpec.model_type` of the one kind of model that Llamas use.
const BPE: u64 = 2;

/// A vocabulary and the settings beside it.
#[derive(Debug, Default)]
pub(super) struct SentencePieceFile {
    pub(super) pieces: Vec<Piece>,
    model_type: Option<u64>,
    has_character_map: bool,
    prefix: Option<bool>,
}

impl SentencePieceFile {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self, LlamaError> {
        let bytes = std::fs::read(path).map_err(LlamaError::io(path))?;
        let mut file = Self::default();
        let mut fields = Fields::new(path, &bytes, 0);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Message(fields)) => {
                    let piece = piece(fields, file.pieces.len())?;
                    file.pieces.push(piece);
                }
                (2, Field::Message(fields)) => file.trainer(fields)?,
                (3, Field::Message(fields)) => file.normalizer(fields)?,
                _ => {}
            }
        }
        Ok(file)
    }

    fn trainer(&mut self, mut fields: Fields<'_>) -> Result<(), LlamaError> {
        while let Some((number, field)) = fields.next()? {
            if let (3, Field::Number(kind)) = (number, field) {
                self.model_type = Some(kind);
            }
        }
        Ok(())
    }

    fn normalizer(&mut self, mut fields: Fields<'_>) -> Result<(), LlamaError> {
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (2, Field::Message(map)) => self.has_character_map = !map.rest.is_empty(),
                (3, Field::Number(flag)) => self.prefix = Some(flag != 0),
                _ => {}
            }
        }
        Ok(())
    }

    /// The tokenizer with its added tokens; `prefix` is what a folder asks for.
    pub(super) fn build(
        &self,
        path: &Path,
        prefix: PrependScheme,
    ) -> Result<tokenizers::Tokenizer, LlamaError> {
        match self.model_type {
            Some(BPE) => {}
            Some(found) => {
                let what = format!("a SentencePiece model of type {found}; expected 2 (BPE)");
                return Err(fail(path, what));
            }
            None => {
                return Err(fail(
                    path,
                    "no model type is given: a unigram model, or a file that is cut off; \
                     expected type 2 (BPE)",
                ));
            }
        }
        if self.has_character_map {
            return Err(fail(
                path,
                "the model rewrites characters before it merges; expected none \
                 (normalization rule \"identity\")",
            ));
        }
        if let Some((first, again)) = duplicate(&self.pieces) {
            let text = &self.pieces[first].text;
            let what = format!("token {again} is {text:?}, which is also token {first}");
            return Err(fail(path, what));
        }
        let prefix = match self.prefix {
            Some(false) => PrependScheme::Never,
            _ => prefix,
        };
        let mut tokenizer = sentencepiece::build(path, &self.pieces, None, prefix)?;
        tokenizer.add_tokens(&added_tokens(&self.pieces, &[]));
        Ok(tokenizer)
    }
}

/// The token whose fields are these; `id` is its place.
fn piece(mut fields: Fields<'_>, id: usize) -> Result<Piece, LlamaError> {
    let mut piece = Piece {
        text: String::new(),
        kind: Kind::Normal,
        score: 0.0,
    };
    let wrong = |path, what: String| fail(path, format!("token {id}: {what}"));
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Field::Message(text)) => {
                let text = std::str::from_utf8(text.rest);
                let text = text.map_err(|e| wrong(fields.path, e.to_string()))?;
                piece.text = text.to_owned();
            }
            (2, Field::Four(score)) => piece.score = f32::from_le_bytes(score),
            (3, Field::Number(kind)) => {
                piece.kind = Kind::from_number(kind)
                    .ok_or_else(|| wrong(fields.path, format!("type {kind}; expected 1 to 6")))?;
            }
            _ => {}
        }
    }
    if piece.score.is_finite() {
        Ok(piece)
    } else {
        let what = format!("score {}; expected a finite number", piece.score);
        Err(wrong(fields.path, what))
    }
}

/// The value of one field.
enum Field<'a> {
    Number(u64),
    Four([u8; 4]),
    /// A message, or bytes or text that look like one from outside.
    Message(Fields<'a>),
    /// Eight bytes, which nothing here uses.
    Eight,
}

/// The fields of one message.
struct Fields<'a> {
    path: &'a Path,
    rest: &'a [u8],
    /// Where `rest` begins in the file.
    at: usize,
}

impl<'a> Fields<'a> {
    fn new(path: &'a Path, rest: &'a [u8], at: usize) -> Self {
        Self { path, rest, at }
    }

    fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, LlamaError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.number()?;
        let field = match tag & 7 {
            0 => Field::Number(self.number()?),
            1 => {
                self.take(8)?;
                Field::Eight
            }
            2 => {
                let length = self.number()?;
                let at = self.at;
                Field::Message(Self::new(self.path, self.take(length)?, at))
            }
            5 => {
                let mut four = [0; 4];
                four.copy_from_slice(self.take(4)?);
                Field::Four(four)
            }
            kind => {
                let found = format!("a field of type {kind}; expected 0, 1, 2 or 5");
                return Err(self.damaged(&found));
            }
        };
        Ok(Some((tag >> 3, field)))
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], LlamaError> {
        let left = self.rest.len();
        let fits = usize::try_from(count).ok().filter(|&count| count <= left);
        let count = fits.ok_or_else(|| {
            self.damaged(&format!(
                "a field of {count} bytes, but {left} are left: the file is cut off"
            ))
        })?;
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        self.at += count;
        Ok(taken)
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn number(&mut self) -> Result<u64, LlamaError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.damaged("a number of more than ten bytes"))
    }

    fn damaged(&self, what: &str) -> LlamaError {
        fail(self.path, format!("byte {}: {what}", self.at))
    }
}
