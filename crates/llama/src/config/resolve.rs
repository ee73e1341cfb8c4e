//! From what `config.json` spells to what it means.

use std::path::Path;

use super::{HuggingFaceConfig, LlamaConfig, Refusal, RopeConfig, rope_settings};
use crate::LlamaError;

impl HuggingFaceConfig {
    /// Decides every value and checks it.
    ///
    /// # Errors
    /// [`LlamaError::Config`] with the key that can't be used, the value and
    /// what is supported; `path` is only named in it.
    pub fn resolve(&self, path: &Path) -> Result<LlamaConfig, LlamaError> {
        self.try_resolve().map_err(|refusal| refusal.at(path))
    }

    fn try_resolve(&self) -> Result<LlamaConfig, Refusal> {
        self.check_architecture()?;
        let config = LlamaConfig {
            vocab_size: self.vocab_size,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            num_key_value_heads: self.num_key_value_heads.unwrap_or(self.num_attention_heads),
            head_dim: self.head_dim()?,
            rms_norm_eps: self.rms_norm_eps,
            max_position_embeddings: self.max_position_embeddings,
            tie_word_embeddings: self.tie_word_embeddings,
            attention_bias: self.attention_bias,
            mlp_bias: self.mlp_bias,
            rope: RopeConfig::unscaled(1.0),
        };
        // The dimensions first: the rotary settings are measured against them.
        config.contradiction()?;
        let rope = rope_settings::read(self, config.head_dim)?;
        Ok(LlamaConfig { rope, ..config })
    }

    /// Other networks are refused by their names, before a tensor is missed.
    fn check_architecture(&self) -> Result<(), Refusal> {
        let quoted = |text: &str| format!("{text:?}");
        if let Some(other) = self.model_type.as_deref().filter(|t| *t != "llama") {
            let expected = "\"llama\" (the only architecture that is supported)";
            return Err(Refusal::new("model_type", quoted(other), expected));
        }
        let classes = self.architectures.as_deref().unwrap_or_default();
        // Old files write LLaMAForCausalLM.
        let ours = |class: &String| class.eq_ignore_ascii_case("LlamaForCausalLM");
        if !classes.is_empty() && !classes.iter().any(ours) {
            let found = format!("{classes:?}");
            return Err(Refusal::new("architectures", found, "\"LlamaForCausalLM\""));
        }
        if !matches!(self.hidden_act.as_str(), "silu" | "swish") {
            let found = quoted(&self.hidden_act);
            return Err(Refusal::new("hidden_act", found, "\"silu\""));
        }
        if let Some(packed) = &self.quantization_config {
            let method = packed.get("quant_method").unwrap_or(packed);
            let expected = "absent: f32, f16 or bf16 weights, or a GGUF file";
            return Err(Refusal::new("quantization_config", method, expected));
        }
        Ok(())
    }

    fn head_dim(&self) -> Result<usize, Refusal> {
        let (hidden, heads) = (self.hidden_size, self.num_attention_heads);
        match self.head_dim {
            Some(width) => Ok(width),
            None if heads == 0 => Err(Refusal::new("num_attention_heads", 0, "at least 1")),
            None if !hidden.is_multiple_of(heads) => {
                let expected =
                    format!("a multiple of num_attention_heads ({heads}), or a head_dim");
                Err(Refusal::new("hidden_size", hidden, expected))
            }
            None => Ok(hidden / heads),
        }
    }
}
