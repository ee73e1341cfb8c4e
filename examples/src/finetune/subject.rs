//! What is trained, put on the model and written at the end.

use std::path::PathBuf;

use anneal_llama::{LoadedModel, SaveOptions};
use anneal_peft::{AdapterConfig, AttachReport, attach, save_adapter};
use anneal_train::{Selection, select};

use crate::settings::{Adapter, Method, Settings};
use crate::{Conversation, ExampleError};

/// Freezes what is not trained, and attaches the adapter if the method has one.
///
/// # Errors
/// Settings that do not fit the model.
pub(super) fn attach_subject(
    settings: &Settings,
    conversation: &Conversation,
    mut loaded: LoadedModel,
) -> Result<(LoadedModel, AttachReport), ExampleError> {
    let Some(adapter) = &settings.adapter else {
        return select_of_model(settings.method, loaded);
    };
    let config = of_model(adapter, conversation, &loaded)?;
    let (model, report) = attach(loaded.model, &config, settings.seed)?;
    loaded.model = model;
    Ok((loaded, report))
}

/// The settings with what only the model and its tokenizer can tell.
fn of_model(
    adapter: &Adapter,
    conversation: &Conversation,
    loaded: &LoadedModel,
) -> Result<AdapterConfig, ExampleError> {
    let Adapter::PromptTuning(config) = adapter else {
        return Ok(adapter.into());
    };
    let of = &loaded.config;
    let mut config =
        config
            .clone()
            .with_model(of.hidden_size, of.num_hidden_layers, of.num_attention_heads);
    if let Some(text) = &config.prompt_tuning_init_text {
        config.init_token_ids = conversation.tokenizer().encode(text, false)?;
    }
    Ok(AdapterConfig::PromptTuning(config))
}

/// Where the result of a run lies.
pub(super) fn result_folder(settings: &Settings) -> PathBuf {
    match settings.adapter {
        Some(_) => settings.output.join("adapter"),
        None => settings.output.join("model"),
    }
}

/// Writes the adapter, or the whole model in the place of an earlier session's, and how it is asked.
///
/// # Errors
/// A folder that cannot be written.
pub(super) fn save_subject(
    settings: &Settings,
    loaded: &LoadedModel,
) -> Result<PathBuf, ExampleError> {
    let folder = result_folder(settings);
    if settings.adapter.is_some() {
        save_adapter(&loaded.model, &folder)?;
        settings.prompt.save(&folder)?;
        return Ok(folder);
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(ExampleError::io(&folder))?;
    }
    // A folder's own tokenizer files go with the model; those of a GGUF file are made from it.
    let source = settings.model.is_dir().then(|| settings.model.clone());
    let options = SaveOptions {
        source,
        ..SaveOptions::default()
    };
    loaded.save(&folder, &options)?;
    settings.prompt.save(&folder)?;
    Ok(folder)
}

/// Without an adapter: what is trained of the model itself, by Hugging Face's names.
fn select_of_model(
    method: Method,
    mut loaded: LoadedModel,
) -> Result<(LoadedModel, AttachReport), ExampleError> {
    let selection = match method {
        Method::Norms => Selection::matching([r".*norm\.weight"]),
        Method::Embeddings => Selection::matching([r".*embed_tokens\.weight"]),
        _ => Selection::All,
    };
    let (model, selected) = select(loaded.model, &selection)?;
    loaded.model = model;
    let report = AttachReport {
        adapted: selected.paths,
        unmatched: Vec::new(),
        trainable_params: selected.trained_values as usize,
        all_params: selected.all_values as usize,
    };
    Ok((loaded, report))
}
