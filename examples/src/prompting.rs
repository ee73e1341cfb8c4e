//! How a model is asked: the prompt's templates and the form of the schema, saved beside what was trained on them.
//!
//! A model answers best what looks like its training. So `finetune` writes these settings as `prompt.json` into
//! the adapter's folder (beside `adapter_config.json`), or into the model's folder after full fine-tuning;
//! `evaluate` and `ask` read them back. PEFT loads its two files and takes no notice of a third.

mod fitting;
mod flags;
mod linking;
mod prompter;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anneal_data::{PromptParts, SqlPrompt};
use anneal_sql::{SchemaForm, SchemaStyle};
use serde::{Deserialize, Serialize};

use crate::{ExampleError, write_json};
pub use fitting::Asked;
pub use flags::PromptFlags;
pub use prompter::Prompter;

/// The file's name.
pub const PROMPT_FILE: &str = "prompt.json";

/// The version of the file that this program writes and reads.
const VERSION: u64 = 1;

/// How a question and a schema become messages.
///
/// # Example
/// ```
/// use anneal_examples::prompting::{PromptSettings, SchemaText};
///
/// let settings = PromptSettings { schema: "compact".parse::<SchemaText>()?, ..PromptSettings::default() };
/// let adapter = tempfile::tempdir()?;
/// settings.save(adapter.path())?;
/// assert_eq!(PromptSettings::of(adapter.path())?, Some(settings));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PromptSettings {
    /// The templates of the turns.
    pub parts: PromptParts,
    /// How the schema is written where a template says `context`.
    pub schema: SchemaText,
}

/// How the schema is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaText {
    /// The row's own `context` as it stands; where there is none, the database's tables as
    /// [`schema_text`](anneal_sql::schema_text) writes them.
    #[default]
    Given,
    /// Written anew in this style: from the database, whole, with samples of its values if the style shows any;
    /// from the tables of the row's `context` where there is no database.
    Styled(SchemaStyle),
}

/// The words of `--schema`.
const FORMS: [(&str, SchemaForm); 4] = [
    ("create-table", SchemaForm::CreateTable),
    ("commented", SchemaForm::Commented),
    ("m-schema", SchemaForm::MSchema),
    ("compact", SchemaForm::Compact),
];

impl SchemaText {
    /// The style to write a schema in: what [`schema_text`](anneal_sql::schema_text) uses where none is chosen.
    pub fn style(&self) -> SchemaStyle {
        match self {
            Self::Given => SchemaForm::CreateTable.style(),
            Self::Styled(style) => style.clone(),
        }
    }
}

impl From<SchemaForm> for SchemaText {
    /// The form in its usual style.
    fn from(form: SchemaForm) -> Self {
        Self::Styled(form.style())
    }
}

impl FromStr for SchemaText {
    type Err = String;

    /// `given`, or a form in its usual style: `create-table`, `commented`, `m-schema`, `compact`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "given" {
            return Ok(Self::Given);
        }
        let form = FORMS.iter().find(|(name, _)| *name == text);
        form.map(|(_, form)| (*form).into()).ok_or_else(|| {
            "expected given, create-table, commented, m-schema or compact".to_owned()
        })
    }
}

impl fmt::Display for SchemaText {
    /// The word that [`FromStr`] reads; a style that is not the form's usual one is named by its form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Given => "given",
            Self::Styled(style) => FORMS
                .iter()
                .find(|(_, form)| *form == style.form)
                .map_or("given", |(name, _)| name),
        };
        f.write_str(word)
    }
}

impl From<&SqlPrompt> for PromptSettings {
    /// The prompt's parts, with schemas as they are given.
    fn from(prompt: &SqlPrompt) -> Self {
        Self {
            parts: prompt.parts().clone(),
            schema: SchemaText::Given,
        }
    }
}

impl From<&PromptSettings> for PromptSettings {
    fn from(settings: &PromptSettings) -> Self {
        settings.clone()
    }
}

/// The file: the settings and its version.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnDisk {
    version: u64,
    parts: PromptParts,
    schema: SchemaText,
}

