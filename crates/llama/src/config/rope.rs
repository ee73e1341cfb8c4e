//! How positions become angles: the rotary embedding's base and its scaling.
//!
//! The kinds and their formulas are those of transformers'
//! `modeling_rope_utils.py` (5.23); every parameter that it would derive is
//! decided here, so that two configurations that mean the same are equal.

use serde::Serialize;

use super::Refusal;

/// A rotary embedding: `fᵢ = θ^(−2i / head_dim)`, changed by the scaling.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RopeConfig {
    /// The base θ.
    pub theta: f64,
    /// How the frequencies are changed for contexts longer than the first
    /// training's.
    pub scaling: RopeScaling,
}

/// What is done to the frequencies `fᵢ`, under transformers' names.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "rope_type", rename_all = "snake_case")]
pub enum RopeScaling {
    /// None: `fᵢ` as they are.
    Default,
    /// `fᵢ / factor`: position interpolation (Chen et al. 2023).
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// A greater θ for a text of more than `max_position_embeddings` tokens,
    /// `θ·(factor·n / max − (factor − 1))^(d / (d − 2))` with `n` its greatest
    /// position + 1 and `d` the head's width ("dynamic NTK").
    ///
    /// transformers keeps the greatest `n` that a model object has seen until
    /// a call below the limit comes, and has one `n` for a whole batch. Here
    /// `n` is each text's own in each call: the same numbers for one text at a
    /// time on a fresh model, and rows that do not change each other. As
    /// there, keys already in a cache keep the angles they were stored with.
    Dynamic {
        /// How fast θ grows.
        factor: f64,
    },
    /// Llama 3.1's: long waves slowed down by `factor`, short ones kept, and a
    /// linear blend between `original / low_freq_factor` and
    /// `original / high_freq_factor` positions of wavelength.
    Llama3 {
        /// The divisor of the longest waves.
        factor: f64,
        /// Waves longer than `original / low_freq_factor` are slowed down.
        low_freq_factor: f64,
        /// Waves shorter than `original / high_freq_factor` are kept.
        high_freq_factor: f64,
        /// Positions of the first training.
        original_max_position_embeddings: usize,
    },
    /// YaRN (Peng et al. 2023, arXiv 2309.00071): frequencies that turn more
    /// than `beta_fast` times in the original context are kept, those below
    /// `beta_slow` divided by `factor`, with a linear ramp between; cosines
    /// and sines are multiplied by `attention_factor`.
    Yarn {
        /// The divisor of the slow frequencies.
        factor: f64,
        /// Positions of the first training.
        original_max_position_embeddings: usize,
        /// Multiplies cosines and sines; see [`RopeScaling::yarn_attention_factor`].
        attention_factor: f64,
        /// Turns above which a frequency is kept; transformers' default is 32.
        beta_fast: f64,
        /// Turns below which a frequency is divided; by default 1.
        beta_slow: f64,
        /// Whether the ramp's ends are rounded outwards; true by default.
        truncate: bool,
    },
    /// `fᵢ / divisorᵢ`: what a GGUF file's `rope_freqs.weight` holds.
    Divisors {
        /// One per frequency, `head_dim / 2` of them.
        divisors: Vec<f32>,
    },
}

impl RopeConfig {
    /// A rotary embedding without scaling.
    pub fn unscaled(theta: f64) -> Self {
        Self {
            theta,
            scaling: RopeScaling::Default,
        }
    }

