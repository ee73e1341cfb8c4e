//! A mirror of `config.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{LlamaConfig, rope_settings};
use crate::LlamaError;

/// The keys of a Llama's `config.json` that decide its arithmetic or where a
/// text ends; others are ignored.
///
/// Defaults, and the meaning of null, are those of transformers 5's
/// `LlamaConfig`, save that the dimensions must be given: there a file without
/// them is a Llama 7B.
///
/// ```
/// use anneal_llama::{HuggingFaceConfig, LlamaConfig};
///
/// let config = LlamaConfig::llama3_2_1b();
/// let file = HuggingFaceConfig::from_config(&config, "bfloat16", &[128_001], Some(128_000));
/// let json = serde_json::to_value(&file)?;
/// // Both transformers' spellings, so that either version loads the file.
/// assert_eq!(json["rope_scaling"]["rope_type"], "llama3");
/// assert_eq!(json["rope_parameters"]["rope_theta"], 500_000.0);
///
/// let again: HuggingFaceConfig = serde_json::from_value(json)?;
/// assert_eq!(again.resolve("config.json".as_ref())?, config);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HuggingFaceConfig {
    /// The classes that the weights fill.
    pub architectures: Option<Vec<String>>,
    /// The architecture's name; "llama".
    pub model_type: Option<String>,
    /// See [`LlamaConfig::vocab_size`].
    pub vocab_size: usize,
    /// See [`LlamaConfig::hidden_size`].
    pub hidden_size: usize,
    /// See [`LlamaConfig::intermediate_size`].
    pub intermediate_size: usize,
    /// See [`LlamaConfig::num_hidden_layers`].
    pub num_hidden_layers: usize,
    /// See [`LlamaConfig::num_attention_heads`].
    pub num_attention_heads: usize,
    /// As many as query heads where absent or null.
    pub num_key_value_heads: Option<usize>,
    /// `hidden_size / num_attention_heads` where absent or null.
    pub head_dim: Option<usize>,
    /// The feed-forward layer's activation; "silu".
    #[serde(default = "silu")]
    pub hidden_act: String,
    /// ε of the norms.
    #[serde(default = "epsilon")]
    pub rms_norm_eps: f64,
    /// See [`LlamaConfig::max_position_embeddings`].
    #[serde(default = "positions")]
    pub max_position_embeddings: usize,
    /// Whether the head is the embedding.
    #[serde(default)]
    pub tie_word_embeddings: bool,
    /// Whether the attention's projections have biases.
    #[serde(default)]
    pub attention_bias: bool,
    /// Whether the feed-forward projections have biases.
    #[serde(default)]
    pub mlp_bias: bool,
    /// θ, where the rotary settings do not hold it (transformers 4).
    #[serde(default = "theta")]
    pub rope_theta: Option<f64>,
    /// transformers 4's rotary settings; they go before `rope_parameters`.
    pub rope_scaling: Option<Map<String, Value>>,
    /// transformers 5's rotary settings.
    pub rope_parameters: Option<Map<String, Value>>,
    /// The length before the scaling, where it is not among the settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_max_position_embeddings: Option<usize>,
    /// The part of a head that is rotated; only 1 is supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_rotary_factor: Option<f64>,
    /// Present in files of packed weights, which are not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantization_config: Option<Value>,
    /// The token that begins a text; 1 where absent.
    #[serde(default = "bos")]
    pub bos_token_id: Option<u32>,
    /// The tokens that end a text; none where absent. (transformers' `LlamaConfig`
    /// has 2 then, but its `generate` goes by what the file says.)
    pub eos_token_id: Option<TokenIds>,
    /// The weights' type, as transformers 5 names the key.
    pub dtype: Option<String>,
    /// The weights' type, as transformers 4 names the key.
    pub torch_dtype: Option<String>,
}

/// One id, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a token id, or a list of them")]
pub enum TokenIds {
    /// `2`
    One(u32),
    /// `[128001, 128009]`
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

fn silu() -> String {
    "silu".into()
}

fn epsilon() -> f64 {
    1e-6
}

fn positions() -> usize {
    2_048
}

fn theta() -> Option<f64> {
    Some(10_000.0)
}

fn bos() -> Option<u32> {
    Some(1)
}

impl HuggingFaceConfig {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// A file that can't be read, is not JSON, or holds a value of the wrong
    /// kind; the message names the key.
    pub fn read(path: &Path) -> Result<Self, LlamaError> {
        let text = std::fs::read_to_string(path).map_err(LlamaError::io(path))?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, LlamaError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let config = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let field = error.path().to_string();
            let source = error.into_inner();
            match field.as_str() {
                // The whole document: a key is missing, or it is not an object.
                "." => LlamaError::json(path)(source),
                _ => LlamaError::JsonField {
                    path: path.to_owned(),
                    field,
                    source,
                },
            }
        })?;
        json.end().map_err(LlamaError::json(path))?;
        Ok(config)
    }

    /// The file that describes a model, for transformers 4 and 5.
    ///
    /// `dtype` is the weights' type as PyTorch names it ("float32",
    /// "bfloat16", "float16"). A GGUF's own frequency divisors are written as
    /// transformers' `longrope` with equal lists, which is the same function.
    pub fn from_config(config: &LlamaConfig, dtype: &str, eos: &[u32], bos: Option<u32>) -> Self {
        let positions = config.max_position_embeddings;
        let scaling = rope_settings::write(&config.rope.scaling, positions);
        let mut parameters = scaling.clone().unwrap_or_default();
        parameters
            .entry("rope_type")
            .or_insert_with(|| "default".into());
        parameters.insert("rope_theta".into(), config.rope.theta.into());
        Self {
            architectures: Some(vec!["LlamaForCausalLM".into()]),
            model_type: Some("llama".into()),
            vocab_size: config.vocab_size,
            hidden_size: config.hidden_size,
            intermediate_size: config.intermediate_size,
            num_hidden_layers: config.num_hidden_layers,
            num_attention_heads: config.num_attention_heads,
            num_key_value_heads: Some(config.num_key_value_heads),
            head_dim: Some(config.head_dim),
            hidden_act: silu(),
            rms_norm_eps: config.rms_norm_eps,
            max_position_embeddings: positions,
            tie_word_embeddings: config.tie_word_embeddings,
            attention_bias: config.attention_bias,
            mlp_bias: config.mlp_bias,
            rope_theta: Some(config.rope.theta),
            rope_scaling: scaling,
            rope_parameters: Some(parameters),
            original_max_position_embeddings: None,
            partial_rotary_factor: None,
            quantization_config: None,
            bos_token_id: bos,
            eos_token_id: match eos {
                [] => None,
                [id] => Some(TokenIds::One(*id)),
                ids => Some(TokenIds::Many(ids.to_vec())),
            },
            dtype: Some(dtype.into()),
            torch_dtype: Some(dtype.into()),
        }
    }

    /// The ids that end a text, by `config.json`.
    pub fn end_ids(&self) -> Vec<u32> {
        self.eos_token_id
            .clone()
            .map(Into::into)
            .unwrap_or_default()
    }
}
