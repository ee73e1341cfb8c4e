//! A GGUF file as a source of Hugging Face's tensors.

use std::collections::BTreeMap;
use std::path::Path;

use super::{GgufFile, config::ROPE_DIVISORS, names::hugging_face_name};
use crate::weights::{Problem, TensorSource};
use crate::{LlamaConfig, LlamaError};

/// The weights of a GGUF file, dequantised one tensor at a time.
#[derive(Debug)]
pub(crate) struct GgufWeights<'a> {
    file: &'a GgufFile,
    /// Hugging Face's name to the file's.
    names: BTreeMap<String, String>,
    heads: usize,
    kv_heads: usize,
}

impl<'a> GgufWeights<'a> {
    pub(crate) fn new(file: &'a GgufFile, config: &LlamaConfig) -> Self {
        // The divisors are part of the configuration, no weight.
        let weights = file.tensors.keys().filter(|name| *name != ROPE_DIVISORS);
        let names = weights.map(|name| {
            let translated = hugging_face_name(name).unwrap_or_else(|| name.clone());
            (translated, name.clone())
        });
        Self {
            file,
            names: names.collect(),
            heads: config.num_attention_heads,
            kv_heads: config.num_key_value_heads,
        }
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
        let stored = self
            .names
            .get(name)
            .and_then(|own| Some((own, self.file.tensors.get(own)?)));
        let Some((own, info)) = stored else {
            return Ok(Err(Problem::Missing {
                name: name.into(),
                expected: shape.into(),
            }));
        };
        if info.shape != shape {
            let (found, expected) = (info.shape.clone(), shape.into());
            return Ok(Err(Problem::Shape {
                name: name.into(),
                found,
                expected,
            }));
        }
        let values = self.file.read(own, info)?;
        let heads = if name.contains(".self_attn.q_proj.") {
            self.heads
        } else if name.contains(".self_attn.k_proj.") {
            self.kv_heads
        } else {
            return Ok(Ok(values));
        };
        Ok(Ok(half_split_rows(&values, heads, shape[0])))
    }

    fn names(&self) -> Vec<(String, Vec<usize>)> {
        let shape = |own: &String| self.file.tensors.get(own).map(|info| info.shape.clone());
        self.names
            .iter()
            .map(|(name, own)| (name.clone(), shape(own).unwrap_or_default()))
            .collect()
    }
}

/// Puts the rows of a q or k projection back into the half-split order.
///
/// llama.cpp rotates neighbouring pairs, so its converter interleaves the two
/// halves of every head: row `2i + j` of a head was row `j·head_dim/2 + i`.
fn half_split_rows(values: &[f32], heads: usize, rows: usize) -> Vec<f32> {
    let width = values.len() / rows;
    let half = rows / heads / 2;
    let mut result = Vec::with_capacity(values.len());
    for head in 0..heads {
        for part in 0..2 {
            for i in 0..half {
                let row = (head * half + i) * 2 + part;
                result.extend_from_slice(&values[row * width..(row + 1) * width]);
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::half_split_rows;

    #[test]
    fn interleaved_rows_are_split_into_halves() {
        // Two heads of four rows, two columns: the converter stored the rows
        // 0 1 2 3 of a head as 0 2 1 3.
        let stored: Vec<f32> = [0, 2, 1, 3, 4, 6, 5, 7]
            .iter()
            .flat_map(|&row| [row as f32, row as f32 + 0.5])
            .collect();
        let expected: Vec<f32> = (0..8)
            .flat_map(|row| [row as f32, row as f32 + 0.5])
            .collect();
        assert_eq!(half_split_rows(&stored, 2, 8), expected);
    }
}
