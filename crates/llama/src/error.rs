//! What can go wrong between a file and a model that runs.

use std::path::PathBuf;

use crate::{Precision, weights::Problem};

/// An error of this crate; each names the file, the place, and what was
/// expected there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LlamaError {
    /// The model path leads nowhere.
    #[error("{path}: no such file or folder; expected a GGUF file or a Hugging Face folder")]
    NoModel {
        /// The path as given.
        path: PathBuf,
    },
    /// The path is a file or folder of another kind.
    #[error("{path}: not a model: {found}; expected {expected}")]
    NotAModel {
        /// The path as given.
        path: PathBuf,
        /// What is there: a file's first bytes, as text where they are.
        found: String,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// A model whose files hold no tokenizer, where text is to be read.
    #[error("{path}: no tokenizer; expected {expected}")]
    NoTokenizer {
        /// The path as given.
        path: PathBuf,
        /// Where it would have been found.
        expected: &'static str,
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
    /// A value of a JSON file that is not of the kind expected.
    #[error("{path}: {field}: {source}")]
    JsonField {
        /// The file.
        path: PathBuf,
        /// The key, with those that it lies under.
        field: String,
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
    /// A folder whose weights are pickled, which runs whatever is in them.
    #[error(
        "{path}: the weights are in {found}, a pickle, which is not read; convert them: transformers' save_pretrained writes model.safetensors"
    )]
    PickledWeights {
        /// The folder.
        path: PathBuf,
        /// The file.
        found: &'static str,
    },
    /// A folder for a model that holds files already.
    #[error("{path}: there is something already; a model is saved to a new or empty folder")]
    OutputInUse {
        /// The folder.
        path: PathBuf,
    },
    /// A model that can't be saved without losing its adapter.
    #[error("{layer} carries an adapter; merge it first, or save the adapter by itself")]
    Adapted {
        /// The path of the first adapted parameter.
        layer: String,
    },
    /// A model whose head can't be made its own any more.
    #[error("{layer} carries an adapter; untie the head first, then attach or load the adapter")]
    Untie {
        /// The path of the first adapted parameter.
        layer: String,
    },
    /// A weight that is infinite or NaN, or that a narrower type can't hold.
    #[error("{tensor} holds a value that is not finite in {dtype}; it is not saved")]
    Unsavable {
        /// The tensor.
        tensor: String,
        /// The type in the file.
        dtype: &'static str,
    },
    /// Tensors that the safetensors format can't hold.
    #[error("{path}: not written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The writer's reason.
        source: safetensors::SafeTensorError,
    },
    /// The Hub answers, but not with the file.
    #[cfg(feature = "hub")]
    #[error("{id}: {endpoint} answered {status} for {file}: {advice}")]
    HubStatus {
        /// The id.
        id: String,
        /// The server.
        endpoint: String,
        /// HTTP's status code.
        status: u16,
        /// The file asked for.
        file: String,
        /// What the code means there, and what to do.
        advice: &'static str,
    },
    /// The network failed, for all retries.
    #[cfg(feature = "hub")]
    #[error("{id}: {file} can't be fetched from {endpoint}: {source}")]
    HubDownload {
        /// The id.
        id: String,
        /// The server.
        endpoint: String,
        /// The file asked for.
        file: String,
        /// The last failure.
        source: Box<hf_hub::api::sync::ApiError>,
    },
    /// A repository that lacks what a model needs.
    #[cfg(feature = "hub")]
    #[error("{id}: {file} {what}")]
    HubFile {
        /// The id.
        id: String,
        /// The file.
        file: String,
        /// What is wrong with it and what was expected.
        what: String,
    },
    /// A file that is not in the cache, where the network may not be asked.
    #[cfg(feature = "hub")]
    #[error("{id}: {file} is not in {cache}, and the Hub may not be asked (HF_HUB_OFFLINE)")]
    HubOffline {
        /// The id.
        id: String,
        /// The file.
        file: String,
        /// The cache.
        cache: PathBuf,
    },
    /// No folder for the Hub's files.
    #[cfg(feature = "hub")]
    #[error("there is no home folder to cache models of the Hub in; set HF_HOME or HF_HUB_CACHE")]
    HubCache,
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
    #[error("{path}: {} do not fit the configuration:{}", count(problems.len()), list(problems))]
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
    #[error(
        "{path}: the tokenizer has {tokens} tokens, the embedding {rows} rows; expected a row for each"
    )]
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
    /// A token id to be decoded that does not exist.
    #[error("token id {id} does not exist; the vocabulary has {size}, counted from 0")]
    UnknownTokenId {
        /// The id.
        id: u32,
        /// One more than the largest id that exists.
        size: usize,
    },
    /// A floating-point type that the device does not compute in.
    #[error("the device {device} does not compute in {precision}; f32 works on every device")]
    UnsupportedPrecision {
        /// The type asked for.
        precision: Precision,
        /// The device.
        device: String,
    },
    /// A name that is no floating-point type of a model.
    #[error("the precision is {found:?}; expected f32 or bf16")]
    UnknownPrecision {
        /// The name as given.
        found: String,
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
        /// Its tokens, with those that prompt tuning puts in front.
        length: usize,
        /// Tokens to be generated.
        new: usize,
        /// The model's `context_length`.
        limit: usize,
    },
    /// An option of a generation with a value of no use.
    #[error("{option} is {found}; expected {expected}")]
    GenerateOption {
        /// The option, as the field of `GenerateOptions` is called.
        option: &'static str,
        /// The value found.
        found: String,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// Stop strings, but nothing to make text with.
    #[error("stop strings are looked for in text, which needs a tokenizer; there is none")]
    StopWithoutTokenizer,
    /// Processors that leave a row no token.
    #[error("prompt {row}: every token is forbidden at position {position}")]
    NothingAllowed {
        /// Which prompt, from zero.
        row: usize,
        /// The place of the token in the sequence, from zero; the prompt counts.
        position: usize,
    },
    /// A model, or a processor, that gives no distribution.
    #[error("prompt {row}: the logits at position {position} hold NaN or infinite values")]
    NotFinite {
        /// Which prompt, from zero.
        row: usize,
        /// The place of the token in the sequence, from zero; the prompt counts.
        position: usize,
    },
}

impl LlamaError {
    /// For `map_err` on file operations.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// For `map_err` on JSON.
    pub(crate) fn json(path: impl Into<PathBuf>) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.into();
        move |source| Self::Json { path, source }
    }
}

fn count(tensors: usize) -> String {
    match tensors {
        1 => "weights".into(),
        _ => format!("{tensors} tensors"),
    }
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
