//! The settings of a fine-tuning run: a TOML file, and a flag for every key.

use std::path::{Path, PathBuf};

use anneal_data::BatchConfig;
use anneal_peft::{InitLoraWeights, LoraConfig, TargetModules};
use anneal_train::{AdamWConfig, Budget, Decay, Schedule, TrainerConfig, Warmup};
use serde::{Deserialize, Serialize};

use crate::ExampleError;

/// The settings as given: a flag wins over the file, the file over the default.
#[derive(Debug, Clone, Default, Deserialize, clap::Args)]
#[serde(default, deny_unknown_fields)]
pub struct GivenSettings {
    /// The model: a GGUF file, a Hugging Face folder, or a Hub id (org/name, org/name@revision, org/name:file.gguf)
    #[arg(long)]
    pub model: Option<PathBuf>,
    /// Questions to learn from, JSON lines: {"db_id", "question", "sql", "context"}; may be repeated
    #[arg(long)]
    pub data: Option<Vec<PathBuf>>,
    /// The folder of the databases, DIR/<db_id>/<db_id>.sqlite; with it, execution accuracy is
    /// measured on held-out databases before and after training
    #[arg(long)]
    pub databases: Option<PathBuf>,
    /// The folder for adapter, checkpoints, metrics and report
    #[arg(long)]
    pub output: Option<PathBuf>,
    /// cpu, cuda:N or wgpu [default: cpu]
    #[arg(long)]
    pub device: Option<String>,
    /// The instruction of the prompt's system turn
    #[arg(long)]
    pub system: Option<String>,
    /// Stop after this many passes over the data
    #[arg(long)]
    pub epochs: Option<f64>,
    /// Stop after this many optimiser steps
    #[arg(long)]
    pub max_steps: Option<u64>,
    /// Stop after this many minutes of training [default, where no limit is given: 1 epoch]
    #[arg(long)]
    pub max_minutes: Option<f64>,
    /// Peak learning rate; larger models want a lower one [default: 1e-3]
    #[arg(long)]
    pub learning_rate: Option<f64>,
    /// Optimiser steps of linear warm-up [default: 10]
    #[arg(long)]
    pub warmup_steps: Option<u64>,
    /// After the warm-up: cosine, linear or constant [default: cosine]
    #[arg(long)]
    pub decay: Option<String>,
    /// Decoupled weight decay [default: 0]
    #[arg(long)]
    pub weight_decay: Option<f64>,
    /// Clip the global gradient norm to this [default: 1]
    #[arg(long)]
    pub max_grad_norm: Option<f64>,
    /// Examples of an optimiser step [default: 16]
    #[arg(long)]
    pub batch_size: Option<usize>,
    /// Tokens that go through the model at once, padding included; bounds memory [default: 1024]
    #[arg(long)]
    pub micro_tokens: Option<usize>,
    /// Put several examples into one row, as far as micro-tokens allow; a step holds the same
    /// examples either way [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    pub pack: Option<bool>,
    /// Widths that rows are padded to, ascending, with commas between them [default: multiples of 8]
    #[arg(long, value_delimiter = ',')]
    pub buckets: Option<Vec<usize>>,
    /// Rows with more tokens are left out [default: 384]
    #[arg(long)]
    pub max_length: Option<usize>,
    /// Rank of the adapter [default: 16]
    #[arg(long)]
    pub lora_r: Option<usize>,
    /// The adapter's alpha; its scale is alpha / rank [default: 32]
    #[arg(long)]
    pub lora_alpha: Option<f64>,
    /// Dropout on the adapter's input [default: 0]
    #[arg(long)]
    pub lora_dropout: Option<f64>,
    /// Scale by alpha / sqrt(rank) instead of alpha / rank [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    pub use_rslora: Option<bool>,
    /// Train the lengths of the weights' columns apart from their directions (DoRA) [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    pub use_dora: Option<bool>,
    /// How the adapter begins: true (PEFT's default), false, gaussian, pissa, pissa_niter_N or olora
    /// [default: true]
    #[arg(long, value_parser = init_lora_weights)]
    pub init_lora_weights: Option<InitLoraWeights>,
    /// Layers to adapt: "all-linear", a regular expression, or names with commas between them
    /// [default: all-linear]
    #[arg(long)]
    pub target_modules: Option<String>,
    /// Hold out every N-th database of the sorted list; 0 holds out none [default: 10]
    #[arg(long)]
    pub hold_out_every: Option<usize>,
    /// Held-out questions to measure on, before and after; 0 for none [default: 200]
    #[arg(long)]
    pub eval_questions: Option<usize>,
    /// Prompts that are answered together [default: 20]
    #[arg(long)]
    pub eval_batch_size: Option<usize>,
    /// Tokens of an answer at most [default: 96]
    #[arg(long)]
    pub max_new_tokens: Option<usize>,
    /// Steps between two checkpoints [default: 50]
    #[arg(long)]
    pub checkpoint_every: Option<u64>,
    /// Checkpoints to keep [default: 2]
    #[arg(long)]
    pub keep_checkpoints: Option<usize>,
    /// Seed of the adapter's initial values and the order of the data [default: 0]
    #[arg(long)]
    pub seed: Option<u64>,
}

