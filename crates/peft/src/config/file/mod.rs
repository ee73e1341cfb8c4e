//! `adapter_config.json`, as PEFT 0.21 writes and reads it.
//!
//! Three kinds of fields: those of our settings are read and written; those
//! that change what an adapter computes and that we do not do are refused when
//! they are switched on; the others, a future version's included, are ignored,
//! as PEFT does. `peft_version` is not written, since PEFT did not write the file.

mod fields;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::path::Path;

use crate::{
    AdapterConfig, LoraConfig, PeftError,
    files::{CONFIG_FILE, read, write_atomically},
};
use fields::Fields;

impl AdapterConfig {
    /// Reads `adapter_config.json` in a folder.
    ///
    /// Absent and null fields have PEFT's defaults; `target_modules` and
    /// `num_virtual_tokens` have none. For IA3 the default of
    /// `feedforward_modules` is a Llama's, `["down_proj"]`.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is not a JSON object, a field of a wrong
    /// type or value, or one that asks for something we do not do. Each names
    /// the file and the field.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self, PeftError> {
        let file = dir.as_ref().join(CONFIG_FILE);
        let fields =
            serde_json::from_slice(&read(&file)?).map_err(|source| PeftError::ConfigSyntax {
                file: file.clone(),
                source,
            })?;
        Fields {
            file: &file,
            fields,
        }
        .adapter()
    }

    /// Writes `adapter_config.json` into a folder.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), PeftError> {
        let file = dir.join(CONFIG_FILE);
        // serde_json cannot fail on strings, numbers and lists, but its
        // signature says so, and a reason costs nothing to pass on.
        let mut text =
            serde_json::to_vec_pretty(&self.to_json()).map_err(|source| PeftError::Write {
                file: file.clone(),
                source: source.into(),
            })?;
        text.push(b'\n');
        write_atomically(&file, &text)
    }
}

impl LoraConfig {
    /// Reads `adapter_config.json` in a folder that holds a LoRA adapter.
    ///
    /// # Errors
    ///
    /// What [`AdapterConfig::from_dir`] refuses, and an adapter of another kind.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self, PeftError> {
        match AdapterConfig::from_dir(&dir)? {
            AdapterConfig::Lora(config) => Ok(config),
            other => Err(PeftError::ConfigField {
                file: dir.as_ref().join(CONFIG_FILE),
                field: "peft_type".into(),
                found: format!("{:?}", other.peft_type().name()),
                expected: "\"LORA\"",
            }),
        }
    }
}
