//! One safetensors file: eight bytes of length, a JSON header, data.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use ::safetensors::Dtype;
use serde::de::{Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::LlamaError;
use crate::weights::{file_bytes::FileBytes, float, stored::Decode, stored::Stored};

/// The types that become f32; the rest is refused by name when it is read.
const SUPPORTED: &str = "F32, F16, BF16";

/// The format's own limit, against headers that only mean to fill memory.
const LARGEST_HEADER: u64 = 100_000_000;

/// One file with its header read and checked, its tensors still on disk.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) file: FileBytes,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) tensors: BTreeMap<String, Entry>,
}

/// Where and how a tensor is stored.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    /// From the file's start.
    pub(crate) range: Range<usize>,
}

/// The header's JSON, with names in the file's order and as often as they
/// stand there.
#[derive(Default)]
struct Header {
    metadata: BTreeMap<String, String>,
    tensors: Vec<(String, RawEntry)>,
}

#[derive(Deserialize)]
struct RawEntry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl Shard {
    /// Reads the header, and checks that the tensors fill the rest of the file
    /// without gaps and overlaps, each as long as its type and shape say.
    pub(crate) fn parse(file: FileBytes) -> Result<Self, LlamaError> {
        let damaged = |place: &str, what: String| LlamaError::Safetensors {
            path: file.path.clone(),
            place: place.to_owned(),
            what,
        };
        let bytes = file.bytes();
        let Some((length, rest)) = bytes.split_first_chunk() else {
            let what = format!("{} bytes in all; expected 8 bytes of length", bytes.len());
            return Err(damaged("the header's length", what));
        };
        let length = u64::from_le_bytes(*length);
        let fits = |&length: &usize| length as u64 <= LARGEST_HEADER && length <= rest.len();
        let Some(length) = usize::try_from(length).ok().filter(fits) else {
            let most = LARGEST_HEADER.min(rest.len() as u64);
            let what = format!("{length} bytes; expected at most {most}");
            return Err(damaged("the header's length", what));
        };
        let (header, data) = rest.split_at(length);
        let header: Header =
            serde_json::from_slice(header).map_err(|e| damaged("the header", e.to_string()))?;

        let mut found = Vec::with_capacity(header.tensors.len());
        for (name, raw) in header.tensors {
            let dtype = Dtype::deserialize(raw.dtype.as_str().into_deserializer());
            let dtype = dtype.map_err(|_: serde::de::value::Error| LlamaError::TensorType {
                path: file.path.clone(),
                tensor: name.clone(),
                found: format!("{:?}", raw.dtype),
                supported: SUPPORTED,
            })?;
            let (start, end) = raw.data_offsets;
            found.push((start, end, name, dtype, raw.shape));
        }
        found.sort_unstable_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
        let before = 8 + length;
        let mut tensors = BTreeMap::new();
        let mut last = 0;
        for (start, end, name, dtype, shape) in found {
            let place = format!("tensor {name:?}");
            check_range(start, end, last, data.len()).map_err(|what| damaged(&place, what))?;
            check_size(dtype, &shape, end - start).map_err(|what| damaged(&place, what))?;
            last = end;
            let range = before + start..before + end;
            let entry = Entry {
                dtype,
                shape,
                range,
            };
            if tensors.insert(name, entry).is_some() {
                return Err(damaged(&place, "two entries; expected one".into()));
            }
        }
        if last < data.len() {
            let what = format!(
                "{} bytes follow the last tensor; expected none",
                data.len() - last
            );
            return Err(damaged("the data", what));
        }
        Ok(Self {
            metadata: header.metadata,
            tensors,
            file,
        })
    }

    /// Where a tensor of this file is, if its type is one that is read.
    pub(crate) fn stored(&self, name: &str, entry: &Entry) -> Result<Stored<'_>, LlamaError> {
        let (block_bytes, decode): (_, Decode) = match entry.dtype {
            Dtype::F32 => (4, float::f32),
            Dtype::F16 => (2, float::f16),
            Dtype::BF16 => (2, float::bf16),
            other => {
                return Err(LlamaError::TensorType {
                    path: self.file.path.clone(),
                    tensor: name.to_owned(),
                    found: format!("{other:?}"),
                    supported: SUPPORTED,
                });
            }
        };
        Ok(Stored {
            file: &self.file,
            range: entry.range.clone(),
            block_values: 1,
            block_bytes,
            decode,
        })
    }
}

/// Offsets must follow the last tensor's end and stay within the data.
fn check_range(start: usize, end: usize, last: usize, length: usize) -> Result<(), String> {
    if end < start {
        return Err(format!("data_offsets run backwards, from {start} to {end}"));
    }
    if end > length {
        return Err(format!(
            "data_offsets end at {end}, but the file has {length} bytes of data: \
             the file is cut off or the offsets wrong"
        ));
    }
    if start < last {
        return Err(format!(
            "data_offsets begin at {start}, inside the tensor before, which ends at {last}"
        ));
    }
    if start > last {
        return Err(format!(
            "data_offsets begin at {start}; expected {last}, where the tensor before ends"
        ));
    }
    Ok(())
}

fn check_size(dtype: Dtype, shape: &[usize], found: usize) -> Result<(), String> {
    let elements = shape
        .iter()
        .try_fold(1usize, |n, &size| n.checked_mul(size));
    let bits = elements.and_then(|n| n.checked_mul(dtype.bitsize()));
    let Some(bits) = bits else {
        return Err(format!("the size of {shape:?} overflows"));
    };
    if !bits.is_multiple_of(8) || bits / 8 != found {
        let expected = bits.div_ceil(8);
        return Err(format!(
            "data_offsets span {found} bytes, but {shape:?} in {dtype:?} takes {expected}"
        ));
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;

        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut header = Header::default();
                let mut described = false;
                while let Some(name) = map.next_key::<String>()? {
                    if name != "__metadata__" {
                        header.tensors.push((name, map.next_value()?));
                    } else if described {
                        return Err(A::Error::duplicate_field("__metadata__"));
                    } else {
                        let texts: Option<_> = map.next_value()?;
                        header.metadata = texts.unwrap_or_default();
                        described = true;
                    }
                }
                Ok(header)
            }
        }

        deserializer.deserialize_map(HeaderVisitor)
    }
}