/// The settings of a run, every value decided.
#[derive(Debug, Clone, Serialize)]
pub struct Settings {
    /// The model.
    pub model: PathBuf,
    /// Question files.
    pub data: Vec<PathBuf>,
    /// Databases.
    pub databases: Option<PathBuf>,
    /// Where results go.
    pub output: PathBuf,
    /// As given to `--device`.
    pub device: String,
    /// The system turn, if not the default's.
    pub system: Option<String>,
    /// The adapter.
    pub lora: LoraConfig,
    /// Optimiser, schedule and budget.
    pub trainer: TrainerConfig,
    /// Steps and micro-batches.
    pub batches: BatchConfig,
    /// Rows with more tokens are left out.
    pub max_length: usize,
    /// Every N-th database is held out.
    pub hold_out_every: usize,
    /// Held-out questions to measure on.
    pub eval_questions: usize,
    /// Prompts answered together.
    pub eval_batch_size: usize,
    /// Tokens of an answer.
    pub max_new_tokens: usize,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Checkpoints to keep.
    pub keep_checkpoints: usize,
    /// The seed.
    pub seed: u64,
}

/// `flags.key` where given, else `file.key`.
macro_rules! prefer {
    ($flags:ident, $file:ident, $($key:ident),+ $(,)?) => {
        GivenSettings { $($key: $flags.$key.or($file.$key)),+ }
    };
}

impl GivenSettings {
    /// Reads the file of `--config`, if any, beneath the flags.
    ///
    /// # Errors
    /// A file that can't be read, does not parse, or holds an unknown key.
    pub fn beneath(self, config: Option<&Path>) -> Result<Self, ExampleError> {
        let Some(path) = config else {
            return Ok(self);
        };
        let text = std::fs::read_to_string(path).map_err(ExampleError::io(path))?;
        let file: Self = toml::from_str(&text).map_err(ExampleError::toml(path, &text))?;
        Ok(prefer!(
            self,
            file,
            model,
            data,
            databases,
            output,
            device,
            system,
            epochs,
            max_steps,
            max_minutes,
            learning_rate,
            warmup_steps,
            decay,
            weight_decay,
            max_grad_norm,
            batch_size,
            micro_tokens,
            pack,
            buckets,
            max_length,
            lora_r,
            lora_alpha,
            lora_dropout,
            use_rslora,
            use_dora,
            init_lora_weights,
            target_modules,
            hold_out_every,
            eval_questions,
            eval_batch_size,
            max_new_tokens,
            checkpoint_every,
            keep_checkpoints,
            seed,
        ))
    }

