//! The settings of a fine-tuning run: a TOML file, and a flag for every key.
//!
//! Each theme has a module with what may be given and what is decided from it.

mod check;
mod compute;
mod course;
mod data;
mod file;
mod given;
mod loss;
mod method;
mod training;

use std::path::{Path, PathBuf};

use anneal_data::BatchConfig;
use anneal_train::TrainerConfig;
use serde::Serialize;

pub use compute::{ComputeSettings, GivenCompute, GradientCheckpointing};
pub use course::{Best, CourseSettings, GivenCourse, OnNonFinite};
pub use data::{Aliases, DataSettings, EpochOrder, GivenData};
pub use loss::{ClassWeights, GivenLoss, LossSettings};
pub use method::{Adapter, GivenMethod, Method};
pub use training::GivenTraining;

use crate::ExampleError;
use crate::prompting::{PromptFlags, PromptSettings, SchemaText};
use check::{refuse, required};
use file::Keys;
use given::given;

given! {
    /// The model, and where results go.
    GivenBasics {
        /// The model: a GGUF file, a Hugging Face folder, or a Hub id (org/name, org/name@revision, org/name:file.gguf)
        model: PathBuf,
        /// The folder for adapter or model, checkpoints, metrics and report
        output: PathBuf,
        /// cpu, cuda:N or wgpu [default: cpu]
        device: String,
        /// How the model is asked: a prompt.json, or a TOML file with the parts of a prompt, as prepare takes it; saved
        /// with the result [default: the prompt.json in the model's folder, where there is one]
        prompt: PathBuf,
        /// The instruction of the prompt's system turn
        system: String,
        /// How the schema is written: given (as it stands in the row, else as CREATE TABLE lines), or anew as
        /// create-table, commented, m-schema or compact [default: given]
        schema: String,
        /// Seed of the adapter's initial values and the order of the data [default: 0]
        seed: u64,
    }
}

/// The settings as given: a flag wins over the file, the file over the default.
///
/// ```
/// use anneal_examples::settings::GivenSettings;
/// let text = "model = \"m.gguf\"\ndata = [\"rows.jsonl\"]\noutput = \"out\"\n\n[lora]\nr = 8\n";
/// let settings = GivenSettings::from_toml("run.toml".as_ref(), text)?.resolve()?;
/// assert_eq!((settings.method.name(), settings.trainer.optimizer.learning_rate()), ("lora", 1e-3));
/// # Ok::<(), anneal_examples::ExampleError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
pub struct GivenSettings {
    /// The model, and where results go.
    #[command(flatten)]
    pub basics: GivenBasics,
    /// What is learned from.
    #[command(flatten, next_help_heading = "Data")]
    pub data: GivenData,
    /// What is trained.
    #[command(flatten, next_help_heading = "What is trained")]
    pub method: GivenMethod,
    /// How.
    #[command(flatten, next_help_heading = "Learning rate and budget")]
    pub training: GivenTraining,
    /// In how much memory, and how exactly.
    #[command(flatten, next_help_heading = "Computation")]
    pub compute: GivenCompute,
    /// What a wrong token costs.
    #[command(flatten, next_help_heading = "Loss")]
    pub loss: GivenLoss,
    /// Checkpoints, validation, the blind test.
    #[command(flatten, next_help_heading = "Course of the run")]
    pub course: GivenCourse,
}

/// The settings of a run, every value decided.
#[derive(Debug, Clone, Serialize)]
pub struct Settings {
    /// The model.
    pub model: PathBuf,
    /// Where results go.
    pub output: PathBuf,
    /// As given to `--device`.
    pub device: String,
    /// The system turn, if one was given.
    pub system: Option<String>,
    /// How the model is asked.
    #[serde(serialize_with = "prompt_as_json")]
    pub prompt: PromptSettings,
    /// What is trained.
    pub method: Method,
    /// The adapter's settings under the name of its kind, if it is one.
    #[serde(flatten)]
    pub adapter: Option<Adapter>,
    /// Optimiser, schedule and budget.
    pub trainer: TrainerConfig,
    /// Steps and micro-batches.
    pub batches: BatchConfig,
    /// In how much memory, and how exactly it is computed.
    #[serde(flatten)]
    pub compute: ComputeSettings,
    /// What is learned from.
    #[serde(flatten)]
    pub data: DataSettings,
    /// What a wrong token costs.
    pub loss: LossSettings,
    /// Checkpoints, validation, the blind test.
    #[serde(flatten)]
    pub course: CourseSettings,
    /// The seed.
    pub seed: u64,
}

