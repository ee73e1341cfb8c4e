//! How a model is written.

use std::path::PathBuf;

use safetensors::Dtype;

/// Settings of [`save`](crate::save).
///
/// ```
/// use anneal_llama::{SaveDtype, SaveOptions};
///
/// let options = SaveOptions { dtype: SaveDtype::Bf16, ..SaveOptions::default() };
/// assert_eq!(options.max_shard_bytes, 5_000_000_000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveOptions {
    /// The type of every tensor in the files.
    pub dtype: SaveDtype,
    /// The most bytes of tensors in one file; a larger tensor gets a file of
    /// its own.
    pub max_shard_bytes: u64,
    /// A Hugging Face folder whose tokenizer, template and generation settings
    /// go with the model.
    pub source: Option<PathBuf>,
}

impl Default for SaveOptions {
    /// f32, in shards of 5 GB: what the Hub's own checkpoints mostly have.
    fn default() -> Self {
        Self {
            dtype: SaveDtype::F32,
            max_shard_bytes: 5_000_000_000,
            source: None,
        }
    }
}

/// A type of stored weights. Narrower than the model's means rounding, to the
/// nearest value and to even between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SaveDtype {
    /// IEEE single precision.
    #[default]
    F32,
    /// The upper half of a single: its range, 8 bits of precision.
    Bf16,
    /// IEEE half precision: 11 bits, and nothing above 65,504.
    F16,
}

impl SaveDtype {
    /// torch's name, as `config.json` has it.
    pub(super) fn torch_name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::Bf16 => "bfloat16",
            Self::F16 => "float16",
        }
    }

    pub(super) fn stored(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::Bf16 => Dtype::BF16,
            Self::F16 => Dtype::F16,
        }
    }

    /// Bytes of one value.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::F16 => 2,
        }
    }
}
