//! A GGUF file as a source of Hugging Face's tensors, and its configuration.

use std::collections::BTreeMap;
use std::path::Path;

use super::{GgufFile, Value, names::hugging_face_name};
use crate::LlamaError;
use crate::config::{LlamaConfig, RopeConfig};
use crate::weights::{Problem, TensorSource};

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
        let names = file.tensors.keys().map(|name| {
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

impl GgufFile {
    /// The configuration that the metadata describes.
    pub(crate) fn config(&self) -> Result<LlamaConfig, LlamaError> {
        let architecture = self.required("general.architecture", "\"llama\"", Value::as_str)?;
        if architecture != "llama" {
            return Err(self.refuse(
                "general.architecture",
                &format!("{architecture:?}"),
                "\"llama\"",
            ));
        }
        let size = |key: &str| self.required(key, "a size", |v| usize::try_from(v.as_u64()?).ok());
        let optional = |key: &str, default: usize| match self.metadata.contains_key(key) {
            true => size(key),
            false => Ok(default),
        };
        let rank = |name: &str, axis: usize| {
            self.tensors
                .get(name)
                .and_then(|info| info.shape.get(axis))
                .copied()
        };
        let scaling = "llama.rope.scaling.type";
        if let Some(kind) = self
            .metadata
            .get(scaling)
            .filter(|v| v.as_str() != Some("none"))
        {
            return Err(self.refuse(scaling, &kind.describe(), "no scaling"));
        }
        if self.tensors.contains_key("rope_freqs.weight") {
            return Err(self.refuse(
                "rope_freqs.weight",
                "present (scaled rotary frequencies)",
                "absent",
            ));
        }
        let hidden_size = size("llama.embedding_length")?;
        let num_attention_heads = size("llama.attention.head_count")?;
        let head_dim = match num_attention_heads {
            0 => 0, // refused by name in `validate`
            heads => optional("llama.attention.key_length", hidden_size / heads)?,
        };
        let rotated = optional("llama.rope.dimension_count", head_dim)?;
        if rotated != head_dim {
            let expected = format!("the head's width, {head_dim}");
            return Err(self.refuse(
                "llama.rope.dimension_count",
                &rotated.to_string(),
                &expected,
            ));
        }
        let theta = self
            .metadata
            .get("llama.rope.freq_base")
            .map_or(Some(10_000.0), Value::as_f64);
        let theta =
            theta.ok_or_else(|| self.refuse("llama.rope.freq_base", "not a number", "a number"))?;
        LlamaConfig {
            // The embedding is the truth; older files lack the key.
            vocab_size: rank("token_embd.weight", 0).unwrap_or(optional("llama.vocab_size", 0)?),
            hidden_size,
            intermediate_size: size("llama.feed_forward_length")?,
            num_hidden_layers: size("llama.block_count")?,
            num_attention_heads,
            num_key_value_heads: optional("llama.attention.head_count_kv", num_attention_heads)?,
            head_dim,
            rms_norm_eps: self.required(
                "llama.attention.layer_norm_rms_epsilon",
                "a number",
                Value::as_f64,
            )?,
            max_position_embeddings: size("llama.context_length")?,
            tie_word_embeddings: !self.tensors.contains_key("output.weight"),
            attention_bias: self.tensors.contains_key("blk.0.attn_q.bias"),
            mlp_bias: self.tensors.contains_key("blk.0.ffn_up.bias"),
            rope: RopeConfig { theta },
        }
        .validate()
        .map_err(|(field, found, expected)| self.refuse(&field, &found, &expected))
    }

    /// A metadata value of the expected kind.
    pub(crate) fn required<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<T, LlamaError> {
        let value = self
            .metadata
            .get(key)
            .ok_or_else(|| self.refuse(key, "missing", expected))?;
        read(value).ok_or_else(|| self.refuse(key, &value.describe(), expected))
    }

    pub(crate) fn refuse(&self, field: &str, found: &str, expected: &str) -> LlamaError {
        LlamaError::Config {
            path: self.path().to_owned(),
            field: field.to_owned(),
            found: found.to_owned(),
            expected: expected.to_owned(),
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
