//! `model.safetensors.index.json`: which shard holds which tensor.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::LlamaError;

/// An index, read and checked by itself.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) path: PathBuf,
    /// Tensor to file name.
    pub(super) shards: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct IndexFile {
    weight_map: Pairs,
}

/// An object's entries as they stand; a map would keep the last of two equal
/// names and forget the other.
struct Pairs(Vec<(String, String)>);

impl Index {
    /// Reads an index; the file names must lie in its own folder, since it is
    /// outside input and may come from anyone.
    pub(super) fn read(path: &Path) -> Result<Self, LlamaError> {
        let text = std::fs::read_to_string(path).map_err(LlamaError::io(path))?;
        let parsed: IndexFile = serde_json::from_str(&text).map_err(LlamaError::json(path))?;
        let mut index = Self {
            path: path.to_owned(),
            shards: BTreeMap::new(),
        };
        for (tensor, file) in parsed.weight_map.0 {
            if Path::new(&file)
                .file_name()
                .is_none_or(|name| name != file.as_str())
            {
                let found = format!("{file:?}");
                return Err(index.refuse(&tensor, &found, "a file name within the folder"));
            }
            if let Some(first) = index.shards.get(&tensor) {
                let found = format!("there twice, as {first:?} and {file:?}");
                return Err(index.refuse(&tensor, &found, "one entry"));
            }
            index.shards.insert(tensor, file);
        }
        Ok(index)
    }

    pub(super) fn refuse(&self, tensor: &str, found: &str, expected: &str) -> LlamaError {
        LlamaError::ShardIndex {
            path: self.path.clone(),
            tensor: tensor.to_owned(),
            found: found.to_owned(),
            expected: expected.to_owned(),
        }
    }
}

/// The shards that an index names, once each.
#[cfg(feature = "hub")]
pub(crate) fn shard_files(index: &Path) -> Result<std::collections::BTreeSet<String>, LlamaError> {
    Ok(Index::read(index)?.shards.into_values().collect())
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of file names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}
