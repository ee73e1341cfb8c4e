//! A Hugging Face folder's `model.safetensors`, whole or in shards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::header::{Entry, Shard};
use super::index::Index;
use crate::LlamaError;
use crate::weights::{Problem, TensorSource, file_bytes::FileBytes, stored::Stored};

/// The weights of a folder, mapped, converted one tensor at a time.
#[derive(Debug)]
pub(crate) struct SafetensorsFolder {
    folder: PathBuf,
    shards: Vec<Shard>,
    /// Tensor to shard.
    homes: BTreeMap<String, usize>,
}

impl SafetensorsFolder {
    /// Opens the single file, which transformers prefers too, or every shard
    /// that the index names, and reads the headers.
    pub(crate) fn open(folder: &Path) -> Result<Self, LlamaError> {
        let mut source = Self {
            folder: folder.to_owned(),
            shards: Vec::new(),
            homes: BTreeMap::new(),
        };
        let single = folder.join("model.safetensors");
        if single.exists() {
            source.add(&single)?;
            return Ok(source);
        }
        let index = folder.join("model.safetensors.index.json");
        if !index.exists() {
            return Err(LlamaError::NoWeights {
                path: folder.to_owned(),
            });
        }
        source.add_all(&Index::read(&index)?)?;
        Ok(source)
    }

    /// Every shard of the index, which must hold what the index says.
    fn add_all(&mut self, index: &Index) -> Result<(), LlamaError> {
        let mut known = BTreeSet::new();
        for (tensor, file) in &index.shards {
            if !known.insert(file) {
                continue;
            }
            let path = self.folder.join(file);
            if !path.exists() {
                let found = format!("{file:?}, which is missing");
                return Err(index.refuse(tensor, &found, "a file of the folder"));
            }
            self.add(&path)?;
        }
        for (tensor, file) in &index.shards {
            let home = self.homes.get(tensor).map(|&shard| &self.shards[shard]);
            if home.is_none_or(|shard| shard.file.path != self.folder.join(file)) {
                let found = format!("{file:?}, which has no such tensor");
                return Err(index.refuse(tensor, &found, "the shard that holds it"));
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path) -> Result<(), LlamaError> {
        let shard = Shard::parse(FileBytes::open(path)?)?;
        for name in shard.tensors.keys() {
            if let Some(first) = self.homes.insert(name.clone(), self.shards.len()) {
                return Err(LlamaError::TensorTwice {
                    tensor: name.clone(),
                    first: self.shards[first].file.path.clone(),
                    second: path.to_owned(),
                });
            }
        }
        self.shards.push(shard);
        Ok(())
    }

    fn find(&self, name: &str) -> Option<(&Shard, &Entry)> {
        let shard = &self.shards[*self.homes.get(name)?];
        Some((shard, shard.tensors.get(name)?))
    }

    fn stored(&self, name: &str) -> Result<Option<Stored<'_>>, LlamaError> {
        let found = self.find(name);
        let stored = found.map(|(shard, entry)| shard.stored(name, entry));
        stored.transpose()
    }
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
        let found = self.find(name).map(|(_, entry)| &entry.shape[..]);
        if let Some(problem) = Problem::of(name, found, shape) {
            return Ok(Err(problem));
        }
        let values = self.stored(name)?.map(|stored| stored.values());
        Ok(Ok(values.unwrap_or_default()))
    }

    fn names(&self) -> Vec<(String, Vec<usize>)> {
        let tensors = self.shards.iter().flat_map(|shard| &shard.tensors);
        tensors
            .map(|(name, entry)| (name.clone(), entry.shape.clone()))
            .collect()
    }

    fn same_values(
        &mut self,
        first: &str,
        second: &str,
        _shape: &[usize],
    ) -> Result<bool, LlamaError> {
        Ok(match (self.stored(first)?, self.stored(second)?) {
            (Some(first), Some(second)) => first.equals(&second),
            _ => false,
        })
    }
}
