//! A Hugging Face folder's `model.safetensors`, whole or in shards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::{Problem, TensorSource, float, mapped::MappedFile};
use crate::LlamaError;

/// What is read; the rest is refused by name.
const SUPPORTED: &str = "F32, F16, BF16";

/// The weights of a folder, mapped, converted one tensor at a time.
#[derive(Debug)]
pub(crate) struct SafetensorsFolder {
    folder: PathBuf,
    shards: Vec<MappedFile>,
    /// Name to shard and shape.
    index: BTreeMap<String, (usize, Vec<usize>)>,
}

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

impl SafetensorsFolder {
    /// Opens every shard and reads the headers.
    pub(crate) fn open(folder: &Path) -> Result<Self, LlamaError> {
        let mut source = Self {
            folder: folder.to_owned(),
            shards: Vec::new(),
            index: BTreeMap::new(),
        };
        for path in shard_paths(folder)? {
            let file = MappedFile::open(&path)?;
            let shard = source.shards.len();
            for (name, view) in parse(&file)?.iter() {
                source
                    .index
                    .insert(name.to_owned(), (shard, view.shape().to_vec()));
            }
            source.shards.push(file);
        }
        Ok(source)
    }
}

/// The shards that an index names, or the single file.
pub(crate) fn shard_paths(folder: &Path) -> Result<Vec<PathBuf>, LlamaError> {
    let index = folder.join("model.safetensors.index.json");
    if !index.exists() {
        let single = folder.join("model.safetensors");
        if single.exists() {
            return Ok(vec![single]);
        }
        return Err(LlamaError::NoWeights {
            path: folder.to_owned(),
        });
    }
    let text = std::fs::read_to_string(&index).map_err(|source| LlamaError::Io {
        path: index.clone(),
        source,
    })?;
    let parsed: ShardIndex = serde_json::from_str(&text).map_err(|source| LlamaError::Json {
        path: index.clone(),
        source,
    })?;
    let mut names: Vec<_> = parsed.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    for name in &names {
        // The index is outside input: it may name files of its own folder only.
        if Path::new(name)
            .file_name()
            .is_none_or(|file| file != name.as_str())
        {
            return Err(LlamaError::Config {
                path: index,
                field: "weight_map".into(),
                found: format!("{name:?}"),
                expected: "file names within the folder".into(),
            });
        }
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

fn parse(file: &MappedFile) -> Result<SafeTensors<'_>, LlamaError> {
    SafeTensors::deserialize(file.bytes()).map_err(|source| LlamaError::Safetensors {
        path: file.path.clone(),
        source,
    })
}

impl TensorSource for SafetensorsFolder {
    fn location(&self) -> &Path {
        &self.folder
    }

    fn tensor(
        &mut self,
        name: &str,
        shape: &[usize],
    ) -> Result<Result<Vec<f32>, Problem>, LlamaError> {
        let Some((shard, found)) = self.index.get(name) else {
            return Ok(Err(Problem::Missing {
                name: name.into(),
                expected: shape.into(),
            }));
        };
        if found != shape {
            let (found, expected) = (found.clone(), shape.into());
            return Ok(Err(Problem::Shape {
                name: name.into(),
                found,
                expected,
            }));
        }
        let file = &self.shards[*shard];
        let view = parse(file)?
            .tensor(name)
            .map_err(|source| LlamaError::Safetensors {
                path: file.path.clone(),
                source,
            })?;
        match view.dtype() {
            Dtype::F32 => Ok(Ok(float::from_f32(view.data()))),
            Dtype::F16 => Ok(Ok(float::from_f16(view.data()))),
            Dtype::BF16 => Ok(Ok(float::from_bf16(view.data()))),
            other => Err(LlamaError::TensorType {
                path: file.path.clone(),
                tensor: name.to_owned(),
                found: format!("{other:?}"),
                supported: SUPPORTED,
            }),
        }
    }

    fn names(&self) -> Vec<(String, Vec<usize>)> {
        self.index
            .iter()
            .map(|(name, (_, shape))| (name.clone(), shape.clone()))
            .collect()
    }
}
