//! Named tensors from files to parameters, with one strict report.

mod builder;
mod file_bytes;
mod float;
mod gguf;
mod model_file;
mod problem;
mod random;
mod safetensors;
mod stored;

use std::path::Path;

pub(crate) use builder::Builder;
pub(crate) use gguf::{GgufFile, GgufWeights, Value as GgufValue};
pub(crate) use model_file::beginning;
pub use model_file::{ModelFile, StoredTensor};
pub use problem::Problem;
pub use random::RandomWeights;
pub(crate) use safetensors::SafetensorsFolder;
#[cfg(feature = "hub")]
pub(crate) use safetensors::shard_files;

use crate::LlamaError;

/// Where a model's tensors come from, under Hugging Face's names and layout.
pub trait TensorSource {
    /// The file or folder, for messages.
    fn location(&self) -> &Path;

    /// One tensor as f32 in row-major order, `[out, in]` for linear layers;
    /// or the problem that it is missing or of another shape.
    ///
    /// # Errors
    /// If the file can't be read at that place.
    fn tensor(
        &mut self,
        name: &str,
        shape: &[usize],
    ) -> Result<Result<Vec<f32>, Problem>, LlamaError>;

    /// Every tensor that the source holds, with its shape.
    fn names(&self) -> Vec<(String, Vec<usize>)>;

    /// Whether two tensors of the same shape hold the same values.
    ///
    /// A source that can compare them piece by piece should; as it stands here,
    /// both are in memory for as long as it takes.
    ///
    /// # Errors
    /// As [`TensorSource::tensor`].
    fn same_values(
        &mut self,
        first: &str,
        second: &str,
        shape: &[usize],
    ) -> Result<bool, LlamaError> {
        let first = self.tensor(first, shape)?;
        Ok(first == self.tensor(second, shape)?)
    }
}
