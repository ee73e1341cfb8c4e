//! What can go wrong between a file and a model that runs.

use std::path::PathBuf;

use crate::weights::Problem;

/// An error of this crate; each names the file, the place, and what was
/// expected there.
#[derive(Debug, thiserror::Error)]
pub enum LlamaError {
    /// The model path leads nowhere.
    #[error("{path}: no such file or folder; expected a GGUF file or a Hugging Face folder")]
    NoModel {
        /// The path as given.
        path: PathBuf,
    },
    /// The path is a file of another kind.
    #[error(
        "{path}: not a model: expected a folder with config.json, or a GGUF file (its first bytes are {found:?})"
    )]
    NotAModel {
        /// The path as given.
        path: PathBuf,
        /// The file's first bytes, as text where they are.
        found: String,
    },
    /// The system refused to read a file.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A JSON file that does not parse, or lacks a field.
    #[error("{path}: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// The parser's message, with line and column.
        source: serde_json::Error,
    },
    /// A setting of `config.json` or of GGUF metadata that cannot be used.
    #[error("{path}: {field} is {found}; expected {expected}")]
    Config {
        /// The file.
        path: PathBuf,
        /// The setting, as the file spells it.
        field: String,
        /// The value found.
        found: String,
        /// What would have been accepted.
        expected: String,
    },
    /// A safetensors file that ends early or contradicts itself.
    #[error("{path}: damaged safetensors, {place}: {what}")]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// Where in the file: the header, the data, or a tensor.
        place: String,
        /// What was found there and what was expected.
        what: String,
    },
    /// An index of shards that names what is not there.
    #[error("{path}: weight_map.{tensor} is {found}; expected {expected}")]
    ShardIndex {
        /// The index.
        path: PathBuf,
        /// The tensor whose entry it is.
        tensor: String,
        /// What the entry says, or meets.
        found: String,
        /// What would have been accepted.
        expected: String,
    },
    /// Two shards that hold the same tensor.
    #[error("{second}: tensor {tensor} is in {first} as well; expected it in one shard")]
    TensorTwice {
        /// The tensor.
        tensor: String,
        /// A shard that holds it.
        first: PathBuf,
        /// Another.
        second: PathBuf,
    },
    /// A folder without weights.
    #[error("{path}: no weights: expected model.safetensors or model.safetensors.index.json")]
    NoWeights {
        /// The folder.
        path: PathBuf,
    },
    /// A GGUF file that ends early or contradicts itself.
    #[error("{path}: damaged GGUF at byte {offset}: {what}")]
    Gguf {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// What was found there and what was expected.
        what: String,
    },
    /// A tensor stored in a way that is not read.
    #[error("{path}: tensor {tensor} is stored as {found}; supported: {supported}")]
    TensorType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its type in the file.
        found: String,
        /// The types that are read.
        supported: &'static str,
    },
    /// Weights that do not fit the configuration, all at once.
    #[error("{path}: {} tensors do not fit the configuration:{}", problems.len(), list(problems))]
    Weights {
        /// The file or folder.
        path: PathBuf,
        /// Every problem found.
        problems: Vec<Problem>,
    },
    /// A tokenizer that can't be built.
    #[error("{path}: tokenizer: {what}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        what: String,
    },
    /// A tokenizer with ids that the embedding has no row for.
    #[error("{path}: the tokenizer has {tokens} tokens, the embedding {rows} rows")]
    TokenizerTooLarge {
        /// The file or folder.
        path: PathBuf,
        /// The tokenizer's vocabulary.
        tokens: usize,
        /// The embedding's rows.
        rows: usize,
    },
    /// Text or ids that the tokenizer refuses.
    #[error("tokenizer: {what}")]
    Encoding {
        /// The tokenizer's reason.
        what: String,
    },
    /// The device failed to compute or to hand out a result.
    #[error("the device failed: {0}")]
    Device(#[from] burn::tensor::TensorReadError),
    /// A prompt without tokens.
    #[error("prompt {index} is empty; a prompt needs at least one token")]
    EmptyPrompt {
        /// Which prompt, from zero.
        index: usize,
    },
    /// A token id outside the vocabulary.
    #[error("prompt {index} holds token id {id}, but the vocabulary ends at {last}")]
    TokenOutOfRange {
        /// Which prompt, from zero.
        index: usize,
        /// The id.
        id: u32,
        /// The largest id that exists.
        last: usize,
    },
    /// More positions than the model was made for.
    #[error(
        "prompt {index} has {length} tokens and may add {new}; the model has {limit} positions"
    )]
    TooLong {
        /// Which prompt, from zero.
        index: usize,
        /// Its tokens.
        length: usize,
        /// Tokens to be generated.
        new: usize,
        /// `max_position_embeddings`.
        limit: usize,
    },
}

fn list(problems: &[Problem]) -> String {
    const SHOWN: usize = 20;
    let mut text: String = problems
        .iter()
        .take(SHOWN)
        .map(|p| format!("\n  {p}"))
        .collect();
    if problems.len() > SHOWN {
        text.push_str(&format!("\n  … and {} more", problems.len() - SHOWN));
    }
    text
}
