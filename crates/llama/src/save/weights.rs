//! Safetensors files, filled one tensor at a time.
//!
//! The safetensors crate asks a `View` for its bytes when it comes to write
//! them and drops them after, so a view that fetches its tensor only then
//! bounds the memory to one tensor's values and their stored form; the header
//! and its rules stay the crate's own. What a view can't do is fail: the
//! failure is kept aside and the file thrown away.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use half::{bf16, f16};
use safetensors::{Dtype, View};
use serde_json::{Map, Value, json};

use super::shards::{file_name, split};
use super::tensors::{LazyTensor, tensors};
use super::{SaveDtype, SaveOptions, write_json};
use crate::{LlamaError, LlamaForCausalLM};

/// Writes `model.safetensors`, or shards and then their index.
pub(super) fn write(
    model: &LlamaForCausalLM,
    folder: &Path,
    options: &SaveOptions,
) -> Result<(), LlamaError> {
    let tensors = tensors(model)?;
    let values: usize = tensors
        .iter()
        .map(|t| t.shape.iter().product::<usize>())
        .sum();
    let shards = split(tensors, options.dtype.bytes(), options.max_shard_bytes);
    let mut weight_map = Map::new();
    for (index, shard) in shards.iter().enumerate() {
        let name = file_name(index, shards.len());
        write_shard(shard, &folder.join(&name), options.dtype)?;
        for tensor in shard {
            weight_map.insert(tensor.name.clone(), Value::String(name.clone()));
        }
    }
    if shards.len() == 1 {
        return Ok(());
    }
    let total_size = values * options.dtype.bytes();
    let index = json!({
        "metadata": { "total_parameters": values, "total_size": total_size },
        "weight_map": weight_map,
    });
    write_json(&folder.join("model.safetensors.index.json"), &index)
}

fn write_shard(shard: &[LazyTensor], path: &Path, dtype: SaveDtype) -> Result<(), LlamaError> {
    let failure = RefCell::new(None);
    let views = shard.iter().map(|tensor| {
        let failure = &failure;
        let view = LazyView {
            tensor,
            dtype,
            failure,
        };
        (&tensor.name, view)
    });
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let written = safetensors::serialize_to_file(views, Some(metadata), path);
    if let Some(failure) = failure.into_inner() {
        return Err(failure);
    }
    written.map_err(|source| match source {
        safetensors::SafeTensorError::IoError(source) => LlamaError::io(path)(source),
        source => LlamaError::Write {
            path: path.to_owned(),
            source,
        },
    })
}

/// A tensor as a file holds it, produced when it is asked for.
struct LazyView<'a> {
    tensor: &'a LazyTensor,
    dtype: SaveDtype,
    /// The first failure of any tensor of the file.
    failure: &'a RefCell<Option<LlamaError>>,
}

impl View for LazyView<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype.stored()
    }

    fn shape(&self) -> &[usize] {
        &self.tensor.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        if self.failure.borrow().is_some() {
            return Cow::Borrowed(&[]);
        }
        let bytes = match self.tensor.fetch() {
            Ok(data) => encode(data, self.dtype).ok_or_else(|| LlamaError::Unsavable {
                tensor: self.tensor.name.clone(),
                dtype: self.dtype.torch_name(),
            }),
            Err(failure) => Err(failure.into()),
        };
        bytes.map_or_else(
            |failure| {
                *self.failure.borrow_mut() = Some(failure);
                Cow::Borrowed(&[][..])
            },
            Cow::Owned,
        )
    }

    fn data_len(&self) -> usize {
        self.tensor.shape.iter().product::<usize>() * self.dtype.bytes()
    }
}

/// Values in the stored type and byte order; nothing if one is not finite there.
fn encode(data: TensorData, dtype: SaveDtype) -> Option<Vec<u8>> {
    let data = if data.dtype() == DType::F32 {
        data
    } else {
        data.convert_dtype(DType::F32)
    };
    let values = data.as_slice::<f32>().ok()?;
    let mut bytes = Vec::with_capacity(values.len() * dtype.bytes());
    let mut finite = true;
    for &value in values {
        finite &= match dtype {
            SaveDtype::F32 => {
                bytes.extend_from_slice(&value.to_le_bytes());
                value.is_finite()
            }
            SaveDtype::Bf16 => {
                let value = bf16::from_f32(value);
                bytes.extend_from_slice(&value.to_le_bytes());
                value.is_finite()
            }
            SaveDtype::F16 => {
                let value = f16::from_f32(value);
                bytes.extend_from_slice(&value.to_le_bytes());
                value.is_finite()
            }
        };
    }
    finite.then_some(bytes)
}
