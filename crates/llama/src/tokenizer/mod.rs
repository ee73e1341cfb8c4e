//! Text to token ids and back, from `tokenizer.json` or a GGUF's metadata.

mod byte_level;
mod gguf;
mod json;
mod stages;
mod stream;

use std::path::Path;

pub use stream::TextStream;

use crate::LlamaError;

/// A Hugging Face `tokenizers` tokenizer, however it was found.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Prepended where special tokens are asked for; GGUF files say so in
    /// metadata, `tokenizer.json` in its own post-processor.
    bos: Option<u32>,
    /// One more than the largest id that has a token.
    size: usize,
    /// One more than the largest id that may be decoded: an embedding is often
    /// padded with rows that have no token, and those decode to nothing.
    rows: usize,
}

impl Tokenizer {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// [`LlamaError::Tokenizer`] if the file is missing or does not parse.
    pub fn from_file(path: &Path) -> Result<Self, LlamaError> {
        let inner = tokenizers::Tokenizer::from_file(path).map_err(|e| LlamaError::Tokenizer {
            path: path.to_owned(),
            what: e.to_string(),
        })?;
        Ok(Self::new(inner, None))
    }

    fn new(inner: tokenizers::Tokenizer, bos: Option<u32>) -> Self {
        let ids = inner.get_vocab(true);
        let size = ids.values().max().map_or(0, |&id| id as usize + 1);
        Self {
            inner,
            bos,
            size,
            rows: size,
        }
    }

    /// Lets ids up to the embedding's rows decode to nothing where they have
    /// no token, as transformers does.
    #[must_use]
    pub fn with_embedding_rows(mut self, rows: usize) -> Self {
        self.rows = self.size.max(rows);
        self
    }

    /// Token ids of a text; special tokens written in it are recognised. With
    /// `special`, the tokens that the model expects around a text are added: not
    /// wanted after a chat template, which writes them itself.
    ///
    /// # Errors
    /// [`LlamaError::Encoding`] if the tokenizer refuses the text.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, LlamaError> {
        let encoding = self
            .inner
            .encode(text, special)
            .map_err(|e| LlamaError::Encoding {
                what: e.to_string(),
            })?;
        let bos = self.bos.filter(|_| special);
        Ok(bos
            .into_iter()
            .chain(encoding.get_ids().iter().copied())
            .collect())
    }

    /// The text of token ids, without special tokens unless `special`. Bytes
    /// that are not UTF-8 become U+FFFD. [`TextStream`] gives the same text
    /// piece by piece.
    ///
    /// # Errors
    /// [`LlamaError::UnknownTokenId`] if an id lies outside the vocabulary;
    /// [`LlamaError::Encoding`] if the decoder fails.
    pub fn decode(&self, ids: &[u32], special: bool) -> Result<String, LlamaError> {
        if let Some(&id) = ids.iter().find(|&&id| id as usize >= self.rows) {
            return Err(self.unknown(id));
        }
        self.inner
            .decode(ids, !special)
            .map_err(|e| LlamaError::Encoding {
                what: e.to_string(),
            })
    }

    /// The id of a token by its exact text.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The text of a token id, as the vocabulary spells it.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// One more than the largest id.
    pub fn size(&self) -> usize {
        self.size
    }

    /// What a decoder is given for an id: nothing for a row without a token,
    /// nor for a special token unless `special`.
    fn spelling(&self, id: u32, special: bool) -> Result<Option<String>, LlamaError> {
        if id as usize >= self.rows {
            return Err(self.unknown(id));
        }
        let added = self.inner.get_added_vocabulary();
        let token = self.inner.id_to_token(id);
        Ok(token.filter(|token| special || !added.is_special_token(token)))
    }

    fn unknown(&self, id: u32) -> LlamaError {
        LlamaError::UnknownTokenId {
            id,
            size: self.rows,
        }
    }
}
