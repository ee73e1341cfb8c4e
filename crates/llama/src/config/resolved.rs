//! The configuration that the model is built from: every value decided.

use serde::Serialize;

/// Rotary position embedding without scaling.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RopeConfig {
    /// The base θ of the frequencies `θ^(−2i / head_dim)`.
    pub theta: f64,
}

/// A Llama's dimensions and constants, validated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LlamaConfig {
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Decoder layers.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; divides the query heads.
    pub num_key_value_heads: usize,
    /// Width of a head, even; not always `hidden_size / num_attention_heads`.
    pub head_dim: usize,
    /// ε of the norms.
    pub rms_norm_eps: f64,
    /// Positions the model was trained for.
    pub max_position_embeddings: usize,
    /// Whether the head is the embedding, transposed.
    pub tie_word_embeddings: bool,
    /// Whether the attention's projections have biases.
    pub attention_bias: bool,
    /// Whether the feed-forward projections have biases.
    pub mlp_bias: bool,
    /// Rotary embedding.
    pub rope: RopeConfig,
}

/// A setting that can't be used: its name, its value, and what is expected.
pub(crate) type Refusal = (String, String, String);

impl LlamaConfig {
    /// Checks what a file may get wrong; the first contradiction is returned.
    pub(crate) fn validate(self) -> Result<Self, Refusal> {
        let refuse =
            |field: &str, found: String, expected: String| Err((field.to_owned(), found, expected));
        for (field, value) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("head_dim", self.head_dim),
            ("max_position_embeddings", self.max_position_embeddings),
        ] {
            // The bound keeps products of two dimensions far from overflow.
            if value == 0 || value > 1 << 30 {
                return refuse(field, value.to_string(), "1 to 2^30".into());
            }
        }
        if !self
            .num_attention_heads
            .is_multiple_of(self.num_key_value_heads)
        {
            return refuse(
                "num_key_value_heads",
                self.num_key_value_heads.to_string(),
                format!(
                    "a divisor of num_attention_heads ({})",
                    self.num_attention_heads
                ),
            );
        }
        if !self.head_dim.is_multiple_of(2) {
            return refuse(
                "head_dim",
                self.head_dim.to_string(),
                "an even number".into(),
            );
        }
        if !(self.rms_norm_eps.is_finite() && self.rms_norm_eps >= 0.0) {
            return refuse(
                "rms_norm_eps",
                self.rms_norm_eps.to_string(),
                "a number ≥ 0".into(),
            );
        }
        if !(self.rope.theta.is_finite() && self.rope.theta > 0.0) {
            return refuse(
                "rope_theta",
                self.rope.theta.to_string(),
                "a number > 0".into(),
            );
        }
        Ok(self)
    }

    /// SmolLM2-135M: the smallest released Llama that this project trains on.
    pub fn smollm2_135m() -> Self {
        Self {
            vocab_size: 49_152,
            hidden_size: 576,
            intermediate_size: 1_536,
            num_hidden_layers: 30,
            num_attention_heads: 9,
            num_key_value_heads: 3,
            head_dim: 64,
            rms_norm_eps: 1e-5,
            max_position_embeddings: 8_192,
            tie_word_embeddings: true,
            attention_bias: false,
            mlp_bias: false,
            rope: RopeConfig { theta: 100_000.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_are_named() {
        let refused = |change: fn(&mut LlamaConfig)| {
            let mut config = LlamaConfig::smollm2_135m();
            change(&mut config);
            config.validate().unwrap_err().0
        };
        assert_eq!(
            refused(|c| c.num_key_value_heads = 2),
            "num_key_value_heads"
        );
        assert_eq!(refused(|c| c.head_dim = 63), "head_dim");
        assert_eq!(refused(|c| c.hidden_size = 0), "hidden_size");
        assert_eq!(refused(|c| c.rope.theta = f64::NAN), "rope_theta");
        assert!(LlamaConfig::smollm2_135m().validate().is_ok());
    }
}
