//! A model that is a Hugging Face folder: weights, settings and tokenizer in
//! files of their own.

use std::path::Path;

use burn::tensor::Device;
use serde_json::Value;

use super::files::{optional_object, refuse};
use super::pretrained_tokenizer::Text;
use super::special_tokens::{NAMES, SpecialTokens};
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
    let text = text(folder)?;
    refuse_pickles(folder)?;
    let mut weights = SafetensorsFolder::open(folder)?;
    let model =
        LlamaForCausalLM::from_source_with(&config, &mut weights, options.precision, device)?;
    Ok(LoadedModel {
        model,
        config,
        tokenizer: text.tokenizer,
        chat_template: text.chat_template,
        special_tokens: text.special_tokens,
        end_ids: text.end_ids,
    })
}

/// What the folder's small files say about text.
pub(super) fn text(folder: &Path) -> Result<Text, LlamaError> {
    let settings_path = folder.join("tokenizer_config.json");
    let settings = optional_object(&settings_path)?;
    let special_tokens = special_tokens(folder, &settings_path, &settings)?;
    let chat_template = chat_template(folder, &settings_path, &settings)?;
    let end_ids = end_ids(folder)?;
    let tokenizer = Tokenizer::from_folder(folder)?;
    let end_ids = end_ids.unwrap_or_else(|| {
        let eos = special_tokens.eos().zip(tokenizer.as_ref());
        let eos = eos.and_then(|(text, tokenizer)| tokenizer.id(text));
        eos.into_iter().collect()
    });
    Ok(Text {
        tokenizer,
        chat_template,
        special_tokens,
        end_ids,
    })
}

/// The tokens that `tokenizer_config.json` names. `special_tokens_map.json` has
/// the last word where an older transformers wrote the folder, whose settings
/// then lack `added_tokens_decoder`.
fn special_tokens(
    folder: &Path,
    settings_path: &Path,
    settings: &Value,
) -> Result<SpecialTokens, LlamaError> {
    let map_path = folder.join("special_tokens_map.json");
    let map = match settings.get("added_tokens_decoder") {
        Some(_) => Value::Null,
        None => optional_object(&map_path)?,
    };
    let mut tokens = Vec::new();
    for name in NAMES {
        let token = match map.get(name) {
            Some(_) => special_token(&map_path, &map, name)?,
            None => special_token(settings_path, settings, name)?,
        };
        tokens.extend(token.map(|text| (name, text)));
    }
    Ok(tokens.into_iter().collect())
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
        "unk_token" => Some("<unk>"),
        _ => None,
    }
}

/// The ids that end a generation, one or several: by `generation_config.json`
/// where there is one, even if it names none, and else by `config.json`; as
/// transformers' `generate` has it. Nothing if there is neither file.
fn end_ids(folder: &Path) -> Result<Option<Vec<u32>>, LlamaError> {
    const KEY: &str = "eos_token_id";
    let paths = ["generation_config.json", "config.json"].map(|name| folder.join(name));
    let Some(path) = paths.into_iter().find(|path| path.exists()) else {
        return Ok(None);
    };
    let value = &optional_object(&path)?[KEY];
    serde_json::from_value::<Option<TokenIds>>(value.clone())
        .map(|ids| Some(ids.map(Into::into).unwrap_or_default()))
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
