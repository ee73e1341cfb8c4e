//! Everything that can go wrong, one variant per failure.
//!
//! Messages name the file, the field or tensor, what was found and what was
//! expected, because the reader of such a message rarely knows this crate.

use std::path::PathBuf;

use crate::{PeftType, mismatch::Mismatch, targets::TargetModules};

/// A failure to attach, merge, save or load an adapter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeftError {
    /// A setting is out of its range, or does not go with the others.
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
    /// `modules_to_save` names no module.
    #[error("modules_to_save names {name:?}, which ends no module's path; the nearest are {}", nearest.join(", "))]
    NoSuchModule {
        /// The name.
        name: String,
        /// The last segments of the paths that exist, the most alike first.
        nearest: Vec<String>,
    },
    /// The method works on linear layers alone.
    #[error("{path} is an embedding, which {method} cannot adapt; leave it out of target_modules")]
    NotLinear {
        /// The layer.
        path: String,
        /// The method.
        method: PeftType,
    },
    /// Prompt tuning needs an embedding to stand beside.
    #[error("the module has no Embedding, so there is nothing to put virtual tokens before")]
    NoEmbedding,
    /// A parameter that is neither a vector nor a matrix.
    #[error("{path} is neither a vector nor a matrix, so it cannot be trained beside an adapter")]
    UnsupportedShape {
        /// The parameter.
        path: String,
    },
    /// The module already carries an adapter.
    #[error(
        "{path} already carries the adapter {name:?}; add another with add_adapter, merge it \
         first, or start from the base model"
    )]
    AlreadyAdapted {
        /// A parameter that carries it.
        path: String,
        /// Its name.
        name: String,
    },
    /// The parameter carries a reparameterization that is not this crate's.
    #[error(
        "{path} carries a reparameterization of another kind, such as burn's own LoRA; \
         materialize the module first, or start from the base model"
    )]
    ForeignReparameterization {
        /// The parameter.
        path: String,
    },
    /// The module carries an adapter of this name.
    #[error(
        "the module already carries an adapter {name:?}; remove it first, or choose another name"
    )]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The module carries no adapter of this name.
    #[error("the module carries no adapter {name:?}; it carries {}", known.join(", "))]
    UnknownAdapter {
        /// The name asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The adapter's update is not a plain sum, so it stands alone.
    #[error(
        "the adapter {name:?} does more at {path} than add a low-rank update, so it cannot be \
         summed with others"
    )]
    NotAdditive {
        /// The adapter.
        name: String,
        /// Where.
        path: String,
    },
    /// Factors of different ranks can't be added one by one.
    #[error("the adapters have ranks {ranks:?} at {path}; combine them by Cat or Svd")]
    RanksDiffer {
        /// The layer.
        path: String,
        /// Their ranks.
        ranks: Vec<usize>,
    },
    /// The adapter is merged into the weights.
    #[error("the adapter {name:?} is merged into the weights; unmerge it first")]
    Merged {
        /// The adapter.
        name: String,
    },
    /// A prompt would be merged.
    #[error(
        "the adapter {name:?} is a prompt of virtual tokens, which no weight can hold; keep it \
         beside the model, or switch it off before merging"
    )]
    PromptMerge {
        /// The adapter.
        name: String,
    },
    /// No adapter is merged.
    #[error("no adapter is merged into the weights")]
    NotMerged,
    /// Merging would change the embedding and the head together, and the
    /// adapter changes only one of them.
    #[error(
        "the adapter {name:?} changes {module} alone, but {head} and {weight} are one matrix, so \
         merging it would change both; keep the adapter beside the model, give the model a head of \
         its own before the adapter is loaded (`untie` in anneal-llama, `convert --untie`), or train \
         it with ensure_weight_tying"
    )]
    TiedHead {
        /// The adapter.
        name: String,
        /// What it changes.
        module: String,
        /// The head.
        head: String,
        /// The matrix.
        weight: String,
    },
    /// No layer of the module carries an adapter of this crate.
    #[error("the module carries no active adapter; call attach, load_adapter or set_active first")]
    NotAdapted,
    /// The adapter does more than low-rank factors of linear layers can say, so
    /// that no export of factors alone computes the same.
    #[error("{field} is {found}, which low-rank factors alone cannot say; {advice}")]
    NotBakeable {
        /// The setting, by PEFT's name.
        field: &'static str,
        /// Its value.
        found: String,
        /// What to do instead.
        advice: &'static str,
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
