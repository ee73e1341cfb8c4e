//! The configuration that the model is built from: every value decided.

use std::path::Path;

use serde::Serialize;

use super::{LARGEST, Refusal, RopeConfig, RopeScaling};
use crate::LlamaError;

/// A Llama's dimensions and constants.
///
/// Read from a file by [`HuggingFaceConfig::resolve`](crate::HuggingFaceConfig::resolve),
/// or one of the presets below. The fields may be changed, as tests do to make
/// small models; [`LlamaConfig::check`] says whether they still fit together.
///
/// ```
/// use anneal_llama::LlamaConfig;
///
/// let config = LlamaConfig::llama3_2_1b();
/// assert_eq!(config.parameter_count(), 1_235_814_400);
/// assert_eq!(config.context_length(), 131_072);
/// ```
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
    /// Positions the model was trained for; see [`LlamaConfig::context_length`].
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

impl LlamaConfig {
    /// Checks what a file may get wrong; the first contradiction is returned.
    ///
    /// # Errors
    /// [`LlamaError::Config`] that names the field, and `path` as its place.
    pub fn check(&self, path: &Path) -> Result<(), LlamaError> {
        self.contradiction().map_err(|refusal| refusal.at(path))
    }

    pub(crate) fn contradiction(&self) -> Result<(), Refusal> {
        // The bounds keep products of two dimensions far from overflow, and
        // work before the first look at a tensor small: a file of one line
        // could otherwise ask for a billion layers.
        for (field, value, largest) in [
            ("vocab_size", self.vocab_size, LARGEST),
            ("hidden_size", self.hidden_size, LARGEST),
            ("intermediate_size", self.intermediate_size, LARGEST),
            ("num_hidden_layers", self.num_hidden_layers, 1 << 12),
            ("num_attention_heads", self.num_attention_heads, 1 << 16),
            ("num_key_value_heads", self.num_key_value_heads, 1 << 16),
            ("head_dim", self.head_dim, 1 << 16),
            (
                "max_position_embeddings",
                self.max_position_embeddings,
                LARGEST,
            ),
        ] {
            if value == 0 || value > largest {
                let expected = format!("1 to 2^{}", largest.ilog2());
                return Err(Refusal::new(field, value, expected));
            }
        }
        let heads = self.num_attention_heads;
        if !heads.is_multiple_of(self.num_key_value_heads) {
            let expected = format!("a divisor of num_attention_heads ({heads})");
            return Err(Refusal::new(
                "num_key_value_heads",
                self.num_key_value_heads,
                expected,
            ));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(Refusal::new("head_dim", self.head_dim, "an even number"));
        }
        if !(self.rms_norm_eps.is_finite() && self.rms_norm_eps >= 0.0) {
            return Err(Refusal::new(
                "rms_norm_eps",
                self.rms_norm_eps,
                "a number ≥ 0",
            ));
        }
        self.rope.check(self.head_dim)
    }

    /// Positions that the model can use.
    ///
    /// `max_position_embeddings`, times the factor for linear and dynamic
    /// scaling: files of those kinds give the length before the stretching
    /// (Vicuna 16k: 4096 and a factor of 4), files of the others the one after.
    /// YaRN's give either (Qwen's 32,768 and a factor of 4): there it is the
    /// stretched original length, if that is more.
    pub fn context_length(&self) -> usize {
        let given = self.max_position_embeddings;
        let stretched = match self.rope.scaling {
            RopeScaling::Linear { factor } | RopeScaling::Dynamic { factor } => {
                given as f64 * factor
            }
            RopeScaling::Yarn {
                factor,
                original_max_position_embeddings: original,
                ..
            } => original as f64 * factor,
            _ => 0.0,
        };
        // A factor is only known to be a number; 2^30 is as far as sizes go.
        given.max((stretched as usize).min(LARGEST))
    }

    /// How many numbers the model learns; a tied head counts once. Of a
    /// configuration that passes [`LlamaConfig::check`].
    pub fn parameter_count(&self) -> u64 {
        let [vocab, hidden, inner, layers, heads, kv_heads, width] = [
            self.vocab_size,
            self.hidden_size,
            self.intermediate_size,
            self.num_hidden_layers,
            self.num_attention_heads,
            self.num_key_value_heads,
            self.head_dim,
        ]
        .map(|size| size as u128);
        let (queries, keys) = (heads * width, kv_heads * width);
        let mut layer = hidden * (2 * queries + 2 * keys + 3 * inner + 2);
        if self.attention_bias {
            layer += queries + 2 * keys + hidden;
        }
        if self.mlp_bias {
            layer += 2 * inner + hidden;
        }
        let embeddings = if self.tie_word_embeddings { 1 } else { 2 };
        let total = layers * layer + embeddings * vocab * hidden + hidden;
        u64::try_from(total).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut LlamaConfig);