    /// Fills in the defaults and checks what can be checked without files.
    ///
    /// # Errors
    /// A required setting that is missing, or a value out of range.
    pub fn resolve(self) -> Result<Settings, ExampleError> {
        let model = required("model", self.model)?;
        let data = required("data", self.data.filter(|files| !files.is_empty()))?;
        let output = required("output", self.output)?;
        let at_least_1 = |setting, value: usize| match value {
            0 => Err(refuse(setting, "0", "at least 1")),
            value => Ok(value),
        };
        let seed = self.seed.unwrap_or(0);
        let limited = self.max_steps.is_some() || self.max_minutes.is_some();
        let budget = Budget {
            max_steps: self.max_steps,
            epochs: self.epochs.or((!limited).then_some(1.0)),
            max_minutes: self.max_minutes,
        };
        let trainer = TrainerConfig {
            optimizer: AdamWConfig {
                learning_rate: self.learning_rate.unwrap_or(1e-3),
                weight_decay: self.weight_decay.unwrap_or(0.0),
                ..AdamWConfig::default()
            },
            schedule: Schedule {
                decay: decay(self.decay.as_deref().unwrap_or("cosine"))?,
                warmup: Warmup::Steps(self.warmup_steps.unwrap_or(10)),
            },
            max_grad_norm: Some(self.max_grad_norm.unwrap_or(1.0)),
            budget,
        };
        let lora = LoraConfig::new(targets(self.target_modules.as_deref()))
            .with_r(self.lora_r.unwrap_or(16))
            .with_lora_alpha(self.lora_alpha.unwrap_or(32.0))
            .with_lora_dropout(self.lora_dropout.unwrap_or(0.0))
            .with_use_rslora(self.use_rslora.unwrap_or(false))
            .with_use_dora(self.use_dora.unwrap_or(false))
            .with_init_lora_weights(self.init_lora_weights.unwrap_or_default())
            .with_base_model(model.to_string_lossy());
        lora.validate()?;
        let mut batches = BatchConfig {
            batch_size: at_least_1("batch-size", self.batch_size.unwrap_or(16))?,
            micro_tokens: at_least_1("micro-tokens", self.micro_tokens.unwrap_or(1024))?,
            buckets: self.buckets.unwrap_or_default(),
            seed,
            ..BatchConfig::default()
        };
        if self.pack.unwrap_or(false) {
            batches.capacity = Some(capacity(&batches)?);
        }
        Ok(Settings {
            model,
            data,
            databases: self.databases,
            output,
            device: self.device.unwrap_or_else(|| "cpu".into()),
            system: self.system,
            lora,
            trainer,
            batches,
            max_length: at_least_1("max-length", self.max_length.unwrap_or(384))?,
            hold_out_every: self.hold_out_every.unwrap_or(10),
            eval_questions: self.eval_questions.unwrap_or(200),
            eval_batch_size: at_least_1("eval-batch-size", self.eval_batch_size.unwrap_or(20))?,
            max_new_tokens: at_least_1("max-new-tokens", self.max_new_tokens.unwrap_or(96))?,
            checkpoint_every: self.checkpoint_every.unwrap_or(50).max(1),
            keep_checkpoints: at_least_1("keep-checkpoints", self.keep_checkpoints.unwrap_or(2))?,
            seed,
        })
    }
}

fn required<T>(setting: &'static str, value: Option<T>) -> Result<T, ExampleError> {
    let missing = || ExampleError::Missing {
        setting,
        key: setting.replace('-', "_"),
    };
    value.ok_or_else(missing)
}

