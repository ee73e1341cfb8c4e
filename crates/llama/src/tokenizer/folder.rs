//! The tokenizer of a Hugging Face folder, read as transformers 5 reads it.

use std::path::Path;

use serde::Deserialize;
use tokenizers::pre_tokenizers::metaspace::PrependScheme;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{DecoderWrapper, ModelWrapper};

use super::Tokenizer;
use super::sentencepiece;
use super::sentencepiece_file::SentencePieceFile;
use super::vocabulary::{around, fail};
use crate::LlamaError;

/// The settings of `tokenizer_config.json` that change ids.
#[derive(Debug, Default, Deserialize)]
struct Settings {
    tokenizer_class: Option<String>,
    legacy: Option<bool>,
    add_prefix_space: Option<bool>,
    add_bos_token: Option<bool>,
    add_eos_token: Option<bool>,
    bos_token: Option<Token>,
    eos_token: Option<Token>,
}

/// A special token, alone or with its settings.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a token's text, or an object with its `content`"
)]
enum Token {
    Text(String),
    Added { content: String },
}

impl Tokenizer {
    /// Reads a Hugging Face folder's `tokenizer.json`, or else its
    /// `tokenizer.model`, with `tokenizer_config.json`; `None` if the folder
    /// has neither.
    ///
    /// Ids are those of transformers 5. Its `LlamaTokenizer` (and
    /// `CodeLlamaTokenizer`) takes the vocabulary and merges of a SentencePiece
    /// `tokenizer.json`, but not its way with spaces: unless the folder says
    /// `"legacy": true`, text after a special token gets no space before it.
    /// A `tokenizer.json` decides itself what surrounds a text; for a
    /// `tokenizer.model`, `add_bos_token` (true unless given) and
    /// `add_eos_token` do.
    ///
    /// # Errors
    /// [`LlamaError::Io`], [`LlamaError::Json`] or [`LlamaError::Tokenizer`],
    /// with the file's name.
    pub fn from_folder(folder: &Path) -> Result<Option<Self>, LlamaError> {
        let [json, model, config] = ["tokenizer.json", "tokenizer.model", "tokenizer_config.json"]
            .map(|name| folder.join(name));
        let settings = settings(&config)?;
        if json.exists() {
            let mut tokenizer = Self::from_file(&json)?;
            if settings.is_llama_class() && is_sentencepiece(&tokenizer.inner) {
                sentencepiece::set_spaces(&json, &mut tokenizer.inner, settings.prefix())?;
            }
            Ok(Some(tokenizer))
        } else if model.exists() {
            let mut inner = SentencePieceFile::read(&model)?.build(&model, settings.prefix())?;
            let around = settings.around(&model, &inner)?;
            inner.with_post_processor(Some(around));
            Ok(Some(Self::new(inner)))
        } else {
            Ok(None)
        }
    }
}

impl Settings {
    fn is_llama_class(&self) -> bool {
        let class = self.tokenizer_class.as_deref().unwrap_or_default();
        let class = class.strip_suffix("Fast").unwrap_or(class);
        matches!(class, "LlamaTokenizer" | "CodeLlamaTokenizer")
    }

    fn prefix(&self) -> PrependScheme {
        match (self.add_prefix_space, self.legacy) {
            (Some(false), _) => PrependScheme::Never,
            (_, Some(true)) => PrependScheme::Always,
            _ => PrependScheme::First,
        }
    }

    fn around(
        &self,
        path: &Path,
        inner: &tokenizers::Tokenizer,
    ) -> Result<TemplateProcessing, LlamaError> {
        let token = |wanted: bool, named: &Option<Token>, usual: &str| {
            let text = match named {
                Some(Token::Text(text) | Token::Added { content: text }) => text,
                None => usual,
            };
            if !wanted {
                return Ok(None);
            }
            let id = inner.token_to_id(text);
            let what = || fail(path, format!("{text:?} surrounds texts but is no token"));
            let id = id.ok_or_else(what)?;
            Ok::<_, LlamaError>(Some((id, text.to_owned())))
        };
        let bos = token(self.add_bos_token.unwrap_or(true), &self.bos_token, "<s>")?;
        let eos = token(self.add_eos_token.unwrap_or(false), &self.eos_token, "</s>")?;
        around(path, bos, eos)
    }
}

/// Whether a `tokenizer.json` holds what SentencePiece trained: merges of
/// characters, with bytes for those that are no token.
fn is_sentencepiece(inner: &tokenizers::Tokenizer) -> bool {
    let by_bytes = matches!(inner.get_model(), ModelWrapper::BPE(bpe) if bpe.byte_fallback);
    by_bytes && !matches!(inner.get_decoder(), Some(DecoderWrapper::ByteLevel(_)))
}

fn settings(path: &Path) -> Result<Settings, LlamaError> {
    if !path.exists() {
        return Ok(Settings::default());
    }
    let text = std::fs::read_to_string(path).map_err(LlamaError::io(path))?;
    serde_json::from_str(&text).map_err(LlamaError::json(path))
}
