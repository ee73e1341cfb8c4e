//! A GGUF file's header: metadata and the table of tensors.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Value, cursor::Cursor, dequantize};
use crate::{LlamaError, weights::mapped::MappedFile};

/// One row of the table of tensors.
#[derive(Debug, Clone)]
pub(super) struct TensorInfo {
    /// Row-major, outermost first: the reverse of the file's order.
    pub(super) shape: Vec<usize>,
    pub(super) kind: u32,
    /// From the file's start.
    offset: usize,
    elements: usize,
}

/// A parsed GGUF file whose tensors are still on disk.
#[derive(Debug)]
pub(crate) struct GgufFile {
    file: MappedFile,
    pub(crate) metadata: BTreeMap<String, Value>,
    pub(super) tensors: BTreeMap<String, TensorInfo>,
}

impl GgufFile {
    /// The first bytes of every GGUF file.
    pub(crate) const MAGIC: &'static [u8; 4] = b"GGUF";

    /// Maps the file and reads its header.
    pub(crate) fn open(path: &Path) -> Result<Self, LlamaError> {
        let file = MappedFile::open(path)?;
        let mut cursor = Cursor::new(path, file.bytes());
        if cursor.take(4, "the magic")? != Self::MAGIC {
            return Err(cursor.damaged("the first bytes are not \"GGUF\""));
        }
        let version = cursor.u32("the version")?;
        if !(2..=3).contains(&version) {
            return Err(cursor.damaged(format!(
                "version {version}; supported: 2 and 3, little-endian"
            )));
        }
        let tensor_count = cursor.u64("the tensor count")?;
        let value_count = cursor.u64("the metadata count")?;
        let mut metadata = BTreeMap::new();
        for _ in 0..value_count {
            let key = cursor.text("a metadata key")?;
            let value = cursor.value(&key)?;
            metadata.insert(key, value);
        }
        let mut tensors = BTreeMap::new();
        for _ in 0..tensor_count {
            let name = cursor.text("a tensor name")?;
            tensors.insert(name.clone(), tensor_info(&mut cursor, &name)?);
        }
        let alignment = metadata
            .get("general.alignment")
            .and_then(Value::as_u64)
            .unwrap_or(32);
        let alignment = usize::try_from(alignment).unwrap_or(0);
        if alignment == 0 {
            return Err(cursor.damaged("general.alignment is not a positive number"));
        }
        let start = cursor.offset.next_multiple_of(alignment);
        for info in tensors.values_mut() {
            info.offset = info.offset.saturating_add(start);
        }
        Ok(Self {
            metadata,
            tensors,
            file,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }

    /// One tensor as f32, in the file's own row order.
    pub(super) fn read(&self, name: &str, info: &TensorInfo) -> Result<Vec<f32>, LlamaError> {
        let format = dequantize::format(info.kind).ok_or_else(|| LlamaError::TensorType {
            path: self.path().to_owned(),
            tensor: name.to_owned(),
            found: dequantize::type_name(info.kind),
            supported: dequantize::SUPPORTED,
        })?;
        let damaged = |what| LlamaError::Gguf {
            path: self.path().to_owned(),
            offset: info.offset as u64,
            what,
        };
        let row = info.shape.last().copied().unwrap_or(0);
        if !row.is_multiple_of(format.block) {
            return Err(damaged(format!(
                "{name} has rows of {row} values, which {}-value blocks do not divide",
                format.block
            )));
        }
        let bytes = self.file.bytes();
        let length = info.elements / format.block * format.bytes;
        let end = info
            .offset
            .checked_add(length)
            .filter(|&end| end <= bytes.len())
            .ok_or_else(|| {
                let left = bytes.len().saturating_sub(info.offset);
                damaged(format!(
                    "{name} needs {length} bytes, but {left} are left: the file is cut off"
                ))
            })?;
        Ok((format.decode)(&bytes[info.offset..end]))
    }
}

fn tensor_info(cursor: &mut Cursor, name: &str) -> Result<TensorInfo, LlamaError> {
    let rank = cursor.u32(name)?;
    if rank > 4 {
        return Err(cursor.damaged(format!("{name} has {rank} dimensions; at most 4 exist")));
    }
    let mut shape = Vec::new();
    let mut elements = 1usize;
    for _ in 0..rank {
        let size = cursor.u64(name)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        elements = elements
            .checked_mul(size)
            .ok_or_else(|| cursor.damaged(format!("the size of {name} overflows")))?;
        shape.push(size);
    }
    shape.reverse();
    let kind = cursor.u32(name)?;
    let offset = cursor.u64(name)?;
    let offset = usize::try_from(offset)
        .map_err(|_| cursor.damaged(format!("the offset of {name} is {offset}")))?;
    Ok(TensorInfo {
        shape,
        kind,
        offset,
        elements,
    })
}
