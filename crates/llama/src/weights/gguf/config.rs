//! A GGUF file's metadata as a configuration.
//!
//! Keys: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>; what an
//! absent one means is llama.cpp's (`llama-model.cpp`).

use super::{GgufFile, Value};
use crate::LlamaError;
use crate::config::{LlamaConfig, Refusal, RopeConfig};

/// The tensor that divides the rotary frequencies.
pub(super) const ROPE_DIVISORS: &str = "rope_freqs.weight";

impl GgufFile {
    /// The configuration that the metadata describes.
    pub(crate) fn config(&self) -> Result<LlamaConfig, LlamaError> {
        let config = self.shape()?;
        config.contradiction().map_err(|r| self.named(r))?;
        let rope = self.rope(&config)?;
        Ok(LlamaConfig { rope, ..config })
    }

    /// All but the rotary embedding.
    fn shape(&self) -> Result<LlamaConfig, LlamaError> {
        self.check_architecture()?;
        let embedding = self.tensors.get("token_embd.weight");
        let rows = embedding.and_then(|info| info.shape.first().copied());
        let hidden_size = self.size("llama.embedding_length")?;
        let num_attention_heads = self.size("llama.attention.head_count")?;
        if num_attention_heads == 0 {
            return Err(self.refuse("llama.attention.head_count", "0", "at least 1"));
        }
        let usual = hidden_size / num_attention_heads;
        let head_dim = self.size_or("llama.attention.key_length", usual)?;
        for key in ["llama.rope.dimension_count", "llama.attention.value_length"] {
            let width = self.size_or(key, head_dim)?;
            if width != head_dim {
                let expected = format!("the head's width, {head_dim}");
                return Err(self.refuse(key, &width.to_string(), &expected));
            }
        }
        let epsilon = "llama.attention.layer_norm_rms_epsilon";
        Ok(LlamaConfig {
            // The embedding is the truth; older files lack the key.
            vocab_size: match rows {
                Some(rows) => rows,
                None => self.size_or("llama.vocab_size", 0)?,
            },
            hidden_size,
            intermediate_size: self.size("llama.feed_forward_length")?,
            num_hidden_layers: self.size("llama.block_count")?,
            num_attention_heads,
            num_key_value_heads: self
                .size_or("llama.attention.head_count_kv", num_attention_heads)?,
            head_dim,
            rms_norm_eps: self.required(epsilon, "a number", Value::as_f64)?,
            max_position_embeddings: self.size("llama.context_length")?,
            tie_word_embeddings: !self.tensors.contains_key("output.weight"),
            attention_bias: self.tensors.contains_key("blk.0.attn_q.bias"),
            mlp_bias: self.tensors.contains_key("blk.0.ffn_up.bias"),
            rope: RopeConfig::unscaled(1.0),
        })
    }

    /// Other networks are refused by their names, before a tensor is missed.
    fn check_architecture(&self) -> Result<(), LlamaError> {
        let key = "general.architecture";
        let expected = "\"llama\" (the only architecture that is supported)";
        let architecture = self.required(key, expected, Value::as_str)?;
        if architecture != "llama" {
            return Err(self.refuse(key, &format!("{architecture:?}"), expected));
        }
        // llama.cpp calls Mixtral a llama too.
        let key = "llama.expert_count";
        match self.size_or(key, 0)? {
            0 => Ok(()),
            experts => {
                let expected = "absent or 0 (mixtures of experts are not supported)";
                Err(self.refuse(key, &experts.to_string(), expected))
            }
        }
    }

    pub(super) fn size(&self, key: &str) -> Result<usize, LlamaError> {
        self.required(key, "a size", |v| usize::try_from(v.as_u64()?).ok())
    }

    pub(super) fn size_or(&self, key: &str, default: usize) -> Result<usize, LlamaError> {
        match self.metadata.contains_key(key) {
            true => self.size(key),
            false => Ok(default),
        }
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
        Refusal::new(field, found, expected).at(self.path())
    }

    /// A refusal under the name that llama.cpp gives the setting.
    pub(super) fn named(&self, refusal: Refusal) -> LlamaError {
        let name = |field: &str| match field {
            "vocab_size" => "llama.vocab_size".to_owned(),
            "hidden_size" => "llama.embedding_length".to_owned(),
            "intermediate_size" => "llama.feed_forward_length".to_owned(),
            "num_hidden_layers" => "llama.block_count".to_owned(),
            "num_attention_heads" => "llama.attention.head_count".to_owned(),
            "num_key_value_heads" => "llama.attention.head_count_kv".to_owned(),
            "head_dim" => "llama.attention.key_length".to_owned(),
            "rms_norm_eps" => "llama.attention.layer_norm_rms_epsilon".to_owned(),
            "max_position_embeddings" => "llama.context_length".to_owned(),
            "rope_theta" => "llama.rope.freq_base".to_owned(),
            "divisors" => ROPE_DIVISORS.to_owned(),
            "original_max_position_embeddings" => {
                "llama.rope.scaling.original_context_length".to_owned()
            }
            "attention_factor" => "llama.rope.scaling.attn_factor".to_owned(),
            "beta_fast" | "beta_slow" => format!("llama.rope.scaling.yarn_{field}"),
            scaling => format!("llama.rope.scaling.{scaling}"),
        };
        refusal.renamed(name).at(self.path())
    }
}