    #[test]
    fn contradictions_are_named() {
        let refused = |change: Change| {
            let mut config = LlamaConfig::smollm2_135m();
            change(&mut config);
            config.contradiction().unwrap_err().field
        };
        let cases: [(&str, Change); 16] = [
            ("vocab_size", |c| c.vocab_size = 0),
            ("hidden_size", |c| c.hidden_size = 0),
            ("hidden_size", |c| c.hidden_size = usize::MAX),
            ("intermediate_size", |c| c.intermediate_size = 1 << 31),
            ("num_hidden_layers", |c| c.num_hidden_layers = 1_000_000_000),
            ("num_attention_heads", |c| c.num_attention_heads = 0),
            ("num_key_value_heads", |c| c.num_key_value_heads = 0),
            ("num_key_value_heads", |c| c.num_key_value_heads = 2),
            ("num_key_value_heads", |c| c.num_key_value_heads = 18),
            ("head_dim", |c| c.head_dim = 63),
            ("head_dim", |c| c.head_dim = 1 << 17),
            ("max_position_embeddings", |c| c.max_position_embeddings = 0),
            ("rms_norm_eps", |c| c.rms_norm_eps = -1e-6),
            ("rms_norm_eps", |c| c.rms_norm_eps = f64::NAN),
            ("rope_theta", |c| c.rope.theta = f64::NAN),
            ("rope_theta", |c| c.rope.theta = 1e300),
        ];
        for (field, change) in cases {
            assert_eq!(refused(change), field);
        }
        let scaled: [(&str, RopeScaling); 9] = [
            ("factor", RopeScaling::Linear { factor: 0.0 }),
            ("factor", RopeScaling::Dynamic { factor: f64::NAN }),
            ("factor", llama3(-8.0, 1.0, 4.0, 64)),
            ("low_freq_factor", llama3(8.0, 0.0, 4.0, 64)),
            ("high_freq_factor", llama3(8.0, 4.0, 4.0, 64)),
            ("original_max_position_embeddings", llama3(8.0, 1.0, 4.0, 0)),
            ("attention_factor", yarn(0.0, 32.0)),
            ("beta_fast", yarn(1.0, 0.5)),
            (
                "divisors",
                RopeScaling::Divisors {
                    divisors: vec![1.0; 31],
                },
            ),
        ];
        for (field, scaling) in scaled {
            let mut config = LlamaConfig::smollm2_135m();
            config.rope.scaling = scaling;
            assert_eq!(config.contradiction().unwrap_err().field, field);
        }
        assert!(LlamaConfig::smollm2_135m().contradiction().is_ok());
    }

    fn llama3(factor: f64, low: f64, high: f64, original: usize) -> RopeScaling {
        RopeScaling::Llama3 {
            factor,
            low_freq_factor: low,
            high_freq_factor: high,
            original_max_position_embeddings: original,
        }
    }

    fn yarn(attention_factor: f64, beta_fast: f64) -> RopeScaling {
        RopeScaling::Yarn {
            factor: 4.0,
            original_max_position_embeddings: 64,
            attention_factor,
            beta_fast,
            beta_slow: 1.0,
            truncate: true,
        }
    }

    #[test]
    fn an_error_names_the_place_it_was_asked_for() {
        let mut config = LlamaConfig::smollm2_135m();
        config.head_dim = 7;
        let error = config.check(Path::new("tiny.json")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tiny.json: head_dim is 7; expected an even number"
        );
    }

    #[test]
    fn biases_and_a_tied_head_are_counted() {
        let mut config = LlamaConfig::smollm2_135m();
        config.vocab_size = 10;
        (config.hidden_size, config.intermediate_size) = (4, 6);
        config.num_hidden_layers = 1;
        (config.num_attention_heads, config.num_key_value_heads) = (3, 1);
        config.head_dim = 2;
        // q 6×4, k and v 2×4, o 4×6; gate, up, down 6×4; three norms of 4.
        let tied = 10 * 4 + 24 + 8 + 8 + 24 + 3 * 24 + 3 * 4;
        assert_eq!(config.parameter_count(), tied);
        config.tie_word_embeddings = false;
        (config.attention_bias, config.mlp_bias) = (true, true);
        assert_eq!(
            config.parameter_count(),
            tied + 40 + (6 + 2 + 2 + 4) + (6 + 6 + 4)
        );
    }

    #[test]
    fn stretched_contexts_are_usable() {
        let mut config = LlamaConfig::smollm2_135m();
        assert_eq!(config.context_length(), 8_192);
        config.rope.scaling = RopeScaling::Dynamic { factor: 2.5 };
        assert_eq!(config.context_length(), 20_480);
        config.rope.scaling = llama3(8.0, 1.0, 4.0, 1_024);
        assert_eq!(config.context_length(), 8_192);
        // Both ways in which YaRN's files are written.
        config.rope.scaling = yarn(1.0, 32.0);
        assert_eq!(config.context_length(), 8_192);
        config.max_position_embeddings = 64;
        assert_eq!(config.context_length(), 256);
        config.rope.scaling = RopeScaling::Linear { factor: 1e30 };
        assert_eq!(config.context_length(), LARGEST);
    }
}
