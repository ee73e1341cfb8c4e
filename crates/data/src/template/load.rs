//! Chat templates from a model's files.
//!
//! Compared against transformers 5.23 (`PreTrainedTokenizerBase.from_pretrained`, `get_chat_template`, and
//! `ProcessorMixin` for the last of the places): template files win over a template in
//! `tokenizer_config.json`, and of several the one named `default` renders a conversation without tools.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{ChatTemplate, SpecialTokens, TemplateError};
use crate::DataError;
use crate::record::{type_name, without_place};

const SETTINGS: &str = "tokenizer_config.json";

/// A template's text with the file that it stands in.
struct Found {
    path: PathBuf,
    source: String,
}

impl ChatTemplate {
    /// A model's template with its special tokens, from its folder or one of its files.
    ///
    /// - A folder: `additional_chat_templates/default.jinja`, else `chat_template.jinja`, else `chat_template`
    ///   in `tokenizer_config.json` (a text, or a list of `{"name", "template"}`, of which `default` is
    ///   taken), else `chat_template.json`.
    /// - A file whose name ends in `.json`: its `chat_template`, as above.
    /// - Any other file is Jinja.
    ///
    /// The special tokens are those of the same folder ([`SpecialTokens::from_folder`]), if there are any.
    ///
    /// # Errors
    /// [`TemplateError`]: a file that cannot be read or is no JSON (with the line), that holds no template or
    /// no default one, and a template that does not parse, with the file and the template's line.
    ///
    /// # Example
    /// ```
    /// use anneal_data::{ChatTemplate, Message};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let settings = r#"{"eos_token": {"content": "</s>"}, "chat_template": "{{ messages[0].content + eos_token }}"}"#;
    /// std::fs::write(folder.path().join("tokenizer_config.json"), settings)?;
    /// let template = ChatTemplate::from_file(folder.path())?;
    /// assert_eq!(template.render(&[Message::user("Hi")], false)?, "Hi</s>");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let (folder, found) = if path.is_dir() {
            (path, in_folder(path)?)
        } else {
            let folder = path.parent().unwrap_or(Path::new(""));
            (folder, Some(in_file(path)?))
        };
        let found = found.ok_or_else(|| TemplateError::NoTemplate {
            path: path.to_owned(),
            expected: "`chat_template.jinja`, or `chat_template` in `tokenizer_config.json`",
        })?;
        let tokens = SpecialTokens::from_folder(folder)?;
        Self::with_tokens(&found.source, &tokens).map_err(|error| match error {
            DataError::TemplateSyntax { line, message } => TemplateError::Syntax {
                path: found.path,
                line,
                message,
            }
            .into(),
            other => other,
        })
    }
}

fn in_file(path: &Path) -> Result<Found, TemplateError> {
    let is_json = path
        .extension()
        .is_some_and(|extension| extension == "json");
    if !is_json {
        return Ok(Found {
            path: path.to_owned(),
            source: read(path)?,
        });
    }
    in_settings(path)?.ok_or_else(|| TemplateError::NoTemplate {
        path: path.to_owned(),
        expected: "a field `chat_template`",
    })
}

fn in_folder(folder: &Path) -> Result<Option<Found>, TemplateError> {
    let mut files = BTreeMap::new();
    let single = folder.join("chat_template.jinja");
    if single.exists() {
        files.insert("default".to_owned(), single);
    }
    // Read later, so that a `default` there replaces the single file.
    let several = folder.join("additional_chat_templates");
    if several.is_dir() {
        let unreadable = |source| TemplateError::Read {
            path: several.clone(),
            source,
        };
        for entry in fs::read_dir(&several).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            if let Some(stem) = name.to_string_lossy().strip_suffix(".jinja") {
                files.insert(stem.to_owned(), several.join(&name));
            }
        }
    }
    if let Some(path) = files.get("default") {
        return in_file(path).map(Some);
    }
    if !files.is_empty() {
        return Err(TemplateError::NoDefault {
            path: folder.to_owned(),
            names: files.into_keys().collect(),
        });
    }
    for name in [SETTINGS, "chat_template.json"] {
        let path = folder.join(name);
        if path.exists()
            && let Some(found) = in_settings(&path)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The `chat_template` of a JSON file.
fn in_settings(path: &Path) -> Result<Option<Found>, TemplateError> {
    let settings = read_json(path)?;
    let source = match &settings["chat_template"] {
        Value::Null => return Ok(None),
        Value::String(source) => source.clone(),
        Value::Array(entries) => default_of(path, entries)?,
        other => {
            let expected = "a string, or an array of objects with `name` and `template`";
            return Err(wrong_type(path, "chat_template", expected, other));
        }
    };
    let path = path.to_owned();
    Ok(Some(Found { path, source }))
}

fn default_of(path: &Path, entries: &[Value]) -> Result<String, TemplateError> {
    let mut names = Vec::new();
    let mut default = None;
    for (index, entry) in entries.iter().enumerate() {
        let (Some(name), Some(template)) = (entry["name"].as_str(), entry["template"].as_str())
        else {
            let field = format!("chat_template[{index}]");
            let expected = "an object with the strings `name` and `template`";
            return Err(wrong_type(path, &field, expected, entry));
        };
        names.push(name.to_owned());
        if name == "default" {
            default = Some(template.to_owned());
        }
    }
    default.ok_or_else(|| TemplateError::NoDefault {
        path: path.to_owned(),
        names,
    })
}

fn read(path: &Path) -> Result<String, TemplateError> {
    fs::read_to_string(path).map_err(|source| TemplateError::Read {
        path: path.to_owned(),
        source,
    })
}

pub(super) fn read_json(path: &Path) -> Result<Value, TemplateError> {
    let value: Value = serde_json::from_str(&read(path)?).map_err(|error| TemplateError::Json {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
        message: without_place(&error),
    })?;
    if !value.is_object() {
        return Err(wrong_type(path, ".", "an object", &value));
    }
    Ok(value)
}

pub(super) fn wrong_type(
    path: &Path,
    field: &str,
    expected: &'static str,
    found: &Value,
) -> TemplateError {
    TemplateError::Field {
        path: path.to_owned(),
        field: field.to_owned(),
        expected,
        found: type_name(found),
    }
}
