//! From a path to a model that can run: weights, tokenizer and template.

mod files;
mod folder;
mod gguf;
mod template;

use std::path::Path;

use burn::tensor::Device;

use crate::config::LlamaConfig;
use crate::{LlamaError, LlamaForCausalLM, Tokenizer};

/// A model with what its files say about using it.
#[derive(Debug)]
pub struct LoadedModel {
    /// The network, frozen.
    pub model: LlamaForCausalLM,
    /// Its dimensions and constants.
    pub config: LlamaConfig,
    /// Absent where a folder has no `tokenizer.json`.
    pub tokenizer: Option<Tokenizer>,
    /// The Jinja chat template, if the files hold one; the one called
    /// `default` where they hold several.
    pub chat_template: Option<String>,
    /// The token that begins a text, as templates spell it.
    pub bos_token: Option<String>,
    /// The token that ends a text, as templates spell it.
    pub eos_token: Option<String>,
    /// The ids that end a generation.
    pub end_ids: Vec<u32>,
}

/// Reads a GGUF file or a Hugging Face folder, with weights in f32.
///
/// # Errors
/// A [`LlamaError`] that names the file and the place.
pub fn load(path: &Path, device: &Device) -> Result<LoadedModel, LlamaError> {
    if !path.exists() {
        return Err(LlamaError::NoModel {
            path: path.to_owned(),
        });
    }
    let loaded = if path.is_dir() {
        folder::load(path, device)?
    } else {
        gguf::load(path, device)?
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
    Ok(loaded)
}
