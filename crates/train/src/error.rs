//! Everything that can go wrong while training, one variant per failure.

use std::path::{Path, PathBuf};

/// The result of a training operation.
pub type Result<T, E = TrainError> = std::result::Result<T, E>;

/// A failure that names the file, the place, what was found and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A setting is out of its range.
    #[error("`{name}` must be {expected}, got {value}")]
    InvalidSetting {
        /// The setting's name.
        name: &'static str,
        /// The value that was given.
        value: String,
        /// The values that are allowed.
        expected: &'static str,
    },
    /// No token of any micro-batch is trained, so that there is no mean loss.
    #[error(
        "step {step}: none of its {micro_batches} micro-batches trains a token; check the label masks"
    )]
    NoTrainedTokens {
        /// The step, from 1.
        step: u64,
        /// Micro-batches that the step saw.
        micro_batches: usize,
    },
    /// The loss does not depend on a tensor that requires a gradient.
    #[error(
        "step {step}: the loss of micro-batch {micro_batch} records no gradient; \
         put the model on an autodiff device and leave a parameter trainable"
    )]
    NotRecorded {
        /// The step, from 1.
        step: u64,
        /// The micro-batch within the step, from 0.
        micro_batch: usize,
    },
    /// Gradients were recorded, but none of them belongs to a trained parameter of the module.
    #[error(
        "step {step}: none of the module's {trained} trained parameters received a gradient; \
         the loss must be computed from the module given to the step"
    )]
    NoGradient {
        /// The step, from 1.
        step: u64,
        /// Parameters of the module that require a gradient.
        trained: usize,
    },
    /// A micro-batch's loss is infinite or not a number; nothing was updated.
    #[error(
        "step {step}: the loss of micro-batch {micro_batch} is {value}; no parameter was updated"
    )]
    NonFiniteLoss {
        /// The step, from 1.
        step: u64,
        /// The micro-batch within the step, from 0.
        micro_batch: usize,
        /// The loss sum.
        value: f64,
    },
    /// A gradient is infinite or not a number, or its square overflows; nothing was updated.
    #[error(
        "step {step}: the gradient of `{parameter}` has the norm {value}; no parameter was updated"
    )]
    NonFiniteGradient {
        /// The step, from 1.
        step: u64,
        /// The module path of the first such parameter.
        parameter: String,
        /// The norm of its gradient.
        value: f64,
    },
    /// A run stopped at a step whose loss or gradient is not finite; nothing was updated.
    #[error("{}", non_finite(cause, micro_batches, layer.as_deref(), *skipped, folder))]
    NonFiniteStep {
        /// The loss or the gradient: [`NonFiniteLoss`](Self::NonFiniteLoss) or
        /// [`NonFiniteGradient`](Self::NonFiniteGradient).
        cause: Box<TrainError>,
        /// The micro-batches that have it, from 0, and the numbers of their rows.
        micro_batches: Vec<(usize, Vec<u64>)>,
        /// The module path of the first layer with a non-finite output, where it is known.
        layer: Option<String>,
        /// Steps that were passed over before.
        skipped: u64,
        /// The folder with the parameters before the step, the rows and their losses.
        folder: PathBuf,
    },
    /// A run is to begin in a folder that has checkpoints of another.
    #[error(
        "`{}` has checkpoints of an earlier run; resume it, or choose another folder",
        path.display()
    )]
    OutputInUse {
        /// The output folder.
        path: PathBuf,
    },
    /// A run is to go on, and there is nothing to go on from.
    #[error("`{}` has no run to go on from: it has no checkpoint and no metrics", path.display())]
    NothingToResume {
        /// The output folder.
        path: PathBuf,
    },
    /// The first validation lacks the value that the run judges by.
    #[error(
        "the validation after step {step} gave no {by}, by which the best checkpoint is chosen"
    )]
    NothingToJudgeBy {
        /// Steps done before the validation.
        step: u64,
        /// `loss` or `score`.
        by: &'static str,
    },
    /// The system does not let the program handle a signal.
    #[error("cannot handle signal {signal}: {source}")]
    Signal {
        /// The signal's number.
        signal: i32,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `rename`, …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A tensor file is cut short or is no safetensors file.
    #[error("`{}` is no complete safetensors file (truncated, or damaged): {source}", file.display())]
    Safetensors {
        /// The file.
        file: PathBuf,
        /// What the parser met.
        source: safetensors::SafeTensorError,
    },
    /// A tensor file's contents are not what the module and its optimiser need.
    #[error("`{}` does not fit the module: {}", file.display(), mismatch(missing, unexpected, mismatched))]
    TensorMismatch {
        /// The file.
        file: PathBuf,
        /// Names that the module has and the file lacks.
        missing: Vec<String>,
        /// Names that the file has and the module lacks.
        unexpected: Vec<String>,
        /// One sentence for each tensor whose shape or type differs.
        mismatched: Vec<String>,
    },
    /// A tensor has an element type that cannot be written to a checkpoint.
    #[error("`{parameter}` has the element type {dtype}; a checkpoint holds f64, f32, f16 or bf16")]
    UnsupportedDtype {
        /// The parameter's module path.
        parameter: String,
        /// Its element type.
        dtype: String,
    },
    /// A JSON file or line does not have the form that this version writes.
    #[error("`{}`, line {line}: {source}", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser met.
        source: serde_json::Error,
    },
    /// A checkpoint was written by a version with another format.
    #[error("`{}` has the checkpoint format {found}; this version reads format {expected}", file.display())]
    FormatVersion {
        /// The file.
        file: PathBuf,
        /// The format in the file.
        found: u32,
        /// The format that is read.
        expected: u32,
    },
    /// A checkpoint belongs to a run with other settings.
    #[error(
        "`{}` was written with other settings (fingerprint {found}, this run's is {expected}); \
         resume with the settings it was started with, or start anew",
        file.display()
    )]
    OtherSettings {
        /// The file.
        file: PathBuf,
        /// The fingerprint in the file.
        found: String,
        /// The fingerprint of this run.
        expected: String,
    },
    /// A regular expression over module paths does not compile, or gave up while matching.
    #[error("`{setting}` holds {pattern:?}, which is not a usable regular expression: {source}")]
    Pattern {
        /// The setting that it came from.
        setting: &'static str,
        /// The expression as it was written.
        pattern: String,
        /// What the regex engine says.
        source: Box<fancy_regex::Error>,
    },
    /// A regular expression names no parameter, so that the setting would have no effect.
    #[error("`{setting}` holds {pattern:?}, which matches the whole path of no parameter; there are {}", examples.join(", "))]
    UnmatchedPattern {
        /// The setting that it came from.
        setting: &'static str,
        /// The expression as it was written.
        pattern: String,
        /// Some of the paths that there are.
        examples: Vec<String>,
    },
    /// A choice of what is trained leaves nothing to train.
    #[error("nothing is chosen to be trained: {selection} of {parameters} parameters")]
    NothingSelected {
        /// What was asked for.
        selection: String,
        /// Parameters of the module.
        parameters: usize,
    },
    /// A parameter that was chosen cannot be trained.
    #[error(
        "`{path}` holds {dtype} values, which have no gradient; load it in f32, or do not choose it"
    )]
    NotTrainable {
        /// The parameter's module path.
        path: String,
        /// Its element type.
        dtype: String,
    },
    /// A checkpoint holds the state of another optimiser.
    #[error("`{}` was written with the optimiser {found}, this run's is {expected}", file.display())]
    OtherOptimizer {
        /// The file.
        file: PathBuf,
        /// The optimiser in the file.
        found: String,
        /// The optimiser of this run.
        expected: String,
    },
    /// The budget limits tokens, and the caller counts none: the run would never end.
    #[error(
        "step {step}: the budget has max_tokens, and no token was counted; call Accumulator::count_tokens"
    )]
    TokensNotCounted {
        /// The step, from 1.
        step: u64,
    },
    /// The budget limits tokens, and an old checkpoint does not say how many there were.
    #[error("`{}` does not say how many tokens went through the model, which max_tokens needs; resume it without max_tokens", file.display())]
    TokensUnknown {
        /// The file.
        file: PathBuf,
    },
}

