//! `config.json` of a model that is written.

use serde_json::{Value, json};

use super::SaveDtype;
use crate::LlamaConfig;

/// The fields that decide the arithmetic, in transformers 5's spelling.
pub(super) fn to_json(config: &LlamaConfig, dtype: SaveDtype) -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": config.attention_bias,
        "dtype": dtype.torch_name(),
        "head_dim": config.head_dim,
        "hidden_act": "silu",
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "max_position_embeddings": config.max_position_embeddings,
        "mlp_bias": config.mlp_bias,
        "model_type": "llama",
        "num_attention_heads": config.num_attention_heads,
        "num_hidden_layers": config.num_hidden_layers,
        "num_key_value_heads": config.num_key_value_heads,
        "rms_norm_eps": config.rms_norm_eps,
        "rope_parameters": { "rope_theta": config.rope.theta, "rope_type": "default" },
        "rope_theta": config.rope.theta,
        "tie_word_embeddings": config.tie_word_embeddings,
        "vocab_size": config.vocab_size,
    })
}
