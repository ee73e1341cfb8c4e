//! Text to token ids and back, from `tokenizer.json` or a GGUF's metadata.

mod gguf;
mod json;

use std::path::Path;

use crate::LlamaError;

/// A Hugging Face `tokenizers` tokenizer, however it was found.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Prepended where special tokens are asked for; GGUF files say so in
    /// metadata, `tokenizer.json` in its own post-processor.
    bos: Option<u32>,
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
        Ok(Self { inner, bos: None })
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

    /// The text of token ids, without special tokens unless `special`.
    ///
    /// # Errors
    /// [`LlamaError::Encoding`] if the decoder fails.
    pub fn decode(&self, ids: &[u32], special: bool) -> Result<String, LlamaError> {
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
        let ids = self.inner.get_vocab(true);
        ids.values().max().map_or(0, |&id| id as usize + 1)
    }
}
