//! Flags that say how a model is asked.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{PromptSettings, SchemaText};
use crate::ExampleError;

/// Flags that come before what an adapter's or a model's `prompt.json` says.
#[derive(Debug, Clone, Default, Args)]
pub struct PromptFlags {
    /// How the model is asked: a prompt.json, or a TOML file with the parts of a prompt, as prepare takes it
    /// [default: the prompt.json in the adapter's or the model's folder, where there is one]
    #[arg(long, value_name = "FILE")]
    pub prompt: Option<PathBuf>,
    /// The instruction of the prompt's system turn
    #[arg(long, value_name = "TEXT", conflicts_with = "prompt")]
    pub system: Option<String>,
    /// How the schema is written: given (as it stands with the question, else as CREATE TABLE lines), or anew as
    /// create-table, commented, m-schema or compact
    #[arg(long, value_name = "FORM")]
    pub schema: Option<SchemaText>,
}

impl PromptFlags {
    /// Whether any is given.
    pub fn any(&self) -> bool {
        self.prompt.is_some() || self.system.is_some() || self.schema.is_some()
    }

    /// The settings for a model with adapters: what the flags say, and for the rest what was saved with them.
    ///
    /// # Errors
    /// As [`PromptSettings::find`], [`PromptSettings::read`] and [`PromptSettings::read_parts`].
    pub fn settings(
        &self,
        model: &Path,
        adapters: &[PathBuf],
    ) -> Result<PromptSettings, ExampleError> {
        let mut settings = match &self.prompt {
            Some(path) if path.extension().is_some_and(|ending| ending == "json") => {
                PromptSettings::read(path)?
            }
            Some(path) => PromptSettings::read_parts(path)?,
            None => PromptSettings::find(model, adapters)?,
        };
        if let Some(system) = &self.system {
            settings.set_system(system);
        }
        if let Some(schema) = &self.schema {
            settings.schema = schema.clone();
        }
        Ok(settings)
    }
}

impl PromptSettings {
    /// Another text for the system turn, taken as it is and not as a template.
    pub fn set_system(&mut self, text: &str) {
        // As a constant, so that braces in it stay braces.
        self.parts.system = "{{ system }}".to_owned();
        let constants = &mut self.parts.constants;
        constants.insert("system".to_owned(), text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use anneal_sql::SchemaForm;
    use clap::Parser;

    use super::*;
    use crate::prompting::{PROMPT_FILE, Prompter};

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        prompt: PromptFlags,
    }

    #[test]
    fn flags_come_before_the_adapter_s_own() {
        let folder = tempfile::tempdir().unwrap();
        let adapter = folder.path().to_owned();
        let mut saved = PromptSettings {
            schema: SchemaForm::MSchema.into(),
            ..PromptSettings::default()
        };
        saved.parts.user = "{{ question }} {{ context }}".into();
        saved.save(&adapter).unwrap();
        let settings = |flags: &[&str]| {
            let flags = Flags::parse_from([&["x"], flags].concat()).prompt;
            let adapters = [adapter.clone()];
            flags.settings("m.gguf".as_ref(), &adapters)
        };
        assert_eq!(settings(&[]).unwrap(), saved);
        let found = settings(&["--schema", "given"]).unwrap();
        let given = SchemaText::Given;
        assert_eq!(
            found,
            PromptSettings {
                schema: given,
                ..saved.clone()
            }
        );
        let found = settings(&["--system", "Be {{ brief }}."]).unwrap();
        assert_eq!(
            (&found.parts.user, &found.schema),
            (&saved.parts.user, &saved.schema)
        );
        let prompter = Prompter::new(found).unwrap();
        let messages = prompter.prompt().prompt("c", "q").unwrap();
        assert_eq!(messages[0].content, "Be {{ brief }}.");
        assert_eq!(messages[1].content, "q c");

        let toml = folder.path().join("own.toml");
        std::fs::write(&toml, "user = \"{{ context }}|{{ question }}\"\n").unwrap();
        let toml = toml.to_str().unwrap();
        let found = settings(&["--prompt", toml, "--schema", "compact"]).unwrap();
        assert_eq!(found.parts.user, "{{ context }}|{{ question }}");
        assert_eq!(found.schema, SchemaForm::Compact.into());
        let json = adapter.join(PROMPT_FILE);
        assert_eq!(
            settings(&["--prompt", json.to_str().unwrap()]).unwrap(),
            saved
        );
        std::fs::write(folder.path().join("own.toml"), "usr = 1\n").unwrap();
        let message = settings(&["--prompt", toml]).unwrap_err().to_string();
        assert!(message.contains("own.toml: line 1"), "{message}");
    }
}
