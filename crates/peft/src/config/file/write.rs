//! From settings to a file's fields.

use serde_json::{Map, Value, json};

use crate::{
    AdapterConfig, Bias, Ia3Config, LoraConfig, PromptTuningConfig, TargetModules, VeraConfig,
};

impl AdapterConfig {
    /// The file's fields, sorted by name as PEFT sorts them.
    pub(super) fn to_json(&self) -> Value {
        let mut fields = match self {
            Self::Lora(config) => lora(config),
            Self::Ia3(config) => ia3(config),
            Self::Vera(config) => vera(config),
            Self::PromptTuning(config) => prompt_tuning(config),
        };
        fields["inference_mode"] = json!(true);
        fields["peft_type"] = json!(self.peft_type().name());
        if let Value::Object(fields) = &mut fields {
            // Of the outer object alone: the order of a pattern's keys counts.
            fields.sort_keys();
        }
        fields
    }
}

fn lora(config: &LoraConfig) -> Value {
    let alphas = config.alpha_pattern.iter();
    json!({
        "alpha_pattern": alphas.map(|(k, &v)| (k.into(), number(v))).collect::<Map<_, _>>(),
        "base_model_name_or_path": config.base_model_name_or_path,
        "bias": config.bias,
        "ensure_weight_tying": config.ensure_weight_tying,
        "exclude_modules": config.exclude_modules,
        "fan_in_fan_out": false,
        "init_lora_weights": config.init_lora_weights,
        "layers_pattern": config.layers_pattern,
        "layers_to_transform": config.layers_to_transform,
        "lora_alpha": number(config.lora_alpha),
        "lora_bias": false,
        "lora_dropout": config.lora_dropout,
        "modules_to_save": config.modules_to_save,
        "r": config.r,
        "rank_pattern": config.rank_pattern,
        "target_modules": config.target_modules,
        "task_type": config.task_type,
        "use_dora": config.use_dora,
        "use_rslora": config.use_rslora,
    })
}

fn ia3(config: &Ia3Config) -> Value {
    // Null would mean what PEFT's table says for the model's architecture.
    let none = TargetModules::Names(Vec::new());
    json!({
        "base_model_name_or_path": config.base_model_name_or_path,
        "exclude_modules": config.exclude_modules,
        "fan_in_fan_out": false,
        "feedforward_modules": config.feedforward_modules.as_ref().unwrap_or(&none),
        "init_ia3_weights": config.init_ia3_weights,
        "modules_to_save": config.modules_to_save,
        "target_modules": config.target_modules,
        "task_type": config.task_type,
    })
}

fn vera(config: &VeraConfig) -> Value {
    json!({
        "base_model_name_or_path": config.base_model_name_or_path,
        "bias": match config.bias {
            Bias::LoraOnly => json!("vera_only"),
            other => json!(other),
        },
        "d_initial": config.d_initial,
        "fan_in_fan_out": false,
        "init_weights": config.init_weights,
        "layers_pattern": config.layers_pattern,
        "layers_to_transform": config.layers_to_transform,
        "modules_to_save": config.modules_to_save,
        "projection_prng_key": config.projection_prng_key,
        "r": config.r,
        "save_projection": config.save_projection,
        "target_modules": config.target_modules,
        "task_type": config.task_type,
        "vera_dropout": config.vera_dropout,
    })
}

fn prompt_tuning(config: &PromptTuningConfig) -> Value {
    json!({
        "base_model_name_or_path": config.base_model_name_or_path,
        "num_attention_heads": config.num_attention_heads,
        "num_layers": config.num_layers,
        "num_transformer_submodules": 1,
        "num_virtual_tokens": config.num_virtual_tokens,
        "prompt_tuning_init": config.prompt_tuning_init,
        "prompt_tuning_init_text": config.prompt_tuning_init_text,
        "task_type": config.task_type,
        "token_dim": config.token_dim,
        "tokenizer_name_or_path": config.tokenizer_name_or_path,
    })
}

/// A whole number without a fraction: vLLM's `lora_alpha` is an integer.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        json!(value as i64)
    } else {
        json!(value)
    }
}
