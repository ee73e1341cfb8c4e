//! A model's text side alone: tokenizer, chat template, special tokens.

use std::path::Path;

use super::{SpecialTokens, folder, gguf};
use crate::{LlamaError, Tokenizer};

/// A model's tokenizer with what its files say about conversations, opened
/// without its weights.
///
/// Preparing data needs no more, and a folder with the tokenizer's files alone
/// is enough. The numbers are those of [`load`](crate::load), which reads the
/// same way. Named after transformers' `PreTrainedTokenizer`, which holds the
/// same things.
///
/// ```
/// use anneal_llama::PretrainedTokenizer;
///
/// # let path = anneal_testkit::fixture_path("gguf/tiny-llama-q4_1.gguf");
/// let text = PretrainedTokenizer::open(&path)?;
/// assert_eq!(text.special_tokens.eos(), Some("<|im_end|>"));
/// let end = text.tokenizer.encode("<|im_end|>", false)?;
/// assert_eq!(end, text.end_ids);
/// # Ok::<(), anneal_llama::LlamaError>(())
/// ```
#[derive(Debug, Clone)]
pub struct PretrainedTokenizer {
    /// Text to ids and back.
    pub tokenizer: Tokenizer,
    /// The Jinja chat template, if the files hold one; the one called
    /// `default` where they hold several.
    pub chat_template: Option<String>,
    /// The tokens that have names, as templates spell them.
    pub special_tokens: SpecialTokens,
    /// The ids that end a generation. A folder that says nothing about
    /// generation has its `eos_token` here.
    pub end_ids: Vec<u32>,
}

impl PretrainedTokenizer {
    /// Reads the header of a GGUF file, or the small files of a Hugging Face
    /// folder.
    ///
    /// # Errors
    /// [`LlamaError::NoModel`], [`LlamaError::NotAModel`];
    /// [`LlamaError::NoTokenizer`] if the model has none; for files that are
    /// damaged or of no use, an error that names the file and the place.
    pub fn open(path: &Path) -> Result<Self, LlamaError> {
        if !path.exists() {
            return Err(LlamaError::NoModel {
                path: path.to_owned(),
            });
        }
        let text = if path.is_dir() {
            folder::text(path)?
        } else {
            gguf::text(&gguf::open(path)?)?
        };
        let tokenizer = text.tokenizer.ok_or_else(|| LlamaError::NoTokenizer {
            path: path.to_owned(),
            expected: match path.is_dir() {
                true => "tokenizer.json or tokenizer.model in the folder",
                false => "tokenizer.ggml.tokens in the metadata",
            },
        })?;
        Ok(Self {
            tokenizer,
            chat_template: text.chat_template,
            special_tokens: text.special_tokens,
            end_ids: text.end_ids,
        })
    }
}

/// The same for a model that may have no tokenizer, and runs on ids then.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) tokenizer: Option<Tokenizer>,
    pub(super) chat_template: Option<String>,
    pub(super) special_tokens: SpecialTokens,
    pub(super) end_ids: Vec<u32>,
}
