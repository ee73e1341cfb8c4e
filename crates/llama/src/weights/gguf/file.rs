//! A GGUF file: its header, and tensors that are still on disk.

use std::collections::BTreeMap;
use std::path::Path;

use super::Value;
use super::cursor::Cursor;
use super::dequantize::SUPPORTED;
use super::tensor_table::{self, TensorInfo};
use crate::LlamaError;
use crate::weights::file_bytes::FileBytes;
use crate::weights::stored::Stored;

/// A parsed GGUF file whose tensors are still on disk.
///
/// What is in memory is a small multiple of the header: a count is believed
/// only as far as the rest of the file can hold so many things.
#[derive(Debug)]
pub(crate) struct GgufFile {
    file: FileBytes,
    pub(crate) metadata: BTreeMap<String, Value>,
    pub(super) tensors: BTreeMap<String, TensorInfo>,
}

impl GgufFile {
    /// The first bytes of every GGUF file.
    pub(crate) const MAGIC: &'static [u8; 4] = b"GGUF";

    /// Maps the file and reads its header.
    pub(crate) fn open(path: &Path) -> Result<Self, LlamaError> {
        Self::parse(FileBytes::open(path)?)
    }

    /// Reads the header and checks that every tensor lies within the file, in
    /// a place of its own.
    pub(crate) fn parse(file: FileBytes) -> Result<Self, LlamaError> {
        let bytes = file.bytes();
        let mut cursor = Cursor::new(&file.path, bytes);
        if cursor.take(4, "the magic")? != Self::MAGIC {
            return Err(cursor.damaged_at(0, "the first bytes are not \"GGUF\""));
        }
        check_version(&mut cursor)?;
        let tensor_count = cursor.count("the number of tensors", tensor_table::LEAST)?;
        // A key, a type, and one byte of value.
        let value_count = cursor.count("the number of metadata values", 8 + 4 + 1)?;
        let mut metadata = BTreeMap::new();
        for _ in 0..value_count {
            let start = cursor.offset;
            let key = cursor.text("a metadata key")?;
            let value = cursor.value(key)?;
            if metadata.insert(key.to_owned(), value).is_some() {
                let what = format!("the metadata key {key:?} stands twice");
                return Err(cursor.damaged_at(start, what));
            }
        }
        let mut tensors = tensor_table::read(&mut cursor, tensor_count)?;
        let alignment = alignment(&metadata, &file.path)?;
        tensor_table::place(&cursor, &mut tensors, alignment, bytes.len())?;
        Ok(Self {
            metadata,
            tensors,
            file,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }

    /// Every tensor's name, type, shape (outermost first) and bytes.
    pub(crate) fn table(&self) -> impl Iterator<Item = (&str, &'static str, &[usize], usize)> {
        let rows = self.tensors.iter();
        rows.map(|(name, info)| (&name[..], info.kind.name, &info.shape[..], info.length))
    }

    /// One tensor as f32, in the file's own row order; `None` if there is none.
    pub(crate) fn tensor(&self, name: &str) -> Option<Result<Vec<f32>, LlamaError>> {
        let info = self.tensors.get(name)?;
        Some(self.read(name, info))
    }

    /// One tensor as f32, in the file's own row order.
    pub(super) fn read(&self, name: &str, info: &TensorInfo) -> Result<Vec<f32>, LlamaError> {
        Ok(self.stored(name, info)?.values())
    }

    /// Where and how a tensor is stored.
    pub(super) fn stored(&self, name: &str, info: &TensorInfo) -> Result<Stored<'_>, LlamaError> {
        let decode = info.kind.decode.ok_or_else(|| LlamaError::TensorType {
            path: self.path().to_owned(),
            tensor: name.to_owned(),
            found: info.kind.name.to_owned(),
            supported: SUPPORTED,
        })?;
        Ok(Stored {
            file: &self.file,
            range: info.offset..info.offset + info.length,
            block_values: info.kind.block,
            block_bytes: info.kind.bytes,
            decode,
        })
    }
}

fn check_version(cursor: &mut Cursor) -> Result<(), LlamaError> {
    let start = cursor.offset;
    let version = cursor.u32("the version")?;
    if (2..=3).contains(&version) {
        return Ok(());
    }
    let what = if (1..=3).contains(&version.swap_bytes()) {
        "the file is big-endian; supported: little-endian".to_owned()
    } else {
        format!("version {version}; supported: 2 and 3, little-endian")
    };
    Err(cursor.damaged_at(start, what))
}

/// What every tensor's offset is a multiple of: 32 unless the file says
/// otherwise.
fn alignment(metadata: &BTreeMap<String, Value>, path: &Path) -> Result<usize, LlamaError> {
    const KEY: &str = "general.alignment";
    let Some(value) = metadata.get(KEY) else {
        return Ok(32);
    };
    let alignment = value.as_u64().and_then(|a| usize::try_from(a).ok());
    alignment
        .filter(|a| a.is_power_of_two())
        .ok_or_else(|| LlamaError::Config {
            path: path.to_owned(),
            field: KEY.into(),
            found: value.describe(),
            expected: "a power of two".into(),
        })
}
