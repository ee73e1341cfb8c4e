//! Everything that can go wrong, one variant per failure.
//!
//! Messages name the file, the field or tensor, what was found and what was
//! expected, because the reader of such a message rarely knows this crate.

use std::path::PathBuf;

use crate::{mismatch::Mismatch, targets::TargetModules};

/// A failure to attach, merge, save or load an adapter.
#[derive(Debug, thiserror::Error)]
pub enum PeftError {
    /// A setting of a [`LoraConfig`](crate::LoraConfig) is out of its range.
    #[error("{field} is {found}, but it must be {expected}")]
    InvalidSetting {
        /// The setting, by PEFT's name.
        field: String,
        /// Its value.
        found: String,
        /// The values that are allowed.
        expected: &'static str,
    },
    /// A regular expression in `target_modules`, `exclude_modules` or a
    /// pattern's key does not compile, or gave up while matching.
    #[error("{field} holds {pattern:?}, which is not a usable regular expression: {source}")]
    Pattern {
        /// The setting, by PEFT's name.
        field: &'static str,
        /// The expression as it was written.
        pattern: String,
        /// What the regex engine says.
        source: Box<fancy_regex::Error>,
    },
    /// The module holds no `burn::nn::Linear`, so there is nothing to adapt.
    #[error("the module has no Linear layer, so there is nothing to adapt")]
    NoLinear,
    /// `target_modules` (after `exclude_modules`) names no linear layer.
    #[error("target_modules {targets} matches no Linear layer; the nearest are {}", nearest.join(", "))]
    NoMatch {
        /// What was asked for.
        targets: TargetModules,
        /// The last segments of the paths that exist, the most alike first.
        nearest: Vec<String>,
    },
    /// A fresh adapter of this rank would have more parameters than it can use.
    #[error(
        "{path} maps {d_input} features to {d_output}, so an adapter of rank {rank} is wider \
         than the layer; use a rank of at most {}", (*d_input).min(*d_output)
    )]
    RankTooLarge {
        /// The layer.
        path: String,
        /// The rank asked for.
        rank: usize,
        /// Size of the layer's input.
        d_input: usize,
        /// Size of the layer's output.
        d_output: usize,
    },
    /// The layer already carries an adapter.
    #[error("{path} already carries an adapter; merge it first, or start from the base model")]
    AlreadyAdapted {
        /// The layer.
        path: String,
    },
    /// No layer of the module carries an adapter of this crate.
    #[error("the module carries no adapter; call attach or load_adapter first")]
    NotAdapted,
    /// The configuration given for saving is not the one that was attached.
    #[error("{path} carries {found}, but the configuration to be saved says {expected}")]
    ConfigMismatch {
        /// The layer.
        path: String,
        /// The adapter that it carries.
        found: String,
        /// The adapter by the configuration.
        expected: String,
    },
    /// The adapter does more than low-rank factors can say, so that no export
    /// of factors alone computes the same.
    #[error(
        "{field} is {found}, which low-rank factors alone cannot say; merge the adapter and \
         export the model instead"
    )]
    NotBakeable {
        /// The setting, by PEFT's name.
        field: &'static str,
        /// Its value.
        found: String,
    },
    /// Values that are NaN or infinite would be written or merged.
    #[error("NaN or infinite values in {}", tensors.join(", "))]
    NonFinite {
        /// The tensors or weights that hold them.
        tensors: Vec<String>,
    },
    /// A weight's singular values were not found in the steps allowed.
    #[error("the singular value decomposition of {path} did not converge")]
    NoConvergence {
        /// The layer.
        path: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// `adapter_config.json` is cut short or not JSON.
    #[error("{} is not a JSON object: {source}", file.display())]
    ConfigSyntax {
        /// The file.
        file: PathBuf,
        /// The parser's reason, with line and column.
        source: serde_json::Error,
    },
    /// A field of `adapter_config.json` is absent, or has a wrong type or value.
    #[error("{}: {field} is {found}, but it must be {expected}", file.display())]
    ConfigField {
        /// The file.
        file: PathBuf,
        /// The field.
        field: String,
        /// What it holds.
        found: String,
        /// What it may hold.
        expected: &'static str,
    },
    /// A field of `adapter_config.json` asks for something that changes what
    /// the adapter computes and that this crate does not do.
    #[error(
        "{}: {field} is {found}, which is not supported; loading it anyway would compute \
         something else than the adapter means", file.display()
    )]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// The field.
        field: String,
        /// What it holds.
        found: String,
    },
    /// `adapter_model.safetensors` is cut short or not in that format.
    #[error("{} is not a complete safetensors file: {source}", file.display())]
    Weights {
        /// The file.
        file: PathBuf,
        /// The parser's reason.
        source: safetensors::SafeTensorError,
    },
    /// The tensors in the file are not those that the configuration and the
    /// module ask for.
    #[error("{} does not fit the module: {mismatch}", file.display())]
    Mismatch {
        /// The file.
        file: PathBuf,
        /// Every difference found.
        mismatch: Box<Mismatch>,
    },
}