    /// The first setting that has no meaning, under transformers' name.
    pub(crate) fn check(&self, head_dim: usize) -> Result<(), Refusal> {
        // Frequencies are f32, and lie between 1 and 1 / θ.
        let theta = self.theta as f32;
        if !(theta > 0.0 && theta.is_finite() && theta.recip().is_finite()) {
            return Err(Refusal::new("rope_theta", self.theta, "a number > 0"));
        }
        match &self.scaling {
            RopeScaling::Default => Ok(()),
            RopeScaling::Linear { factor } => positive("factor", *factor),
            RopeScaling::Dynamic { factor } => {
                positive("factor", *factor)?;
                if head_dim == 2 {
                    // d / (d − 2)
                    return Err(Refusal::new("head_dim", 2, "more than 2 for dynamic rope"));
                }
                Ok(())
            }
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings,
            } => {
                positive("factor", *factor)?;
                positive("low_freq_factor", *low_freq_factor)?;
                positive("high_freq_factor", *high_freq_factor)?;
                if high_freq_factor <= low_freq_factor {
                    let expected = format!("more than low_freq_factor ({low_freq_factor})");
                    return Err(Refusal::new("high_freq_factor", high_freq_factor, expected));
                }
                original(*original_max_position_embeddings)
            }
            RopeScaling::Yarn {
                factor,
                original_max_position_embeddings,
                attention_factor,
                beta_fast,
                beta_slow,
                truncate: _,
            } => {
                positive("factor", *factor)?;
                positive("attention_factor", *attention_factor)?;
                positive("beta_fast", *beta_fast)?;
                positive("beta_slow", *beta_slow)?;
                if beta_fast < beta_slow {
                    let expected = format!("at least beta_slow ({beta_slow})");
                    return Err(Refusal::new("beta_fast", beta_fast, expected));
                }
                if self.theta <= 1.0 {
                    // The ramp's ends are divided by ln θ.
                    let expected = "a number > 1 for yarn";
                    return Err(Refusal::new("rope_theta", self.theta, expected));
                }
                original(*original_max_position_embeddings)
            }
            RopeScaling::Divisors { divisors } => {
                if divisors.len() != head_dim / 2 {
                    let expected = format!("{} numbers (head_dim / 2)", head_dim / 2);
                    let found = format!("a list of {}", divisors.len());
                    return Err(Refusal::new("divisors", found, expected));
                }
                match divisors.iter().find(|d| !(d.is_finite() && **d > 0.0)) {
                    Some(bad) => Err(Refusal::new("divisors", bad, "numbers > 0")),
                    None => Ok(()),
                }
            }
        }
    }
}

impl RopeScaling {
    /// Under which name transformers knows it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Linear { .. } => "linear",
            Self::Dynamic { .. } => "dynamic",
            Self::Llama3 { .. } => "llama3",
            Self::Yarn { .. } => "yarn",
            // One list for short and long texts.
            Self::Divisors { .. } => "longrope",
        }
    }

    /// Whether the frequencies of a row depend on its greatest position.
    pub fn depends_on_length(&self) -> bool {
        matches!(self, Self::Dynamic { .. })
    }

    /// What cosines and sines are multiplied by.
    pub fn attention_factor(&self) -> f64 {
        match self {
            Self::Yarn {
                attention_factor, ..
            } => *attention_factor,
            _ => 1.0,
        }
    }

    /// YaRN's attention factor where a file does not give it: `g(s, 1)`, or
    /// `g(s, mscale) / g(s, mscale_all_dim)` where both are given and not 0;
    /// `g(s, m) = 0.1·m·ln s + 1`, and 1 for `s ≤ 1`.
    ///
    /// ```
    /// use anneal_llama::RopeScaling;
    ///
    /// let factor = RopeScaling::yarn_attention_factor(4.0, None, None);
    /// assert!((factor - 1.138_629_436_111_989).abs() < 1e-12);
    /// let factor = RopeScaling::yarn_attention_factor(4.0, Some(0.7), Some(1.3));
    /// assert!((factor - 0.929_523_492_393_946_8).abs() < 1e-12);
    /// ```
    pub fn yarn_attention_factor(
        factor: f64,
        mscale: Option<f64>,
        mscale_all_dim: Option<f64>,
    ) -> f64 {
        let g = |mscale: f64| match factor <= 1.0 {
            true => 1.0,
            false => 0.1 * mscale * factor.ln() + 1.0,
        };
        let given = |value: Option<f64>| value.filter(|v| *v != 0.0);
        match (given(mscale), given(mscale_all_dim)) {
            (Some(mscale), Some(all)) => g(mscale) / g(all),
            _ => g(1.0),
        }
    }
}

fn positive(field: &str, value: f64) -> Result<(), Refusal> {
    match value.is_finite() && value as f32 > 0.0 && (value as f32).is_finite() {
        true => Ok(()),
        false => Err(Refusal::new(field, value, "a number > 0")),
    }
}

fn original(positions: usize) -> Result<(), Refusal> {
    match (1..=super::LARGEST).contains(&positions) {
        true => Ok(()),
        false => {
            let field = "original_max_position_embeddings";
            Err(Refusal::new(field, positions, "1 to 2^30"))
        }
    }
}
