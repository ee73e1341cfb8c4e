//! A GGUF file as a source of Hugging Face's tensors.

use std::collections::BTreeMap;
use std::path::Path;

use super::{GgufFile, config::ROPE_DIVISORS, names::hugging_face_name, tensor_table::TensorInfo};
use crate::weights::{Problem, TensorSource};
use crate::{LlamaConfig, LlamaError};

/// The weights of a GGUF file, dequantised one tensor at a time.
#[derive(Debug)]
pub(crate) struct GgufWeights<'a> {
    file: &'a GgufFile,
    /// Hugging Face's name to the file's.
    names: BTreeMap<String, &'a str>,
    /// Tensors that no Llama has.
    foreign: Vec<&'a str>,
    heads: usize,
    kv_heads: usize,
}

impl<'a> GgufWeights<'a> {
    pub(crate) fn new(file: &'a GgufFile, config: &LlamaConfig) -> Self {
        let (mut names, mut foreign) = (BTreeMap::new(), Vec::new());
        for name in file.tensors.keys() {
            match hugging_face_name(name) {
                Some(translated) => {
                    names.insert(translated, name.as_str());
                }
                // The divisors are part of the configuration, no weight.
                None if name == ROPE_DIVISORS => {}
                None => foreign.push(name.as_str()),
            }
        }
        Self {
            file,
            names,
            foreign,
            heads: config.num_attention_heads,
            kv_heads: config.num_key_value_heads,
        }
    }

    /// The file's own name and row of a tensor.
    fn find(&self, name: &str) -> Option<(&'a str, &'a TensorInfo)> {
        let own = *self.names.get(name)?;
        Some((own, self.file.tensors.get(own)?))
    }
}

impl TensorSource for GgufWeights<'_> {
    fn location(&self) -> &Path {
        self.file.path()
    }

    fn tensor(
        &mut self,
        name: &str,
        shape: &[usize],
    ) -> Result<Result<Vec<f32>, Problem>, LlamaError> {
        let stored = self.find(name);
        if let Some(problem) = Problem::of(name, stored.map(|(_, info)| &info.shape[..]), shape) {
            return Ok(Err(problem));
        }
        let mut values = match stored {
            Some((own, info)) => self.file.read(own, info)?,
            None => Vec::new(),
        };
        if name.contains(".self_attn.q_proj.") {
            half_split_rows(&mut values, self.heads, shape[0]);
        } else if name.contains(".self_attn.k_proj.") {
            half_split_rows(&mut values, self.kv_heads, shape[0]);
        }
        Ok(Ok(values))
    }

    fn names(&self) -> Vec<(String, Vec<usize>)> {
        let shape = |own: &str| self.file.tensors.get(own).map(|info| info.shape.clone());
        let translated = self.names.iter().map(|(name, own)| (name.as_str(), *own));
        let foreign = self.foreign.iter().map(|name| (*name, *name));
        translated
            .chain(foreign)
            .map(|(name, own)| (name.to_owned(), shape(own).unwrap_or_default()))
            .collect()
    }

    fn same_values(
        &mut self,
        first: &str,
        second: &str,
        _shape: &[usize],
    ) -> Result<bool, LlamaError> {
        let (Some(first), Some(second)) = (self.find(first), self.find(second)) else {
            return Ok(false);
        };
        let first = self.file.stored(first.0, first.1)?;
        Ok(first.equals(&self.file.stored(second.0, second.1)?))
    }
}

/// Puts the rows of a q or k projection back into the half-split order.
///
/// llama.cpp rotates neighbouring pairs, so its converter interleaves the two
/// halves of every head: row `2i + j` of a head was row `j·head_dim/2 + i`.
///
/// In place, with one head's rows beside: the projection is not held twice.
fn half_split_rows(values: &mut [f32], heads: usize, rows: usize) {
    let width = values.len() / rows;
    let half = rows / heads / 2;
    let mut stored = Vec::with_capacity(2 * half * width);
    for head in values.chunks_exact_mut(2 * half * width) {
        stored.clear();
        stored.extend_from_slice(head);
        for (row, to) in head.chunks_exact_mut(width).enumerate() {
            let from = row % half * 2 + row / half;
            to.copy_from_slice(&stored[from * width..(from + 1) * width]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::half_split_rows;

    #[test]
    fn interleaved_rows_are_split_into_halves() {
        // Two heads of four rows, two columns: the converter stored the rows
        // 0 1 2 3 of a head as 0 2 1 3.
        let mut values: Vec<f32> = [0, 2, 1, 3, 4, 6, 5, 7]
            .iter()
            .flat_map(|&row| [row as f32, row as f32 + 0.5])
            .collect();
        let expected: Vec<f32> = (0..8)
            .flat_map(|row| [row as f32, row as f32 + 0.5])
            .collect();
        half_split_rows(&mut values, 2, 8);
        assert_eq!(values, expected);
    }
}
