//! A mirror of `config.json`, in both spellings of the rotary settings.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{LlamaConfig, RopeConfig, resolved::Refusal};
use crate::LlamaError;

/// The fields of a Llama's `config.json` that decide its arithmetic.
///
/// Defaults are transformers' (`LlamaConfig`). transformers 4 writes
/// `rope_theta` and `rope_scaling`, transformers 5 `rope_parameters`.
#[derive(Debug, Deserialize)]
pub(crate) struct HuggingFaceConfig {
    model_type: Option<String>,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    hidden_act: Option<String>,
    #[serde(default = "default_epsilon")]
    rms_norm_eps: f64,
    #[serde(default = "default_positions")]
    max_position_embeddings: usize,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    rope_theta: Option<f64>,
    rope_scaling: Option<Value>,
    rope_parameters: Option<Value>,
    eos_token_id: Option<TokenIds>,
}

/// One id, or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum TokenIds {
    One(u32),
    Many(Vec<u32>),
}

impl From<TokenIds> for Vec<u32> {
    fn from(ids: TokenIds) -> Self {
        match ids {
            TokenIds::One(id) => vec![id],
            TokenIds::Many(ids) => ids,
        }
    }
}

fn default_epsilon() -> f64 {
    1e-6
}

fn default_positions() -> usize {
    2_048
}

impl HuggingFaceConfig {
    /// Reads `config.json`.
    pub(crate) fn read(path: &Path) -> Result<Self, LlamaError> {
        let text = std::fs::read_to_string(path).map_err(|source| LlamaError::Io {
            path: path.to_owned(),
            source,
        })?;
        serde_json::from_str(&text).map_err(|source| LlamaError::Json {
            path: path.to_owned(),
            source,
        })
    }

    /// The ids that end a text, by `config.json`.
    pub(crate) fn end_ids(&self) -> Vec<u32> {
        self.eos_token_id
            .clone()
            .map(Into::into)
            .unwrap_or_default()
    }

    /// Decides every value and checks it.
    pub(crate) fn resolve(&self, path: &Path) -> Result<LlamaConfig, LlamaError> {
        self.try_resolve()
            .map_err(|(field, found, expected)| LlamaError::Config {
                path: path.to_owned(),
                field,
                found,
                expected,
            })
    }

    fn try_resolve(&self) -> Result<LlamaConfig, Refusal> {
        if let Some(model_type) = self.model_type.as_deref().filter(|t| *t != "llama") {
            return Err((
                "model_type".into(),
                format!("{model_type:?}"),
                "\"llama\"".into(),
            ));
        }
        if let Some(act) = self.hidden_act.as_deref().filter(|a| *a != "silu") {
            return Err(("hidden_act".into(), format!("{act:?}"), "\"silu\"".into()));
        }
        if self.num_attention_heads == 0 {
            return Err((
                "num_attention_heads".into(),
                "0".into(),
                "at least 1".into(),
            ));
        }
        let theta = self.theta()?;
        LlamaConfig {
            vocab_size: self.vocab_size,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            num_key_value_heads: self.num_key_value_heads.unwrap_or(self.num_attention_heads),
            head_dim: self
                .head_dim
                .unwrap_or(self.hidden_size / self.num_attention_heads),
            rms_norm_eps: self.rms_norm_eps,
            max_position_embeddings: self.max_position_embeddings,
            tie_word_embeddings: self.tie_word_embeddings,
            attention_bias: self.attention_bias,
            mlp_bias: self.mlp_bias,
            rope: RopeConfig { theta },
        }
        .validate()
    }

    /// θ, if the rotary embedding is the unscaled one.
    fn theta(&self) -> Result<f64, Refusal> {
        let mut theta = self.rope_theta;
        for (field, settings) in [
            ("rope_scaling", &self.rope_scaling),
            ("rope_parameters", &self.rope_parameters),
        ] {
            let Some(settings) = settings.as_ref().filter(|s| !s.is_null()) else {
                continue;
            };
            let kind = settings.get("rope_type").or_else(|| settings.get("type"));
            if let Some(kind) = kind.filter(|k| *k != "default") {
                return Err((
                    format!("{field}.rope_type"),
                    kind.to_string(),
                    "\"default\"".into(),
                ));
            }
            if let Some(value) = settings.get("rope_theta") {
                theta = Some(value.as_f64().ok_or_else(|| {
                    (
                        format!("{field}.rope_theta"),
                        value.to_string(),
                        "a number".to_owned(),
                    )
                })?);
            }
        }
        Ok(theta.unwrap_or(10_000.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(extra: &str) -> Result<LlamaConfig, String> {
        let text = format!(
            r#"{{"model_type": "llama", "vocab_size": 100, "hidden_size": 48, "intermediate_size": 80,
                "num_hidden_layers": 2, "num_attention_heads": 6 {extra}}}"#
        );
        let config: HuggingFaceConfig = serde_json::from_str(&text).unwrap();
        config
            .resolve(Path::new("config.json"))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn defaults_are_those_of_transformers() {
        let config = resolve("").unwrap();
        assert_eq!((config.num_key_value_heads, config.head_dim), (6, 8));
        assert_eq!((config.rms_norm_eps, config.rope.theta), (1e-6, 10_000.0));
        assert!(!config.tie_word_embeddings && !config.attention_bias);
    }

    #[test]
    fn both_spellings_of_the_rotary_base_are_read() {
        assert_eq!(
            resolve(r#", "rope_theta": 5e5, "rope_scaling": null"#)
                .unwrap()
                .rope
                .theta,
            5e5
        );
        let new = r#", "rope_parameters": {"rope_type": "default", "rope_theta": 20000.0}"#;
        assert_eq!(resolve(new).unwrap().rope.theta, 20_000.0);
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        let scaled = resolve(r#", "rope_scaling": {"type": "linear", "factor": 2.0}"#).unwrap_err();
        assert_eq!(
            scaled,
            "config.json: rope_scaling.rope_type is \"linear\"; expected \"default\""
        );
        assert!(
            resolve(r#", "hidden_act": "gelu""#)
                .unwrap_err()
                .contains("hidden_act")
        );
        assert!(
            resolve(r#", "num_key_value_heads": 4"#)
                .unwrap_err()
                .contains("divisor")
        );
    }
}
