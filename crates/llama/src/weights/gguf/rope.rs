//! A GGUF file's rotary embedding.
//!
//! llama.cpp knows no scaling, linear and YaRN by metadata, and divides the
//! frequencies by `rope_freqs.weight` where the file has it: so its converter
//! keeps Llama 3.1's scaling.

use super::{GgufFile, Value, config::ROPE_DIVISORS};
use crate::LlamaError;
use crate::config::{LlamaConfig, RopeConfig, RopeScaling};

const TYPE: &str = "llama.rope.scaling.type";
const FACTOR: &str = "llama.rope.scaling.factor";
/// The factor's name in files from before there were types.
const OLD_FACTOR: &str = "llama.rope.scale_linear";

impl GgufFile {
    /// The rotary embedding; `config` holds the dimensions.
    pub(super) fn rope(&self, config: &LlamaConfig) -> Result<RopeConfig, LlamaError> {
        let rope = RopeConfig {
            theta: self.number_or("llama.rope.freq_base", 10_000.0)?,
            scaling: self.scaling(config)?,
        };
        rope.check(config.head_dim).map_err(|r| self.named(r))?;
        match rope.scaling {
            RopeScaling::Divisors { divisors } => Ok(recognised(rope.theta, divisors, config)),
            _ => Ok(rope),
        }
    }

    fn scaling(&self, config: &LlamaConfig) -> Result<RopeScaling, LlamaError> {
        // Sets of divisors that change with the length of the text.
        let sets = ["rope_factors_long.weight", "rope_factors_short.weight"];
        if let Some(set) = sets.into_iter().find(|set| self.tensors.contains_key(*set)) {
            let expected = "absent (longrope is not supported)";
            return Err(self.refuse(set, "present", expected));
        }
        let expected = "\"none\", \"linear\" or \"yarn\"";
        let kind = match self.metadata.contains_key(TYPE) {
            true => self.required(TYPE, expected, Value::as_str)?,
            false => "linear",
        };
        let old = self.number_or(OLD_FACTOR, 0.0)?;
        // 0 stands for "not scaled", as in llama.cpp.
        let factor = match self.number_or(FACTOR, old)? {
            0.0 => 1.0,
            factor => factor,
        };
        let by_metadata = match kind {
            "none" => RopeScaling::Default,
            "linear" if factor == 1.0 => RopeScaling::Default,
            "linear" => RopeScaling::Linear { factor },
            "yarn" => self.yarn(factor, config)?,
            other => return Err(self.refuse(TYPE, &format!("{other:?}"), expected)),
        };
        if kind != "yarn" {
            self.only("llama.rope.scaling.attn_factor", 1.0)?;
        }
        let Some(info) = self.tensors.get(ROPE_DIVISORS) else {
            return Ok(by_metadata);
        };
        if by_metadata != RopeScaling::Default {
            let found = format!("present beside {TYPE} {kind:?}");
            return Err(self.refuse(ROPE_DIVISORS, &found, "one of the two"));
        }
        if info.shape != [config.head_dim / 2] {
            let found = format!("of shape {:?}", info.shape);
            let expected = format!("[{}] (half the head's width)", config.head_dim / 2);
            return Err(self.refuse(ROPE_DIVISORS, &found, &expected));
        }
        Ok(RopeScaling::Divisors {
            divisors: self.read(ROPE_DIVISORS, info)?,
        })
    }

    fn yarn(&self, factor: f64, config: &LlamaConfig) -> Result<RopeScaling, LlamaError> {
        // Another mixture of the two angles, and DeepSeek's attention factor.
        self.only("llama.rope.scaling.yarn_ext_factor", 1.0)?;
        self.only("llama.rope.scaling.yarn_attn_factor", 1.0)?;
        self.only("llama.rope.scaling.yarn_log_multiplier", 0.0)?;
        let attention = self.number_or("llama.rope.scaling.attn_factor", 1.0)?;
        Ok(RopeScaling::Yarn {
            factor,
            original_max_position_embeddings: self.size_or(
                "llama.rope.scaling.original_context_length",
                config.max_position_embeddings,
            )?,
            // llama.cpp multiplies, where transformers replaces.
            attention_factor: attention * RopeScaling::yarn_attention_factor(factor, None, None),
            beta_fast: self.number_or("llama.rope.scaling.yarn_beta_fast", 32.0)?,
            beta_slow: self.number_or("llama.rope.scaling.yarn_beta_slow", 1.0)?,
            truncate: true,
        })
    }

    /// Refuses a setting that has any but its neutral value.
    fn only(&self, key: &str, neutral: f64) -> Result<(), LlamaError> {
        let found = self.number_or(key, neutral)?;
        match found == neutral {
            true => Ok(()),
            false => Err(self.refuse(key, &found.to_string(), &format!("absent or {neutral}"))),
        }
    }

    fn number_or(&self, key: &str, default: f64) -> Result<f64, LlamaError> {
        match self.metadata.contains_key(key) {
            true => self.required(key, "a number", Value::as_f64),
            false => Ok(default),
        }
    }
}

/// Divisors as the scaling they came from, if that is one of Meta's: it can be
/// saved as Meta published it, and is equal to what the original folder says.
fn recognised(theta: f64, divisors: Vec<f32>, config: &LlamaConfig) -> RopeConfig {
    let unscaled = LlamaConfig {
        rope: RopeConfig::unscaled(theta),
        ..config.clone()
    };
    let mut meta = unscaled.clone();
    meta.rope.scaling = RopeScaling::Llama3 {
        // The longest wave's.
        factor: divisors.last().copied().unwrap_or(1.0).into(),
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: 8_192,
    };
    let plain = unscaled.rotary_frequencies(1);
    let scaled = meta.rotary_frequencies(1);
    let same = |((plain, scaled), divisor): ((&f32, &f32), &f32)| {
        (plain / scaled / divisor - 1.0).abs() < 1e-6
    };
    if plain.iter().zip(&scaled).zip(&divisors).all(same) && divisors.iter().any(|d| *d != 1.0) {
        return meta.rope;
    }
    RopeConfig {
        theta,
        scaling: RopeScaling::Divisors { divisors },
    }
}
