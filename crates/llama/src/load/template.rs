//! Which of a folder's chat templates is the model's.
//!
//! Compared against transformers 5.23 (`PreTrainedTokenizerBase`, and
//! `ProcessorMixin` for `chat_template.json`, `from_pretrained`): a template
//! file wins over a template in `tokenizer_config.json`, an additional file
//! called `default` over the single one, and of several the one called
//! `default` renders a conversation without tools.

use std::path::Path;

use serde_json::Value;

use super::files::{optional_object, read_text, refuse};
use crate::LlamaError;

/// The default template, from the first place that has one:
/// `additional_chat_templates/default.jinja`, `chat_template.jinja`,
/// `chat_template` in `tokenizer_config.json`, the processors' old
/// `chat_template.json`.
pub(super) fn chat_template(
    folder: &Path,
    settings_path: &Path,
    settings: &Value,
) -> Result<Option<String>, LlamaError> {
    for name in [
        "additional_chat_templates/default.jinja",
        "chat_template.jinja",
    ] {
        let path = folder.join(name);
        if path.exists() {
            return read_text(&path).map(Some);
        }
    }
    let of = |path: &Path, file: &Value| default_of(path, &file["chat_template"]);
    if let Some(template) = of(settings_path, settings)? {
        return Ok(Some(template));
    }
    let path = folder.join("chat_template.json");
    of(&path, &optional_object(&path)?)
}

/// A template by itself, or the default of a list of `{"name", "template"}`.
fn default_of(path: &Path, value: &Value) -> Result<Option<String>, LlamaError> {
    match value {
        Value::Null => Ok(None),
        Value::String(template) => Ok(Some(template.clone())),
        Value::Array(entries) => {
            let mut default = None;
            for (index, entry) in entries.iter().enumerate() {
                let (Some(name), Some(template)) =
                    (entry["name"].as_str(), entry["template"].as_str())
                else {
                    let field = format!("chat_template[{index}]");
                    let expected = "an object with the texts `name` and `template`";
                    return Err(refuse(path, &field, entry, expected));
                };
                if name == "default" {
                    default = Some(template.to_owned());
                }
            }
            Ok(default)
        }
        other => Err(refuse(
            path,
            "chat_template",
            other,
            "a text, or a list of named texts",
        )),
    }
}
