//! The files beside the weights: tokenizer, chat template, generation settings.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Edges, write_json};
use crate::{LlamaError, LoadedModel};

/// What is copied from a source folder where it has it.
const FILES: [&str; 8] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
    "chat_template.jinja",
    "chat_template.json",
];
/// A folder of further templates, copied too.
const TEMPLATES: &str = "additional_chat_templates";

/// Copies the companions that a folder has.
pub(super) fn copy(source: &Path, folder: &Path) -> Result<(), LlamaError> {
    copy_files(source, folder, FILES.map(Into::into))?;
    let (from, to) = (source.join(TEMPLATES), folder.join(TEMPLATES));
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir(&to).map_err(LlamaError::io(&to))?;
    let names: Result<Vec<OsString>, _> = fs::read_dir(&from)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
    copy_files(&from, &to, names.map_err(LlamaError::io(&from))?)
}

fn copy_files(
    source: &Path,
    folder: &Path,
    names: impl IntoIterator<Item = OsString>,
) -> Result<(), LlamaError> {
    for name in names {
        let (from, to) = (source.join(&name), folder.join(&name));
        if from.is_file() {
            let bytes = fs::read(&from).map_err(LlamaError::io(&from))?;
            fs::write(&to, bytes).map_err(LlamaError::io(&to))?;
        }
    }
    Ok(())
}

/// Makes the companions of a model that has no such files, from a GGUF's
/// metadata say.
pub(super) fn write(loaded: &LoadedModel, edges: &Edges, folder: &Path) -> Result<(), LlamaError> {
    // transformers writes a single id as a number.
    let eos = match edges.eos.as_slice() {
        [] => Value::Null,
        [id] => json!(id),
        ids => json!(ids),
    };
    let path = folder.join("generation_config.json");
    write_json(
        &path,
        &json!({ "bos_token_id": edges.bos, "eos_token_id": eos }),
    )?;
    let Some(tokenizer) = &loaded.tokenizer else {
        return Ok(());
    };
    let path = folder.join("tokenizer.json");
    fs::write(&path, tokenizer.to_json()?).map_err(LlamaError::io(&path))?;
    let mut settings = Map::new();
    let template = loaded.chat_template.as_deref();
    let tokens = loaded.special_tokens.iter();
    for (key, value) in tokens.chain(template.map(|text| ("chat_template", text))) {
        settings.insert(key.into(), value.into());
    }
    settings.insert("clean_up_tokenization_spaces".into(), Value::Bool(false));
    settings.insert("tokenizer_class".into(), "PreTrainedTokenizerFast".into());
    write_json(
        &folder.join("tokenizer_config.json"),
        &Value::Object(settings),
    )
}
