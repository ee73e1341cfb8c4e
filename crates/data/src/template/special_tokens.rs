//! The special tokens that a tokenizer's files name, which transformers lets its templates write.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::TemplateError;
use super::load::{read_json, wrong_type};
use crate::DataError;

/// The names that every tokenizer may give to a token; others end in `_token` or stand in
/// `extra_special_tokens`.
const NAMES: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// Special tokens by the names under which a template knows them: `bos_token`, `eos_token`, `pad_token`, …
///
/// Compared against transformers 5.23 (`special_tokens_map`), without the defaults that a tokenizer class
/// brings in code.
///
/// # Example
/// ```
/// use anneal_data::SpecialTokens;
///
/// let tokens = SpecialTokens::new().with("eos_token", "</s>");
/// assert_eq!(tokens.get("eos_token"), Some("</s>"));
/// assert_eq!(tokens.get("bos_token"), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    by_name: BTreeMap<String, String>,
}

impl SpecialTokens {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// These and one more; a token of the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.by_name.insert(name.into(), text.into());
        self
    }

    /// The text of a token.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(String::as_str)
    }

    /// Names and texts, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.by_name
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The tokens of a `tokenizer_config.json` or a `special_tokens_map.json`: texts, or objects with a `content`.
    ///
    /// # Errors
    /// A file that cannot be read or is no JSON, and a token of another type, by name.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let mut tokens = Self::new();
        tokens.replace(path, &read_json(path)?)?;
        Ok(tokens)
    }

    /// The tokens of a model's folder: those of `tokenizer_config.json`, and over them those of the older
    /// `special_tokens_map.json`, which is read where the former has no `added_tokens_decoder`.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file), of files that are there.
    pub fn from_folder(folder: impl AsRef<Path>) -> Result<Self, DataError> {
        let folder = folder.as_ref();
        let mut tokens = Self::new();
        let settings = folder.join("tokenizer_config.json");
        if settings.exists() {
            let value = read_json(&settings)?;
            tokens.replace(&settings, &value)?;
            if value.get("added_tokens_decoder").is_some() {
                return Ok(tokens);
            }
        }
        let map = folder.join("special_tokens_map.json");
        if map.exists() {
            tokens.replace(&map, &read_json(&map)?)?;
        }
        Ok(tokens)
    }

    /// Takes the tokens of `settings`, which were read from `path`, in place of those of the same names; null
    /// takes a name away.
    fn replace(&mut self, path: &Path, settings: &Value) -> Result<(), TemplateError> {
        for (name, value) in settings.as_object().into_iter().flatten() {
            if NAMES.contains(&name.as_str()) {
                match token(path, name, value)? {
                    Some(text) => self.by_name.insert(name.clone(), text),
                    None => self.by_name.remove(name),
                };
            } else if name.ends_with("_token")
                && let Some(text) = text(value)
            {
                // Switches such as `add_bos_token` end so too.
                self.by_name.insert(name.clone(), text);
            }
        }
        // A list of extra tokens has no names and is not given to templates; an object has, and stands in
        // for the other key.
        let keys = ["extra_special_tokens", "model_specific_special_tokens"];
        if let Some(key) = keys.into_iter().find(|key| settings[*key].is_object()) {
            for (name, value) in settings[key].as_object().into_iter().flatten() {
                if let Some(text) = token(path, &format!("{key}.{name}"), value)? {
                    self.by_name.insert(name.clone(), text);
                }
            }
        }
        Ok(())
    }
}

/// The text of a token that is one, or an object with a `content`.
fn text(value: &Value) -> Option<String> {
    let text = value.as_str().or_else(|| value["content"].as_str());
    text.map(str::to_owned)
}

fn token(path: &Path, field: &str, value: &Value) -> Result<Option<String>, TemplateError> {
    if value.is_null() {
        return Ok(None);
    }
    match text(value) {
        Some(text) => Ok(Some(text)),
        None => Err(wrong_type(
            path,
            field,
            "a string, or an object with the string `content`",
            value,
        )),
    }
}