fn refuse(setting: &'static str, found: &str, expected: &str) -> ExampleError {
    ExampleError::Setting {
        setting,
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}

/// Tokens of a packed row: as many as a micro-batch can hold in one.
fn capacity(batches: &BatchConfig) -> Result<usize, ExampleError> {
    batches.widest_row().ok_or_else(|| {
        let narrowest = batches.buckets.first().unwrap_or(&batches.width_step);
        let expected = format!("at least {narrowest}, the narrowest row, with --pack");
        refuse("micro-tokens", &batches.micro_tokens.to_string(), &expected)
    })
}

fn decay(name: &str) -> Result<Decay, ExampleError> {
    match name {
        "cosine" => Ok(Decay::Cosine),
        "linear" => Ok(Decay::Linear),
        "constant" => Ok(Decay::Constant),
        other => Err(refuse("decay", other, "cosine, linear or constant")),
    }
}

/// PEFT's `true`, `false` or a name.
fn init_lora_weights(text: &str) -> Result<InitLoraWeights, String> {
    let value = match text {
        "true" => true.into(),
        "false" => false.into(),
        name => serde_json::Value::from(name),
    };
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// `a,b` is a list of names; anything else a pattern, as in PEFT. A single name
/// is a list of one: as a pattern it would match no whole path.
fn targets(text: Option<&str>) -> TargetModules {
    let Some(text) = text else {
        return TargetModules::all_linear();
    };
    let plain = |c: char| c.is_alphanumeric() || "_,. ".contains(c);
    if text.eq_ignore_ascii_case("all-linear") || !text.chars().all(plain) {
        return TargetModules::Pattern(text.to_owned());
    }
    TargetModules::names(
        text.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        let text =
            "model = \"m.gguf\"\ndata = [\"a.jsonl\"]\noutput = \"out\"\nlora_r = 4\nseed = 7\n";
        std::fs::write(&path, text).unwrap();
        let flags = GivenSettings {
            lora_r: Some(8),
            ..GivenSettings::default()
        };
        let settings = flags.beneath(Some(&path)).unwrap().resolve().unwrap();
        assert_eq!(settings.model, Path::new("m.gguf"));
        assert_eq!(
            (settings.lora.r, settings.seed, settings.batches.seed),
            (8, 7, 7)
        );
        assert_eq!((settings.lora.lora_alpha, settings.max_length), (32.0, 384));
        assert_eq!(settings.trainer.budget.epochs, Some(1.0));
    }

    #[derive(clap::Parser)]
    struct Flags {
        #[command(flatten)]
        settings: GivenSettings,
    }

    #[test]
    fn the_adapter_s_kind_is_given_by_flags_or_by_the_file() {
        use clap::Parser;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        let text = "model = \"m\"\ndata = [\"a\"]\noutput = \"o\"\nuse_rslora = true\n\
                    use_dora = true\ninit_lora_weights = \"pissa_niter_4\"\n";
        std::fs::write(&path, text).unwrap();
        let lora = |flags: &[&str]| {
            let given = Flags::parse_from([&["finetune"], flags].concat()).settings;
            let lora = given.beneath(Some(&path)).unwrap().resolve().unwrap().lora;
            (lora.use_rslora, lora.use_dora, lora.init_lora_weights)
        };
        assert_eq!(lora(&[]), (true, true, InitLoraWeights::PissaNiter(4)));
        let flags = [
            "--use-rslora=false",
            "--use-dora",
            "--init-lora-weights",
            "false",
        ];
        assert_eq!(lora(&flags), (false, true, InitLoraWeights::Random));

        let wrong = ["finetune", "--init-lora-weights", "eva"];
        let error = Flags::try_parse_from(wrong).map(|_| ()).unwrap_err();
        let message = "init_lora_weights is \"eva\", but it must be true, false, \"gaussian\"";
        assert!(error.to_string().contains(message), "{error}");
        std::fs::write(&path, text.replace("pissa_niter_4", "eva")).unwrap();
        let error = GivenSettings::default().beneath(Some(&path)).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains(message) && error.contains("line 6"),
            "{error}"
        );
    }

    #[test]
    fn packing_fills_the_widest_row_that_a_micro_batch_holds() {
        use clap::Parser;
        let batches = |flags: &[&str]| {
            let needed = ["finetune", "--model", "m", "--data", "d", "--output", "o"];
            let given = Flags::parse_from([&needed, flags].concat()).settings;
            given.resolve().map(|settings| settings.batches)
        };
        // Old runs are known by their settings as JSON: what is not used is not in it.
        let plain = serde_json::to_string(&batches(&[]).unwrap()).unwrap();
        assert!(
            !plain.contains("capacity") && !plain.contains("buckets"),
            "{plain}"
        );
        assert_eq!(batches(&["--pack=false"]).unwrap(), batches(&[]).unwrap());
        let packed = batches(&["--pack", "--micro-tokens", "1001"]).unwrap();
        assert_eq!((packed.capacity, packed.buckets), (Some(1000), vec![]));
        let packed = batches(&["--pack", "--buckets", "256,512,2048"]).unwrap();
        assert_eq!(
            (packed.capacity, packed.buckets),
            (Some(512), vec![256, 512, 2048])
        );
        let error = batches(&["--pack", "--micro-tokens", "200", "--buckets", "256"]).unwrap_err();
        let message =
            "--micro-tokens is 200; expected at least 256, the narrowest row, with --pack";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn mistakes_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, "modle = \"m.gguf\"\n").unwrap();
        let unknown = GivenSettings::default()
            .beneath(Some(&path))
            .unwrap_err()
            .to_string();
        assert!(
            unknown.contains("run.toml") && unknown.contains("modle"),
            "{unknown}"
        );
        let missing = GivenSettings::default().resolve().unwrap_err().to_string();
        assert_eq!(
            missing,
            "model is missing: give --model, or `model` in the file of --config"
        );
        let given = || GivenSettings {
            model: Some("m".into()),
            data: Some(vec!["d".into()]),
            output: Some("o".into()),
            ..GivenSettings::default()
        };
        let zero = GivenSettings {
            batch_size: Some(0),
            ..given()
        };
        assert_eq!(
            zero.resolve().unwrap_err().to_string(),
            "--batch-size is 0; expected at least 1"
        );
        let wrong = GivenSettings {
            decay: Some("exp".into()),
            ..given()
        };
        let message = wrong.resolve().unwrap_err().to_string();
        assert_eq!(
            message,
            "--decay is exp; expected cosine, linear or constant"
        );
    }

    #[test]
    fn target_modules_are_names_or_a_pattern() {
        assert_eq!(
            targets(Some("q_proj, v_proj")),
            TargetModules::names(["q_proj", "v_proj"])
        );
        assert_eq!(targets(Some("q_proj")), TargetModules::names(["q_proj"]));
        assert_eq!(targets(Some("all-linear")), TargetModules::all_linear());
        let pattern = r".*\.(q|v)_proj";
        assert_eq!(
            targets(Some(pattern)),
            TargetModules::Pattern(pattern.into())
        );
    }
}
