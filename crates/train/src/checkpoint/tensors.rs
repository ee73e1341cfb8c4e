//! Tensors with names in and out of safetensors bytes, and the strict comparison.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::{Dtype, SafeTensorError, SafeTensors, View};

use crate::error::{Result, TrainError};

/// A tensor that a file must have.
pub(super) struct Expected {
    pub name: String,
    pub shape: Vec<usize>,
    pub dtype: DType,
}

/// The bytes of a safetensors file, which an error calls `file`.
pub(super) fn encode(file: &str, tensors: Vec<(String, TensorData)>) -> Result<Vec<u8>> {
    struct Entry {
        dtype: Dtype,
        shape: Vec<usize>,
        data: TensorData,
    }
    impl View for Entry {
        fn dtype(&self) -> Dtype {
            self.dtype
        }
        fn shape(&self) -> &[usize] {
            &self.shape
        }
        fn data(&self) -> Cow<'_, [u8]> {
            self.data.as_bytes().into()
        }
        fn data_len(&self) -> usize {
            self.data.as_bytes().len()
        }
    }
    let mut entries = Vec::with_capacity(tensors.len());
    for (name, data) in tensors {
        let Some(dtype) = to_file(data.dtype()) else {
            return Err(TrainError::UnsupportedDtype {
                parameter: name,
                dtype: data.dtype().name().to_owned(),
            });
        };
        let shape = data.shape().to_vec();
        entries.push((name, Entry { dtype, shape, data }));
    }
    safetensors::serialize(entries, None).map_err(|source| TrainError::Safetensors {
        file: file.into(),
        source,
    })
}

/// Reads every tensor of a file.
pub(super) fn read(file: &Path) -> Result<BTreeMap<String, TensorData>> {
    let bytes = std::fs::read(file).map_err(|source| TrainError::Io {
        action: "read",
        path: file.to_owned(),
        source,
    })?;
    let broken = |source: SafeTensorError| TrainError::Safetensors {
        file: file.to_owned(),
        source,
    };
    let parsed = SafeTensors::deserialize(&bytes).map_err(broken)?;
    let mut tensors = BTreeMap::new();
    let mut strange = Vec::new();
    for (name, view) in parsed.iter() {
        match from_file(view.dtype()) {
            Some(dtype) => {
                let (bytes, shape) = (view.data().to_vec(), view.shape().to_vec());
                let data = TensorData::from_bytes_vec(bytes, shape, dtype);
                tensors.insert(name.to_owned(), data);
            }
            None => strange.push(format!("`{name}` has the element type {}", view.dtype())),
        }
    }
    if strange.is_empty() {
        Ok(tensors)
    } else {
        Err(TrainError::TensorMismatch {
            file: file.to_owned(),
            missing: Vec::new(),
            unexpected: Vec::new(),
            mismatched: strange,
        })
    }
}

/// Compares names, shapes and element types, and reports every difference at once.
pub(super) fn check(
    file: &Path,
    expected: impl Iterator<Item = Expected>,
    found: &BTreeMap<String, TensorData>,
) -> Result<()> {
    let mut unexpected: Vec<&String> = found.keys().collect();
    let (mut missing, mut mismatched) = (Vec::new(), Vec::new());
    for Expected { name, shape, dtype } in expected {
        let Some(data) = found.get(&name) else {
            missing.push(format!("`{name}`"));
            continue;
        };
        unexpected.retain(|other| **other != name);
        let found_shape = data.shape().to_vec();
        if found_shape != shape || data.dtype() != dtype {
            mismatched.push(format!(
                "`{name}` is {} {found_shape:?}, expected {} {shape:?}",
                data.dtype().name(),
                dtype.name()
            ));
        }
    }
    if missing.is_empty() && unexpected.is_empty() && mismatched.is_empty() {
        return Ok(());
    }
    Err(TrainError::TensorMismatch {
        file: file.to_owned(),
        missing,
        unexpected: unexpected.iter().map(|name| format!("`{name}`")).collect(),
        mismatched,
    })
}

fn to_file(dtype: DType) -> Option<Dtype> {
    match dtype {
        DType::F64 => Some(Dtype::F64),
        DType::F32 => Some(Dtype::F32),
        DType::F16 => Some(Dtype::F16),
        DType::BF16 => Some(Dtype::BF16),
        DType::I64 => Some(Dtype::I64),
        DType::U64 => Some(Dtype::U64),
        DType::U8 => Some(Dtype::U8),
        _ => None,
    }
}

fn from_file(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F64 => Some(DType::F64),
        Dtype::F32 => Some(DType::F32),
        Dtype::F16 => Some(DType::F16),
        Dtype::BF16 => Some(DType::BF16),
        Dtype::I64 => Some(DType::I64),
        Dtype::U64 => Some(DType::U64),
        Dtype::U8 => Some(DType::U8),
        _ => None,
    }
}
