//! Weights before the first step.

use std::path::Path;

use anneal_llama::{LlamaConfig, LlamaError, Problem, RopeConfig, TensorSource};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The shape of the model that the repository carries.
pub fn small_llama(vocab_size: usize) -> LlamaConfig {
    LlamaConfig {
        vocab_size,
        hidden_size: 192,
        intermediate_size: 480,
        num_hidden_layers: 4,
        num_attention_heads: 6,
        num_key_value_heads: 3,
        head_dim: 32,
        rms_norm_eps: 1e-5,
        max_position_embeddings: 1024,
        tie_word_embeddings: true,
        attention_bias: false,
        mlp_bias: false,
        rope: RopeConfig::unscaled(10_000.0),
    }
}

/// GPT-2's initial weights: N(0, σ²), the projections that write into the
/// residual stream divided by √(2·layers); norms are 1.
///
/// A tensor depends on the seed and its name alone.
#[derive(Debug, Clone)]
pub struct InitialWeights {
    /// σ.
    pub standard_deviation: f64,
    /// Decoder layers.
    pub layers: usize,
    /// The seed.
    pub seed: u64,
}

impl TensorSource for InitialWeights {
    fn location(&self) -> &Path {
        Path::new("initial weights")
    }

    fn tensor(
        &mut self,
        name: &str,
        shape: &[usize],
    ) -> Result<Result<Vec<f32>, Problem>, LlamaError> {
        let count: usize = shape.iter().product();
        if name.ends_with("norm.weight") {
            return Ok(Ok(vec![1.0; count]));
        }
        let writes = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
        let scale = match writes {
            true => self.standard_deviation / (2.0 * self.layers as f64).sqrt(),
            false => self.standard_deviation,
        };
        // FNV-1a, stable across platforms and releases.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut random = ChaCha8Rng::seed_from_u64(self.seed ^ hash);
        Ok(Ok((0..count)
            .map(|_| (scale * normal(&mut random)) as f32)
            .collect()))
    }

    fn names(&self) -> Vec<(String, Vec<usize>)> {
        Vec::new()
    }
}

/// A standard normal number (Box and Muller).
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_normal_and_the_residual_ones_smaller() {
        let mut source = InitialWeights {
            standard_deviation: 0.05,
            layers: 8,
            seed: 3,
        };
        let mut spread = |name: &str| {
            let values = source.tensor(name, &[300, 200]).unwrap().unwrap();
            let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / 60_000.0;
            let square = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / 60_000.0;
            let beyond = values
                .iter()
                .filter(|v| f64::from(v.abs()) > 2.0 * square.sqrt());
            (mean, square.sqrt(), beyond.count() as f64 / 60_000.0)
        };
        let (mean, deviation, beyond) = spread("model.layers.0.self_attn.q_proj.weight");
        assert!(mean.abs() < 1e-3 && (deviation - 0.05).abs() < 5e-4);
        // 4.55 % of a normal distribution lie beyond two deviations, of a uniform one none.
        assert!((beyond - 0.0455).abs() < 0.004, "{beyond}");
        let (_, deviation, _) = spread("model.layers.0.self_attn.o_proj.weight");
        assert!((deviation - 0.0125).abs() < 2e-4);
        let norm = source.tensor("model.norm.weight", &[5]).unwrap().unwrap();
        assert_eq!(norm, [1.0; 5]);
    }
}
