//! What a file of weights holds, told from its header alone.

use std::collections::BTreeMap;
use std::path::Path;

use super::file_bytes::FileBytes;
use super::gguf::GgufFile;
use super::safetensors::Shard;
use crate::{LlamaConfig, LlamaError};

/// A GGUF or safetensors file whose header has been read and checked: every
/// tensor lies within the file, in a place of its own.
///
/// Opening costs memory in proportion to the header, whatever the file claims;
/// tensors stay on disk until they are read.
///
/// ```
/// use anneal_llama::ModelFile;
///
/// let path = anneal_testkit::fixture_path("gguf/tiny-llama-q4_1.gguf");
/// let file = ModelFile::open(&path)?;
/// let projection = file.tensors().into_iter().find(|t| t.name == "blk.0.ffn_up.weight");
/// let projection = projection.ok_or("no such tensor")?;
/// assert_eq!((projection.kind, projection.shape), ("Q4_1".to_owned(), vec![96, 64]));
/// // Blocks of 32 values in 20 bytes.
/// assert_eq!(projection.bytes, 96 * 64 / 32 * 20);
/// assert_eq!(file.read("blk.0.ffn_up.weight").ok_or("no such tensor")??.len(), 96 * 64);
/// assert_eq!(file.metadata()["general.architecture"], "\"llama\"");
/// assert_eq!(file.config()?.map(|c| c.num_hidden_layers), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ModelFile(Format);

#[derive(Debug)]
enum Format {
    Gguf(GgufFile),
    Safetensors(Shard),
}

/// One row of a file's table of tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTensor {
    /// Its name in the file.
    pub name: String,
    /// Its type, as the format spells it: `Q4_K`, `BF16`.
    pub kind: String,
    /// Row-major, outermost first.
    pub shape: Vec<usize>,
    /// What it takes in the file.
    pub bytes: usize,
}

impl ModelFile {
    /// Maps a file and reads its header: a `.safetensors` by its name, a GGUF
    /// by its first bytes.
    ///
    /// # Errors
    /// [`LlamaError::Gguf`] or [`LlamaError::Safetensors`] at the first
    /// contradiction, with its place; [`LlamaError::NotAModel`] for any other
    /// file.
    pub fn open(path: &Path) -> Result<Self, LlamaError> {
        Self::parse(FileBytes::open(path)?)
    }

    /// As [`ModelFile::open`], for a whole file that is in memory; the path
    /// serves for its name and for messages.
    ///
    /// # Errors
    /// As [`ModelFile::open`].
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, LlamaError> {
        Self::parse(FileBytes::held(path, bytes))
    }

    fn parse(file: FileBytes) -> Result<Self, LlamaError> {
        if file.path.extension().is_some_and(|e| e == "safetensors") {
            return Ok(Self(Format::Safetensors(Shard::parse(file)?)));
        }
        if file.bytes().starts_with(GgufFile::MAGIC) {
            return Ok(Self(Format::Gguf(GgufFile::parse(file)?)));
        }
        let first = &file.bytes()[..file.bytes().len().min(4)];
        Err(LlamaError::NotAModel {
            found: beginning(first),
            expected: "a GGUF file, or one called .safetensors",
            path: file.path,
        })
    }

    /// Every tensor, by name.
    pub fn tensors(&self) -> Vec<StoredTensor> {
        let row = |name: &str, kind, shape: &[usize], bytes| StoredTensor {
            name: name.to_owned(),
            kind,
            shape: shape.to_vec(),
            bytes,
        };
        match &self.0 {
            Format::Gguf(file) => {
                let table = file.table();
                table
                    .map(|(n, kind, s, b)| row(n, kind.into(), s, b))
                    .collect()
            }
            Format::Safetensors(shard) => {
                let table = shard.tensors.iter();
                table
                    .map(|(n, e)| row(n, format!("{:?}", e.dtype), &e.shape, e.range.len()))
                    .collect()
            }
        }
    }

    /// The file's notes on itself, in a short form: texts in quotes, lists by
    /// their length.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        match &self.0 {
            Format::Gguf(file) => {
                let values = file.metadata.iter();
                values.map(|(k, v)| (k.clone(), v.describe())).collect()
            }
            Format::Safetensors(shard) => {
                let texts = shard.metadata.iter();
                texts.map(|(k, v)| (k.clone(), format!("{v:?}"))).collect()
            }
        }
    }

    /// One tensor as f32, in the file's own order (a GGUF's q and k rows are
    /// interleaved); `None` if the file has no tensor of that name.
    ///
    /// # Errors
    /// [`LlamaError::TensorType`] if it is stored in a way that is not read.
    pub fn read(&self, name: &str) -> Option<Result<Vec<f32>, LlamaError>> {
        match &self.0 {
            Format::Gguf(file) => file.tensor(name),
            Format::Safetensors(shard) => {
                let stored = shard.stored(name, shard.tensors.get(name)?);
                Some(stored.map(|stored| stored.values()))
            }
        }
    }

    /// The configuration that a GGUF's metadata describes; `None` for
    /// safetensors, which have theirs in `config.json`.
    ///
    /// # Errors
    /// [`LlamaError::Config`] if it is not a Llama's.
    pub fn config(&self) -> Result<Option<LlamaConfig>, LlamaError> {
        match &self.0 {
            Format::Gguf(file) => file.config().map(Some),
            Format::Safetensors(_) => Ok(None),
        }
    }
}

/// A file of an unknown kind, described by its first bytes.
pub(crate) fn beginning(first: &[u8]) -> String {
    match first {
        [] => "an empty file".into(),
        _ => format!(
            "a file that begins with {:?}",
            String::from_utf8_lossy(first)
        ),
    }
}
