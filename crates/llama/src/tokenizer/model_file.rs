//! `tokenizer.model`: SentencePiece's own file, a protocol buffer.
//!
//! Only the fields that a Llama's tokenizer depends on are read
//! (`sentencepiece_model.proto`), which needs far less than a protobuf crate.

use std::path::Path;

use tokenizers::pre_tokenizers::metaspace::PrependScheme;

use super::sentencepiece;
use super::vocabulary::{Kind, Piece, added_tokens, duplicate};
use crate::LlamaError;

/// `TrainerSpec.model_type` of the one kind of model that Llamas use.
const BPE: u64 = 2;

/// A vocabulary and the settings beside it.
#[derive(Debug, Default)]
pub(super) struct ModelFile {
    pub(super) pieces: Vec<Piece>,
    model_type: Option<u64>,
    has_character_map: bool,
    prefix: Option<bool>,
}

impl ModelFile {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self, LlamaError> {
        let bytes = std::fs::read(path).map_err(|source| LlamaError::Io {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&bytes).map_err(|what| LlamaError::Tokenizer {
            path: path.to_owned(),
            what,
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut file = Self::default();
        let mut fields = Fields::new(bytes, 0);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Bytes(bytes, at)) => {
                    let id = file.pieces.len();
                    let piece = piece(bytes, at).map_err(|what| format!("token {id}: {what}"))?;
                    file.pieces.push(piece);
                }
                (2, Field::Bytes(bytes, at)) => file.trainer(bytes, at)?,
                (3, Field::Bytes(bytes, at)) => file.normalizer(bytes, at)?,
                _ => {}
            }
        }
        Ok(file)
    }

    fn trainer(&mut self, bytes: &[u8], at: usize) -> Result<(), String> {
        let mut fields = Fields::new(bytes, at);
        while let Some((number, field)) = fields.next()? {
            if let (3, Field::Number(kind)) = (number, field) {
                self.model_type = Some(kind);
            }
        }
        Ok(())
    }

    fn normalizer(&mut self, bytes: &[u8], at: usize) -> Result<(), String> {
        let mut fields = Fields::new(bytes, at);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (2, Field::Bytes(map, _)) => self.has_character_map = !map.is_empty(),
                (3, Field::Number(flag)) => self.prefix = Some(flag != 0),
                _ => {}
            }
        }
        Ok(())
    }

    /// The tokenizer with its added tokens; `prefix` is what a folder asks for.
    pub(super) fn build(&self, prefix: PrependScheme) -> Result<tokenizers::Tokenizer, String> {
        match self.model_type {
            Some(BPE) => {}
            Some(found) => {
                return Err(format!(
                    "a SentencePiece model of type {found}; expected 2 (BPE)"
                ));
            }
            None => {
                return Err(
                    "no model type is given: a unigram model, or a file that is cut off; \
                     expected type 2 (BPE)"
                        .into(),
                );
            }
        }
        if self.has_character_map {
            return Err(
                "the model rewrites characters before it merges; expected none \
                 (normalization rule \"identity\")"
                    .into(),
            );
        }
        if let Some((first, again)) = duplicate(&self.pieces) {
            let text = &self.pieces[first].text;
            return Err(format!(
                "token {again} is {text:?}, which is also token {first}"
            ));
        }
        let prefix = match self.prefix {
            Some(false) => PrependScheme::Never,
            _ => prefix,
        };
        let mut tokenizer = sentencepiece::build(&self.pieces, None, prefix)?;
        tokenizer.add_tokens(&added_tokens(&self.pieces, &[]));
        Ok(tokenizer)
    }
}

fn piece(bytes: &[u8], at: usize) -> Result<Piece, String> {
    let mut piece = Piece {
        text: String::new(),
        kind: Kind::Normal,
        score: 0.0,
    };
    let mut fields = Fields::new(bytes, at);
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Field::Bytes(text, at)) => {
                let text = std::str::from_utf8(text);
                piece.text = text
                    .map_err(|_| format!("byte {at}: not UTF-8"))?
                    .to_owned();
            }
            (2, Field::Four(score)) => piece.score = f32::from_le_bytes(score),
            (3, Field::Number(kind)) => {
                piece.kind = Kind::from_number(kind)
                    .ok_or_else(|| format!("type {kind}; expected 1 to 6"))?;
            }
            _ => {}
        }
    }
    if piece.score.is_finite() {
        Ok(piece)
    } else {
        Err(format!(
            "its score is {}; expected a finite number",
            piece.score
        ))
    }
}

/// The value of one field.
enum Field<'a> {
    Number(u64),
    Four([u8; 4]),
    /// A text or message, and where in the file it begins.
    Bytes(&'a [u8], usize),
    /// Eight bytes, which nothing here uses.
    Eight,
}

/// The fields of one message.
struct Fields<'a> {
    rest: &'a [u8],
    /// Where `rest` begins in the file.
    at: usize,
}

impl<'a> Fields<'a> {
    fn new(rest: &'a [u8], at: usize) -> Self {
        Self { rest, at }
    }

    fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, String> {
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
                Field::Bytes(self.take(length)?, at)
            }
            5 => {
                let mut four = [0; 4];
                four.copy_from_slice(self.take(4)?);
                Field::Four(four)
            }
            kind => {
                let at = self.at;
                return Err(format!(
                    "byte {at}: field type {kind}; expected 0, 1, 2 or 5"
                ));
            }
        };
        Ok(Some((tag >> 3, field)))
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], String> {
        let left = self.rest.len();
        let fits = usize::try_from(count).ok().filter(|&count| count <= left);
        let count = fits.ok_or_else(|| {
            let at = self.at;
            format!("byte {at}: a field of {count} bytes, but {left} are left: the file is cut off")
        })?;
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        self.at += count;
        Ok(taken)
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn number(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(format!("byte {}: a number of more than ten bytes", self.at))
    }
}
