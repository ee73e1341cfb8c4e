//! The angle per position of every pair of a head.
//!
//! Rounded where transformers rounds: frequencies are f32 there, and at
//! position 10,000 a difference in their last digit is a difference in the
//! angle that logits show. Only the powers are taken in f64, rounded once.

use std::f32::consts::PI;

use super::{LlamaConfig, RopeScaling};

impl LlamaConfig {
    /// The frequencies `fᵢ`, `head_dim / 2` of them: the angle of pair `i` at
    /// position `p` is `p·fᵢ`.
    ///
    /// `length` is the greatest position of a row, plus one. It is looked at
    /// by [`RopeScaling::Dynamic`] alone, from `max_position_embeddings` up.
    ///
    /// Compared with transformers' `ROPE_INIT_FUNCTIONS`.
    ///
    /// ```
    /// use anneal_llama::{LlamaConfig, RopeScaling};
    ///
    /// let mut config = LlamaConfig::smollm2_135m();
    /// (config.head_dim, config.rope.theta) = (4, 100.0);
    /// assert_eq!(config.rotary_frequencies(1), [1.0, 0.1]);
    /// config.rope.scaling = RopeScaling::Linear { factor: 4.0 };
    /// assert_eq!(config.rotary_frequencies(1), [0.25, 0.025]);
    /// ```
    pub fn rotary_frequencies(&self, length: usize) -> Vec<f32> {
        let theta = self.rope.theta as f32;
        let plain = || powers(theta, self.head_dim).into_iter().map(f32::recip);
        match &self.rope.scaling {
            RopeScaling::Default => plain().collect(),
            RopeScaling::Linear { factor } => plain().map(|f| f / *factor as f32).collect(),
            RopeScaling::Dynamic { factor } => {
                let theta = match length > self.max_position_embeddings {
                    true => self.longer_theta(*factor as f32, length),
                    false => theta,
                };
                let powers = powers(theta, self.head_dim);
                powers.into_iter().map(f32::recip).collect()
            }
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings: original,
            } => {
                let [factor, low, high] =
                    [factor, low_freq_factor, high_freq_factor].map(|v| *v as f32);
                let original = *original as f64;
                let longest = (original / low_freq_factor) as f32;
                let shortest = (original / high_freq_factor) as f32;
                let blend = |f: f32| {
                    let wave = 2.0 * PI / f;
                    if wave > longest {
                        f / factor
                    } else if wave < shortest {
                        f
                    } else {
                        let kept = (original as f32 / wave - low) / (high - low);
                        (1.0 - kept) * f / factor + kept * f
                    }
                };
                plain().map(blend).collect()
            }
            RopeScaling::Yarn {
                factor,
                original_max_position_embeddings,
                beta_fast,
                beta_slow,
                truncate,
                attention_factor: _,
            } => {
                let original = *original_max_position_embeddings as f64;
                let (low, high) = self.ramp(original, [*beta_fast, *beta_slow], *truncate);
                let factor = *factor as f32;
                let powers = powers(theta, self.head_dim).into_iter().enumerate();
                powers
                    .map(|(i, power)| {
                        let ramp = (i as f32 - low as f32) / (high - low) as f32;
                        let kept = 1.0 - ramp.clamp(0.0, 1.0);
                        (factor * power).recip() * (1.0 - kept) + power.recip() * kept
                    })
                    .collect()
            }
            RopeScaling::Divisors { divisors } => {
                let powers = powers(theta, self.head_dim).into_iter().zip(divisors);
                powers.map(|(power, d)| (d * power).recip()).collect()
            }
        }
    }

    /// Dynamic scaling's θ for a row of `length` positions.
    fn longer_theta(&self, factor: f32, length: usize) -> f32 {
        let ratio = factor * length as f32 / self.max_position_embeddings as f32;
        let width = self.head_dim as f64;
        let exponent = (width / (width - 2.0)) as f32;
        let growth = f64::from(ratio - (factor - 1.0)).powf(exponent.into()) as f32;
        self.rope.theta as f32 * growth
    }

    /// Where YaRN's ramp begins and ends: the pairs that turn `beta_fast` and
    /// `beta_slow` times in the original context.
    fn ramp(&self, original: f64, betas: [f64; 2], truncate: bool) -> (f64, f64) {
        let width = self.head_dim as f64;
        let [mut low, mut high] = betas.map(|turns| {
            width * (original / (turns * std::f64::consts::TAU)).ln() / (2.0 * self.rope.theta.ln())
        });
        if truncate {
            (low, high) = (low.floor(), high.ceil());
        }
        let (low, high) = (low.max(0.0), high.min(width - 1.0));
        // A step instead of a ramp: transformers' way round the division by 0.
        (low, if low == high { high + 0.001 } else { high })
    }
}

/// `θ^(2i / width)` for `i < width / 2`, with the exponent in f32.
fn powers(theta: f32, width: usize) -> Vec<f32> {
    (0..width / 2)
        .map(|i| {
            let exponent = (2 * i) as f32 / width as f32;
            f64::from(theta).powf(exponent.into()) as f32
        })
        .collect()
}