impl TrainError {
    /// What to make of an operating system's answer about a path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// Whether it is a loss or a gradient that is not finite.
    pub(crate) fn is_non_finite(&self) -> bool {
        matches!(
            self,
            Self::NonFiniteLoss { .. } | Self::NonFiniteGradient { .. }
        )
    }
}

/// One sentence of what, where and what to look at.
fn non_finite(
    cause: &TrainError,
    micro_batches: &[(usize, Vec<u64>)],
    layer: Option<&str>,
    skipped: u64,
    folder: &Path,
) -> String {
    let mut text = cause.to_string();
    for (index, rows) in micro_batches {
        text.push_str(&format!("; micro-batch {index}"));
        if !rows.is_empty() {
            text.push_str(&format!(" has the {}", rows_text(rows)));
        }
    }
    if let Some(layer) = layer {
        text.push_str(&format!(
            "; the first layer with such an output is `{layer}`"
        ));
    }
    if skipped > 0 {
        text.push_str(&format!("; {skipped} such steps were passed over before"));
    }
    text.push_str(&format!("; the step is saved in `{}`", folder.display()));
    text
}

/// `row 3` or `rows 3, 7, 9`.
pub(crate) fn rows_text(rows: &[u64]) -> String {
    let numbers: Vec<String> = rows.iter().map(u64::to_string).collect();
    let word = if rows.len() == 1 { "row" } else { "rows" };
    format!("{word} {}", numbers.join(", "))
}

/// Lists the three kinds of difference, the empty ones left out.
fn mismatch(missing: &[String], unexpected: &[String], mismatched: &[String]) -> String {
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("missing {}", missing.join(", ")));
    }
    if !unexpected.is_empty() {
        parts.push(format!("unexpected {}", unexpected.join(", ")));
    }
    if !mismatched.is_empty() {
        parts.push(mismatched.join(", "));
    }
    parts.join("; ")
}