/// What is read before anything else.
#[derive(Deserialize)]
struct Version {
    version: u64,
}

impl PromptSettings {
    /// Writes `prompt.json` into `folder`, whole or not at all.
    ///
    /// # Errors
    /// [`ExampleError::Io`] if the file can't be written.
    pub fn save(&self, folder: &Path) -> Result<(), ExampleError> {
        let file = OnDisk {
            version: VERSION,
            parts: self.parts.clone(),
            schema: self.schema.clone(),
        };
        write_json(&folder.join(PROMPT_FILE), &file)
    }

    /// Reads a file that [`save`](Self::save) wrote, and tries its templates.
    ///
    /// # Errors
    /// [`ExampleError::Io`] and [`ExampleError::Json`] for a file that is missing or damaged,
    /// [`ExampleError::PromptVersion`] for another version, [`ExampleError::Prompt`] for templates that are no good.
    pub fn read(path: &Path) -> Result<Self, ExampleError> {
        let text = std::fs::read_to_string(path).map_err(ExampleError::io(path))?;
        let Version { version } = serde_json::from_str(&text).map_err(ExampleError::json(path))?;
        if version != VERSION {
            return Err(ExampleError::PromptVersion {
                path: path.to_owned(),
                found: version,
                expected: VERSION,
            });
        }
        let file: OnDisk = serde_json::from_str(&text).map_err(ExampleError::json(path))?;
        let settings = Self {
            parts: file.parts,
            schema: file.schema,
        };
        settings.checked(path)
    }

    /// Reads the parts of a prompt from TOML, as `prepare --prompt` does; schemas are taken as they are given.
    ///
    /// # Errors
    /// A file that is missing, does not parse, or holds templates that are no good.
    pub fn read_parts(path: &Path) -> Result<Self, ExampleError> {
        let text = std::fs::read_to_string(path).map_err(ExampleError::io(path))?;
        let parts = toml::from_str(&text).map_err(ExampleError::toml(path, &text))?;
        let settings = Self {
            parts,
            schema: SchemaText::Given,
        };
        settings.checked(path)
    }

    /// The settings in a folder of an adapter or of a model; `None` where there is no `prompt.json`, or no folder.
    ///
    /// # Errors
    /// As [`read`](Self::read) for a file that is there.
    pub fn of(folder: &Path) -> Result<Option<Self>, ExampleError> {
        let path = folder.join(PROMPT_FILE);
        match path.is_file() {
            true => Self::read(&path).map(Some),
            false => Ok(None),
        }
    }

    /// The settings that a model was trained with: those of its adapters, else those in its folder, else the defaults.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`ExampleError::PromptsDiffer`] where two adapters want to be asked in different ways.
    pub fn find(model: &Path, adapters: &[PathBuf]) -> Result<Self, ExampleError> {
        let mut found: Option<(&Path, Self)> = None;
        for adapter in adapters {
            let Some(settings) = Self::of(adapter)? else {
                continue;
            };
            match &found {
                Some((first, earlier)) if *earlier != settings => {
                    return Err(ExampleError::PromptsDiffer {
                        first: first.join(PROMPT_FILE),
                        second: adapter.join(PROMPT_FILE),
                    });
                }
                Some(_) => {}
                None => found = Some((adapter, settings)),
            }
        }
        match found {
            Some((_, settings)) => Ok(settings),
            None => Ok(Self::of(model)?.unwrap_or_default()),
        }
    }

