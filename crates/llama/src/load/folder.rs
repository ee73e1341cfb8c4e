//! A model that is a Hugging Face folder: weights, settings and tokenizer in
//! files of their own.

use std::path::Path;

use burn::tensor::Device;
use serde_json::Value;

use super::files::{optional_object, refuse};
use super::{LoadOptions, LoadedModel, template::chat_template};
use crate::config::{HuggingFaceConfig, TokenIds};
use crate::weights::SafetensorsFolder;
use crate::{LlamaError, LlamaForCausalLM, Tokenizer};

pub(super) fn load(
    folder: &Path,
    options: &LoadOptions,
    device: &Device,
) -> Result<LoadedModel, LlamaError> {
    let config_path = folder.join("config.json");
    if !config_path.exists() {
        return Err(LlamaError::NotAModel {
            path: folder.to_owned(),
            found: "a folder without config.json".into(),
            expected: super::EXPECTED,
        });
    }
    let raw = HuggingFaceConfig::read(&config_path)?;
    let config = raw.resolve(&config_path)?;
    // The small files come first: a mistake in them costs no loading.
    let settings_path = folder.join("tokenizer_config.json");
    let settings = optional_object(&settings_path)?;
    let bos_token = special_token(&settings_path, &settings, "bos_token")?;
    let eos_token = special_token(&settings_path, &settings, "eos_token")?;
    let chat_template = chat_template(folder, &settings_path, &settings)?;
    let end_ids = end_ids(folder, &raw)?;
    let tokenizer = Tokenizer::from_folder(folder)?;
    refuse_pickles(folder)?;
    let mut weights = SafetensorsFolder::open(folder)?;
    let model =
        LlamaForCausalLM::from_source_with(&config, &mut weights, options.precision, device)?;
    Ok(LoadedModel {
        model,
        config,
        tokenizer,
        chat_template,
        bos_token,
        eos_token,
        end_ids,
    })
}

/// A token's text: a string, or an object whose `content` is one.
fn special_token(path: &Path, settings: &Value, key: &str) -> Result<Option<String>, LlamaError> {
    let Some(value) = settings.get(key) else {
        return Ok(class_default(settings, key).map(str::to_owned));
    };
    if value.is_null() {
        return Ok(None);
    }
    let text = value.as_str().or_else(|| value.get("content")?.as_str());
    text.map(|text| Some(text.to_owned()))
        .ok_or_else(|| refuse(path, key, value, "a token's text"))
}

/// What transformers' Llama tokenizers assume of a token that is not named.
fn class_default(settings: &Value, key: &str) -> Option<&'static str> {
    let class = settings["tokenizer_class"].as_str()?;
    let class = class.strip_suffix("Fast").unwrap_or(class);
    if !["LlamaTokenizer", "CodeLlamaTokenizer"].contains(&class) {
        return None;
    }
    match key {
        "bos_token" => Some("<s>"),
        "eos_token" => Some("</s>"),
        _ => None,
    }
}

/// The ids that end a generation, one or several: by `generation_config.json`
/// where there is one, even if it names none, and else by `config.json`; as
/// transformers' `generate` has it.
fn end_ids(folder: &Path, config: &HuggingFaceConfig) -> Result<Vec<u32>, LlamaError> {
    const KEY: &str = "eos_token_id";
    let path = folder.join("generation_config.json");
    if !path.exists() {
        return Ok(config.end_ids());
    }
    let value = &optional_object(&path)?[KEY];
    serde_json::from_value::<Option<TokenIds>>(value.clone())
        .map(|ids| ids.map(Into::into).unwrap_or_default())
        .map_err(|_| refuse(&path, KEY, value, "a token id, or a list of them"))
}

/// Pickled weights are programs; the folder's owner has to convert them.
fn refuse_pickles(folder: &Path) -> Result<(), LlamaError> {
    let has = |name: &str| folder.join(name).exists();
    if has("model.safetensors") || has("model.safetensors.index.json") {
        return Ok(());
    }
    let pickles = ["pytorch_model.bin", "pytorch_model.bin.index.json"];
    match pickles.into_iter().find(|name| has(name)) {
        None => Ok(()),
        Some(found) => Err(LlamaError::PickledWeights {
            path: folder.to_owned(),
            found,
        }),
    }
}
