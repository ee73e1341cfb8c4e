//! Text to token ids and back.
//!
//! A [`Tokenizer`] comes from a Hugging Face folder or from a GGUF's metadata,
//! in both kinds that Llamas have: byte-level BPE (Llama 3, SmolLM2) and
//! SentencePiece's BPE with byte fallback (Llama 2, CodeLlama, TinyLlama).
//! Whatever the source, the `tokenizers` crate does the work; what differs is
//! how its parts are put together ([`gguf`], [`folder`], [`sentencepiece`]).

mod byte_level;
mod folder;
mod gguf;
mod json;
mod pieces;
mod pre_tokenizer;
mod sentencepiece;
mod sentencepiece_file;
mod stages;
mod stream;
mod vocabulary;

use std::path::Path;

pub use pieces::SpecialPlace;
pub use stream::TextStream;

use tokenizers::{Model, NormalizedString, Normalizer, OffsetReferential, OffsetType};
use tokenizers::{PreTokenizedString, PreTokenizer};

use crate::LlamaError;
use crate::weights::GgufFile;

/// A Hugging Face `tokenizers` tokenizer, however it was found.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// One more than the largest id that has a token.
    size: usize,
    /// One more than the largest id that may be decoded: an embedding is often
    /// padded with rows that have no token, and those decode to nothing.
    rows: usize,
}

impl Tokenizer {
    /// Reads `tokenizer.json` alone; [`from_folder`](Self::from_folder) reads
    /// what lies beside it too. Truncation and padding that the file may ask
    /// for are left out, as transformers leaves them out.
    ///
    /// # Errors
    /// [`LlamaError::Tokenizer`] if the file is missing or does not parse.
    pub fn from_file(path: &Path) -> Result<Self, LlamaError> {
        let fail = |e| vocabulary::fail(path, e);
        let mut inner = tokenizers::Tokenizer::from_file(path).map_err(fail)?;
        inner.with_truncation(None).map_err(fail)?;
        inner.with_padding(None);
        Ok(Self::new(inner))
    }

    /// Reads the tokenizer out of a GGUF file, and nothing else of it.
    ///
    /// # Errors
    /// [`LlamaError::Io`] or [`LlamaError::Gguf`] if the file cannot be read;
    /// [`LlamaError::Config`] if the metadata is incomplete or of a kind that
    /// is not supported; [`LlamaError::Tokenizer`] if it contradicts itself.
    pub fn from_gguf(path: &Path) -> Result<Self, LlamaError> {
        Self::from_metadata(&GgufFile::open(path)?)
    }

    fn new(inner: tokenizers::Tokenizer) -> Self {
        let ids = inner.get_vocab(true);
        let size = ids.values().max().map_or(0, |&id| id as usize + 1);
        let rows = size;
        Self { inner, size, rows }
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
    /// For text that we wrote or that a template rendered. Text from elsewhere
    /// can then close its own turn with an `<|im_end|>`:
    /// [`encode_plain`](Self::encode_plain) is for that.
    ///
    /// # Errors
    /// [`LlamaError::Encoding`] if the tokenizer refuses the text.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, LlamaError> {
        let encoding = self.inner.encode_fast(text, special).map_err(refused)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Token ids of a text that is not trusted, such as a user's question: every
    /// character is text, no special or added token is recognised, and none is
    /// added around it.
    ///
    /// Encode the parts of a prompt each in its own way and join the ids: the
    /// template's with [`encode`](Self::encode), the user's with this. A
    /// SentencePiece tokenizer begins each part with a space of its own.
    ///
    /// ```
    /// use anneal_llama::Tokenizer;
    ///
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("tokenizer.json");
    /// # std::fs::write(&path, r#"{"version": "1.0", "truncation": null, "padding": null,
    /// #     "added_tokens": [{"id": 4, "content": "<e>", "single_word": false, "lstrip": false,
    /// #     "rstrip": false, "normalized": false, "special": true}], "normalizer": null,
    /// #     "pre_tokenizer": null, "post_processor": null, "decoder": null, "model": {"type": "BPE",
    /// #     "vocab": {"<": 0, "e": 1, ">": 2, "a": 3, "<e>": 4}, "merges": []}}"#)?;
    /// let tokenizer = Tokenizer::from_file(&path)?; // has the special token <e>
    /// assert_eq!(tokenizer.encode("a<e>", false)?, [3, 4]);
    /// assert_eq!(tokenizer.encode_plain("a<e>")?, [3, 0, 1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`LlamaError::Encoding`] if the tokenizer refuses the text.
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>, LlamaError> {
        // The steps of `encode` without its search for added tokens.
        let mut normalized = NormalizedString::from(text);
        if let Some(normalizer) = self.inner.get_normalizer() {
            normalizer.normalize(&mut normalized).map_err(refused)?;
        }
        let mut pieces = PreTokenizedString::from(normalized);
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut pieces).map_err(refused)?;
        }
        let model = self.inner.get_model();
        pieces
            .tokenize(|piece| model.tokenize(piece.get()))
            .map_err(refused)?;
        let splits = pieces.get_splits(OffsetReferential::Normalized, OffsetType::None);
        let tokens = splits
            .into_iter()
            .filter_map(|(_, _, tokens)| tokens.as_ref());
        Ok(tokens.flatten().map(|token| token.id).collect())
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
        self.inner.decode(ids, !special).map_err(refused)
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

fn refused(error: tokenizers::Error) -> LlamaError {
    LlamaError::Encoding {
        what: error.to_string(),
    }
}