impl GivenSettings {
    /// The settings of a file's text; `path` is for error messages.
    ///
    /// A table's keys are keys that begin with its name: `[lora]` with `r = 8` is `lora_r = 8`.
    ///
    /// # Errors
    /// [`ExampleError::Toml`] for what does not parse, an unknown key, a value of another type.
    pub fn from_toml(path: &Path, text: &str) -> Result<Self, ExampleError> {
        let keys = Keys::parse(path, text)?;
        keys.refuse_unknown(&Self::keys())?;
        Ok(Self {
            basics: keys.read()?,
            data: keys.read()?,
            method: keys.read()?,
            training: keys.read()?,
            compute: keys.read()?,
            loss: keys.read()?,
            course: keys.read()?,
        })
    }

    /// Every key of a file.
    pub fn keys() -> Vec<&'static str> {
        [
            GivenBasics::KEYS,
            GivenData::KEYS,
            GivenMethod::KEYS,
            GivenTraining::KEYS,
            GivenCompute::KEYS,
            GivenLoss::KEYS,
            GivenCourse::KEYS,
        ]
        .concat()
    }

    /// Reads the file of `--config`, if any, beneath the flags.
    ///
    /// # Errors
    /// A file that can't be read, and as [`from_toml`](Self::from_toml).
    pub fn beneath(self, config: Option<&Path>) -> Result<Self, ExampleError> {
        let Some(path) = config else {
            return Ok(self);
        };
        let text = std::fs::read_to_string(path).map_err(ExampleError::io(path))?;
        let file = Self::from_toml(path, &text)?;
        Ok(Self {
            basics: self.basics.or(file.basics),
            data: self.data.or(file.data),
            method: self.method.or(file.method),
            training: self.training.or(file.training),
            compute: self.compute.or(file.compute),
            loss: self.loss.or(file.loss),
            course: self.course.or(file.course),
        })
    }

    /// Fills in the defaults and checks what can be checked without data and model; the prompt is read.
    ///
    /// # Errors
    /// A required setting that is missing, or a value out of range; a prompt that is no good.
    pub fn resolve(self) -> Result<Settings, ExampleError> {
        let basics = self.basics;
        let model = required("model", basics.model)?;
        required("data", self.data.data.as_ref())?;
        let output = required("output", basics.output)?;
        let seed = basics.seed.unwrap_or(0);
        let (method, adapter) = self.method.resolve(&model)?;
        let (data, batches) = self.data.resolve(seed)?;
        Ok(Settings {
            output,
            device: basics.device.unwrap_or_else(|| "cpu".into()),
            prompt: prompt(&model, basics.prompt, &basics.system, basics.schema)?,
            system: basics.system,
            model,
            method,
            adapter,
            trainer: self.training.resolve(method)?,
            batches,
            compute: self.compute.resolve()?,
            data,
            loss: self.loss.resolve()?,
            course: self.course.resolve()?,
            seed,
        })
    }
}

/// The prompt that the settings say, else the one that the model was trained with.
fn prompt(
    model: &Path,
    prompt: Option<PathBuf>,
    system: &Option<String>,
    schema: Option<String>,
) -> Result<PromptSettings, ExampleError> {
    if let (Some(path), Some(_)) = (&prompt, system) {
        let expected = "none beside --system";
        return Err(refuse("prompt", &path.to_string_lossy(), expected));
    }
    let schema = schema.map(|form| {
        let refused = |expected: String| {
            let expected = expected.trim_start_matches("expected ");
            refuse("schema", &form, expected)
        };
        form.parse::<SchemaText>().map_err(refused)
    });
    let flags = PromptFlags {
        prompt,
        system: system.clone(),
        schema: schema.transpose()?,
    };
    flags.settings(model, &[])
}

fn prompt_as_json<S: serde::Serializer>(prompt: &PromptSettings, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Prompt<'a> {
        parts: &'a anneal_data::PromptParts,
        schema: &'a SchemaText,
    }
    let (parts, schema) = (&prompt.parts, &prompt.schema);
    Prompt { parts, schema }.serialize(to)
}

#[cfg(test)]
mod tests;
