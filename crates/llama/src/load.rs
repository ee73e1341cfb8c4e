//! From a path to a model that can run: weights, tokenizer and template.

use std::io::Read;
use std::path::Path;

use burn::tensor::Device;
use serde_json::Value;

use crate::config::{HuggingFaceConfig, LlamaConfig};
use crate::weights::{GgufFile, GgufValue, GgufWeights, SafetensorsFolder};
use crate::{LlamaError, LlamaForCausalLM, Tokenizer};

/// A model with what its files say about using it.
#[derive(Debug)]
pub struct LoadedModel {
    /// The network, frozen.
    pub model: LlamaForCausalLM,
    /// Its dimensions and constants.
    pub config: LlamaConfig,
    /// Absent where a folder has neither `tokenizer.json` nor
    /// `tokenizer.model`.
    pub tokenizer: Option<Tokenizer>,
    /// The Jinja chat template, if the files hold one.
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
    let mut loaded = if path.is_dir() {
        from_folder(path, device)?
    } else {
        from_gguf(path, device)?
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
    Ok(loaded)
}

fn from_gguf(path: &Path, device: &Device) -> Result<LoadedModel, LlamaError> {
    let mut first = [0; 4];
    let io = |source| LlamaError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = std::fs::File::open(path).map_err(io)?;
    let read = file.read(&mut first).map_err(io)?;
    if first[..read] != GgufFile::MAGIC[..] {
        let found = String::from_utf8_lossy(&first[..read]).into_owned();
        return Err(LlamaError::NotAModel {
            path: path.to_owned(),
            found,
        });
    }
    let file = GgufFile::open(path)?;
    let config = file.config()?;
    let tokenizer = Tokenizer::from_metadata(&file)?;
    let model =
        LlamaForCausalLM::from_source(&config, &mut GgufWeights::new(&file, &config), device)?;
    let id = |key: &str| {
        let value = file
            .metadata
            .get(&format!("tokenizer.ggml.{key}_token_id"))?;
        value.as_u64().and_then(|id| u32::try_from(id).ok())
    };
    let token = |id: Option<u32>| tokenizer.token(id?);
    let chat_template = file
        .metadata
        .get("tokenizer.chat_template")
        .and_then(GgufValue::as_str);
    Ok(LoadedModel {
        model,
        chat_template: chat_template.map(str::to_owned),
        bos_token: token(id("bos")),
        eos_token: token(id("eos")),
        end_ids: [id("eos"), id("eot")].into_iter().flatten().collect(),
        tokenizer: Some(tokenizer),
        config,
    })
}

fn from_folder(path: &Path, device: &Device) -> Result<LoadedModel, LlamaError> {
    let config_path = path.join("config.json");
    if !config_path.exists() {
        return Err(LlamaError::NotAModel {
            path: path.to_owned(),
            found: "a folder without config.json".into(),
        });
    }
    let raw = HuggingFaceConfig::read(&config_path)?;
    let config = raw.resolve(&config_path)?;
    let model =
        LlamaForCausalLM::from_source(&config, &mut SafetensorsFolder::open(path)?, device)?;
    let settings = optional_json(&path.join("tokenizer_config.json"))?;
    let generation = optional_json(&path.join("generation_config.json"))?;
    let token = |key: &str| {
        let value = settings.get(key)?;
        value
            .as_str()
            .or_else(|| value.get("content")?.as_str())
            .map(str::to_owned)
    };
    let template = path.join("chat_template.jinja");
    let chat_template = if template.exists() {
        let text = std::fs::read_to_string(&template);
        Some(text.map_err(|source| LlamaError::Io {
            path: template,
            source,
        })?)
    } else {
        token("chat_template")
    };
    let end_ids = serde_json::from_value(generation["eos_token_id"].clone());
    Ok(LoadedModel {
        model,
        tokenizer: Tokenizer::from_folder(path)?,
        chat_template,
        bos_token: token("bos_token"),
        eos_token: token("eos_token"),
        end_ids: end_ids.map_or_else(|_| raw.end_ids(), |ids: crate::config::TokenIds| ids.into()),
        config,
    })
}

/// A JSON file that a folder may lack.
fn optional_json(path: &Path) -> Result<Value, LlamaError> {
    if !path.exists() {
        return Ok(Value::Null);
    }
    let text = std::fs::read_to_string(path).map_err(|source| LlamaError::Io {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|source| LlamaError::Json {
        path: path.to_owned(),
        source,
    })
}
