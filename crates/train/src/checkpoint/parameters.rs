//! A checkpoint's parameters alone, for a model that is used and not trained on.

use std::path::Path;

use burn::module::Module;

use super::{TRAINABLE, tensors};
use crate::error::Result;
use crate::parameters::{import, trained_parameters};

/// Sets `model`'s trained parameters to those of a checkpoint folder.
///
/// As strict as [`load`](super::load). On an error nothing is changed.
///
/// # Errors
/// - [`TrainError::Io`](crate::TrainError::Io): the file cannot be read
/// - [`TrainError::Safetensors`](crate::TrainError::Safetensors): truncated or damaged
/// - [`TrainError::TensorMismatch`](crate::TrainError::TensorMismatch): all differences at once
pub fn load_parameters<M: Module>(directory: &Path, model: &mut M) -> Result<()> {
    let file = directory.join(TRAINABLE);
    let values = tensors::read(&file)?;
    let expected = trained_parameters(model).into_iter();
    let expected = expected.map(|p| tensors::Expected {
        name: p.path,
        shape: p.shape,
        dtype: p.dtype,
    });
    tensors::check(&file, expected, &values)?;
    *model = import(model.clone(), values);
    Ok(())
}