    /// The templates are tried here, so that the error names the file.
    fn checked(self, path: &Path) -> Result<Self, ExampleError> {
        match SqlPrompt::new(self.parts.clone()) {
            Ok(_) => Ok(self),
            Err(source) => Err(ExampleError::Prompt {
                path: path.to_owned(),
                source,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_comes_back_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(PromptSettings::of(folder.path()).unwrap(), None);
        let mut settings = PromptSettings::default();
        settings.parts.system = "Ask {{ dialect }}.".into();
        settings.parts.user = "{{ question }}\n\n{{ context }}\n".into();
        settings.parts.answer = "```sql\n{{ sql }}\n```".into();
        let dialect = ("dialect".to_owned(), "SQLite".to_owned());
        settings.parts.constants.extend([dialect]);
        settings.schema = SchemaText::Styled(SchemaStyle {
            samples: 7,
            ranges: true,
            ..SchemaForm::MSchema.style()
        });
        settings.save(folder.path()).unwrap();
        assert_eq!(PromptSettings::of(folder.path()).unwrap(), Some(settings));
    }

    #[test]
    fn a_damaged_file_or_one_of_another_version_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PROMPT_FILE);
        PromptSettings::default().save(folder.path()).unwrap();
        let good = std::fs::read_to_string(&path).unwrap();
        let refused = |text: String| {
            std::fs::write(&path, text).unwrap();
            let message = PromptSettings::of(folder.path()).unwrap_err().to_string();
            assert!(message.contains("prompt.json"), "{message}");
            message
        };
        let cases = [
            (
                good.replace("\"version\": 1", "\"version\": 2"),
                "version 2",
            ),
            // A later version may hold fields that this one does not know.
            ("{\"version\": 9, \"new\": true}".into(), "version 9"),
            (good[..good.len() / 2].into(), "EOF"),
            (
                good.replace("\"version\": 1,", ""),
                "missing field `version`",
            ),
            (
                good.replace("\"schema\"", "\"shema\""),
                "unknown field `shema`",
            ),
            (
                good.replace("\"given\"", "\"prose\""),
                "unknown variant `prose`",
            ),
            (good.replace("{{ question }}", "{{ qestion }}"), "qestion"),
            (good.replace("-- {{ question }}", ""), "ignores `question`"),
            ("[]".into(), "invalid"),
        ];
        for (text, expected) in cases {
            let message = refused(text);
            assert!(message.contains(expected), "{expected}: {message}");
        }
    }

    #[test]
    fn an_adapter_comes_before_the_model_and_two_must_agree() {
        let folder = tempfile::tempdir().unwrap();
        let [model, one, two, bare] = ["model", "one", "two", "bare"].map(|name| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        });
        let with = |form: SchemaForm| PromptSettings {
            schema: form.into(),
            ..PromptSettings::default()
        };
        let find = |adapters: &[&PathBuf]| {
            let adapters: Vec<PathBuf> = adapters.iter().copied().cloned().collect();
            PromptSettings::find(&model, &adapters)
        };
        assert_eq!(find(&[&bare]).unwrap(), PromptSettings::default());
        with(SchemaForm::Compact).save(&model).unwrap();
        assert_eq!(find(&[]).unwrap(), with(SchemaForm::Compact));
        assert_eq!(find(&[&bare]).unwrap(), with(SchemaForm::Compact));
        with(SchemaForm::MSchema).save(&one).unwrap();
        assert_eq!(find(&[&bare, &one]).unwrap(), with(SchemaForm::MSchema));
        with(SchemaForm::MSchema).save(&two).unwrap();
        assert_eq!(find(&[&one, &two]).unwrap(), with(SchemaForm::MSchema));
        with(SchemaForm::Commented).save(&two).unwrap();
        let message = find(&[&one, &two]).unwrap_err().to_string();
        assert!(
            message.contains("one") && message.contains("two"),
            "{message}"
        );
        assert!(message.contains("--prompt"), "{message}");
        // A GGUF file is no folder.
        let file = folder.path().join("model.gguf");
        std::fs::write(&file, "").unwrap();
        let found = PromptSettings::find(&file, &[]).unwrap();
        assert_eq!(found, PromptSettings::default());
    }

    #[test]
    fn the_words_for_schemas_are_read_back() {
        for word in ["given", "create-table", "commented", "m-schema", "compact"] {
            assert_eq!(word.parse::<SchemaText>().unwrap().to_string(), word);
        }
        let message = "ddl".parse::<SchemaText>().unwrap_err();
        assert!(message.contains("m-schema"), "{message}");
    }
}
