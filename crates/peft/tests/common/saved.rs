//! Adapter files on disk, as a test takes them apart and puts them together.
#![allow(dead_code, reason = "every test file uses a part of this")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use anneal_peft::{load_adapter, save_adapter};
use anneal_testkit::device;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{Mlp, adapted, config};

/// Name, type, shape and bytes of every tensor of a file.
pub type Tensors = Vec<(String, Dtype, Vec<usize>, Vec<u8>)>;

/// The file of tensors.
pub fn weights(dir: &Path) -> PathBuf {
    dir.join("adapter_model.safetensors")
}

/// Every tensor, by name.
pub fn read_tensors(dir: &Path) -> Tensors {
    let bytes = fs::read(weights(dir)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Tensors = file
        .iter()
        .map(|(name, t)| {
            (
                name.into(),
                t.dtype(),
                t.shape().to_vec(),
                t.data().to_vec(),
            )
        })
        .collect();
    tensors.sort();
    tensors
}

/// Replaces the file of tensors.
pub fn write_tensors(dir: &Path, tensors: &Tensors) {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    fs::write(weights(dir), safetensors::serialize(views, None).unwrap()).unwrap();
}

/// A folder with a saved adapter for [`Mlp`].
pub fn saved() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    save_adapter(&adapted(config(), &device()), dir.path()).unwrap();
    dir
}

/// What loading the adapter into a bare [`Mlp`] is refused with.
pub fn load_error(dir: &Path) -> String {
    let error = load_adapter(Mlp::new(&device()), dir)
        .unwrap_err()
        .to_string();
    // The folder's name differs on every run.
    error.replace(&format!("{}/", dir.display()), "")
}
