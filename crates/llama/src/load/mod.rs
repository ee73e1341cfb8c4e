//! From a path to a model that can run: weights, tokenizer and template.

mod files;
mod folder;
mod gguf;
mod pretrained_tokenizer;
mod special_tokens;
mod template;

use std::path::Path;

use burn::tensor::Device;

pub use pretrained_tokenizer::PretrainedTokenizer;
pub use special_tokens::SpecialTokens;

use crate::config::LlamaConfig;
use crate::{LlamaError, LlamaForCausalLM, Precision, Tokenizer};

/// What a path to a model may lead to.
const EXPECTED: &str = "a GGUF file, or a folder with config.json";

/// A model with what its files say about using it.
#[derive(Debug)]
pub struct LoadedModel {
    /// The network, frozen.
    pub model: LlamaForCausalLM,
    /// Its dimensions and constants.
    pub config: LlamaConfig,
    /// Absent where a folder has neither `tokenizer.json` nor
    /// `tokenizer.model`, or a GGUF file no vocabulary.
    pub tokenizer: Option<Tokenizer>,
    /// The Jinja chat template, if the files hold one; the one called
    /// `default` where they hold several.
    pub chat_template: Option<String>,
    /// The tokens that have names, as templates spell them.
    pub special_tokens: SpecialTokens,
    /// The ids that end a generation.
    pub end_ids: Vec<u32>,
}

/// How a model is loaded; the default is f32, as the files have it.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// The type of weights and activations, whatever the files hold.
    pub precision: Precision,
    /// Gives a model whose head is its embedding a head of its own
    /// ([`LoadedModel::untie`]).
    pub untie: bool,
}

impl LoadOptions {
    /// With the precision given.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// With a head of its own, or as the files have it.
    pub fn with_untie(mut self, untie: bool) -> Self {
        self.untie = untie;
        self
    }
}

/// Reads a GGUF file or a Hugging Face folder, with weights in f32.
///
/// # Errors
/// A [`LlamaError`] that names the file and the place.
pub fn load(path: &Path, device: &Device) -> Result<LoadedModel, LlamaError> {
    load_with(path, &LoadOptions::default(), device)
}

/// As [`load`], with options.
///
/// # Errors
/// As [`load`]; [`LlamaError::UnsupportedPrecision`] besides.
pub fn load_with(
    path: &Path,
    options: &LoadOptions,
    device: &Device,
) -> Result<LoadedModel, LlamaError> {
    if !path.exists() {
        return Err(LlamaError::NoModel {
            path: path.to_owned(),
        });
    }
    let mut loaded = if path.is_dir() {
        folder::load(path, options, device)?
    } else {
        gguf::load(path, options, device)?
    };
    let tokens = loaded.tokenizer.as_ref().map_or(0, Tokenizer::size);
    let rows = loaded.config.vocab_size;
    if tokens > rows {
        return Err(LlamaError::TokenizerTooLarge {
            path: path.to_owned(),
            tokens,
            rows,
        });
    }
    loaded.tokenizer = loaded.tokenizer.map(|t| t.with_embedding_rows(rows));
    if options.untie {
        return loaded.untie();
    }
    Ok(loaded)
}
