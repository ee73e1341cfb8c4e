//! Golden values made by transformers and PEFT: `fixtures/README.md`.

use std::path::PathBuf;

use burn::tensor::{Device, Int, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};

/// The path of a file below `crates/testkit/fixtures`.
pub fn fixture_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// The tensors of one committed safetensors file.
#[derive(Debug)]
pub struct Fixture {
    name: String,
    bytes: Vec<u8>,
}

impl Fixture {
    /// Reads a file below `crates/testkit/fixtures`.
    ///
    /// # Panics
    /// If the file can't be read: a fixture is part of the repository.
    pub fn open(name: &str) -> Self {
        let path = fixture_path(name);
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Self {
            name: name.to_owned(),
            bytes,
        }
    }

    /// The names of the tensors, sorted.
    ///
    /// # Panics
    /// If the file is not safetensors.
    pub fn names(&self) -> Vec<String> {
        let file = self.file();
        let mut names: Vec<_> = file.names().iter().map(|n| n.to_string()).collect();
        names.sort();
        names
    }

    /// A float tensor.
    ///
    /// # Panics
    /// If there is no f32 tensor of that name and rank.
    pub fn float<const D: usize>(&self, tensor: &str, device: &Device) -> Tensor<D> {
        let (shape, values) = self.floats(tensor);
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// A float tensor's shape and values.
    ///
    /// # Panics
    /// If there is no f32 tensor of that name.
    pub fn floats(&self, tensor: &str) -> (Vec<usize>, Vec<f32>) {
        let (shape, bytes) = self.raw(tensor, Dtype::F32);
        let values = bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        (shape, values.collect())
    }

    /// An integer tensor's values and shape (64-bit in the file).
    ///
    /// # Panics
    /// If there is no i64 tensor of that name.
    pub fn ints(&self, tensor: &str) -> (Vec<usize>, Vec<i64>) {
        let (shape, bytes) = self.raw(tensor, Dtype::I64);
        let values = bytes.chunks_exact(8).map(|b| {
            let mut word = [0; 8];
            word.copy_from_slice(b);
            i64::from_le_bytes(word)
        });
        (shape, values.collect())
    }

    /// An integer tensor on the device.
    ///
    /// # Panics
    /// As [`Fixture::ints`].
    pub fn int<const D: usize>(&self, tensor: &str, device: &Device) -> Tensor<D, Int> {
        let (shape, values) = self.ints(tensor);
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    fn file(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    fn raw(&self, tensor: &str, dtype: Dtype) -> (Vec<usize>, Vec<u8>) {
        let file = self.file();
        let view = file.tensor(tensor).unwrap_or_else(|e| {
            panic!("{}: {tensor}: {e}; there are {:?}", self.name, self.names())
        });
        assert_eq!(view.dtype(), dtype, "{}: {tensor}", self.name);
        (view.shape().to_vec(), view.data().to_vec())
    }
}
