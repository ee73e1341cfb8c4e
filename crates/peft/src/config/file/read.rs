//! From a file's fields to settings.

use super::fields::Fields;
use crate::{
    AdapterConfig, Bias, Ia3Config, InitLoraWeights, LoraConfig, PeftError, PromptTuningConfig,
    TargetModules, VeraConfig, config::EXPECTED_INIT,
};

/// Fields of a LoRA adapter that change what it computes, unless they are
/// null, false, or empty.
pub(super) const LORA_LACKS: [&str; 12] = [
    "alora_invocation_tokens",
    "arrow_config",
    "fan_in_fan_out",
    "kasa_config",
    "layer_replication",
    "lora_bias",
    "monteclora_config",
    "target_parameters",
    "trainable_token_indices",
    "use_bdlora",
    "use_qalora",
    "velora_config",
];

/// The same for the vectors of IA3 and VeRA.
pub(super) const VECTORS_LACK: [&str; 1] = ["fan_in_fan_out"];

/// The same for prompt tuning.
pub(super) const PROMPT_LACKS: [&str; 1] = ["modules_to_save"];

/// Initialisations whose base is not the published one and cannot be had from
/// it: they depend on data or on a quantisation.
const FOREIGN_BASE_INITS: [&str; 2] = ["loftq", "lora_ga"];

/// Initialisations that we do not do, but that leave the base as it is, so
/// that the values in the file are all there is to know.
const HARMLESS_INITS: [&str; 3] = ["eva", "orthogonal", "mica"];

const NUMBER: &str = "a number";
const WHOLE: &str = "a whole number";
const TEXT: &str = "a string";
const SWITCH: &str = "true or false";
const TEXTS: &str = "a list of strings";
const TEXT_OR_TEXTS: &str = "a string or a list of strings";
const WHOLE_OR_WHOLES: &str = "a whole number or a list of them";

impl Fields<'_> {
    /// The settings, checked.
    pub(super) fn adapter(&self) -> Result<AdapterConfig, PeftError> {
        const KNOWN: &str = "\"LORA\", \"IA3\", \"VERA\" or \"PROMPT_TUNING\"";
        let kind: String = self.required("peft_type", KNOWN)?;
        let config = match kind.as_str() {
            "LORA" => AdapterConfig::Lora(self.lora()?),
            "IA3" => AdapterConfig::Ia3(self.ia3()?),
            "VERA" => AdapterConfig::Vera(self.vera()?),
            "PROMPT_TUNING" => AdapterConfig::PromptTuning(self.prompt_tuning()?),
            _ => return Err(self.error("peft_type", KNOWN)),
        };
        config.validate().map_err(|error| self.name_file(error))?;
        Ok(config)
    }

    fn lora(&self) -> Result<LoraConfig, PeftError> {
        self.refuse_all(&LORA_LACKS)?;
        let default = LoraConfig::new(self.target_modules()?);
        Ok(LoraConfig {
            r: self.get("r", WHOLE)?.unwrap_or(default.r),
            lora_alpha: self
                .get("lora_alpha", NUMBER)?
                .unwrap_or(default.lora_alpha),
            lora_dropout: self
                .get("lora_dropout", NUMBER)?
                .unwrap_or(default.lora_dropout),
            exclude_modules: self.get("exclude_modules", TEXT_OR_TEXTS)?,
            layers_to_transform: self.list("layers_to_transform", WHOLE_OR_WHOLES)?,
            layers_pattern: self.layers_pattern()?,
            use_rslora: self.switch("use_rslora", default.use_rslora)?,
            rank_pattern: self
                .get("rank_pattern", "an object of whole numbers")?
                .unwrap_or_default(),
            alpha_pattern: self
                .get("alpha_pattern", "an object of numbers")?
                .unwrap_or_default(),
            bias: self.bias("\"none\", \"all\" or \"lora_only\"")?,
            use_dora: self.switch("use_dora", default.use_dora)?,
            modules_to_save: self.get("modules_to_save", TEXTS)?,
            init_lora_weights: self.init_lora_weights()?,
            ensure_weight_tying: self.switch("ensure_weight_tying", default.ensure_weight_tying)?,
            task_type: self.get("task_type", TEXT)?,
            base_model_name_or_path: self.get("base_model_name_or_path", TEXT)?,
            target_modules: default.target_modules,
        })
    }

    fn ia3(&self) -> Result<Ia3Config, PeftError> {
        self.refuse_all(&VECTORS_LACK)?;
        let default = Ia3Config::new(self.target_modules()?);
        let feedforward = match self.get("feedforward_modules", TEXT_OR_TEXTS)? {
            None => default.feedforward_in_a_llama(),
            // Unlike an absent list, an empty one says that there are none.
            Some(TargetModules::Names(names)) if names.is_empty() => None,
            given => given,
        };
        Ok(Ia3Config {
            exclude_modules: self.get("exclude_modules", TEXT_OR_TEXTS)?,
            modules_to_save: self.get("modules_to_save", TEXTS)?,
            init_ia3_weights: self.switch("init_ia3_weights", default.init_ia3_weights)?,
            task_type: self.get("task_type", TEXT)?,
            base_model_name_or_path: self.get("base_model_name_or_path", TEXT)?,
            feedforward_modules: feedforward,
            target_modules: default.target_modules,
        })
    }

    fn vera(&self) -> Result<VeraConfig, PeftError> {
        self.refuse_all(&VECTORS_LACK)?;
        let default = VeraConfig::new(self.target_modules()?);
        Ok(VeraConfig {
            r: self.get("r", WHOLE)?.unwrap_or(default.r),
            projection_prng_key: self
                .get("projection_prng_key", WHOLE)?
                .unwrap_or(default.projection_prng_key),
            save_projection: self.switch("save_projection", default.save_projection)?,
            vera_dropout: self
                .get("vera_dropout", NUMBER)?
                .unwrap_or(default.vera_dropout),
            d_initial: self.get("d_initial", NUMBER)?.unwrap_or(default.d_initial),
            bias: self.bias("\"none\", \"all\" or \"vera_only\"")?,
            modules_to_save: self.get("modules_to_save", TEXTS)?,
            init_weights: self.switch("init_weights", default.init_weights)?,
            layers_to_transform: self.list("layers_to_transform", WHOLE_OR_WHOLES)?,
            layers_pattern: self.layers_pattern()?,
            task_type: self.get("task_type", TEXT)?,
            base_model_name_or_path: self.get("base_model_name_or_path", TEXT)?,
            target_modules: default.target_modules,
        })
    }

    fn prompt_tuning(&self) -> Result<PromptTuningConfig, PeftError> {
        self.refuse_all(&PROMPT_LACKS)?;
        let submodules = "num_transformer_submodules";
        if self.get(submodules, WHOLE)?.unwrap_or(1) != 1 {
            return Err(self.unsupported(submodules));
        }
        let default = PromptTuningConfig::new(self.required("num_virtual_tokens", WHOLE)?);
        Ok(PromptTuningConfig {
            prompt_tuning_init: self
                .get(
                    "prompt_tuning_init",
                    "\"RANDOM\", \"SAMPLE_VOCAB\" or \"TEXT\"",
                )?
                .unwrap_or_default(),
            prompt_tuning_init_text: self.get("prompt_tuning_init_text", TEXT)?,
            tokenizer_name_or_path: self.get("tokenizer_name_or_path", TEXT)?,
            token_dim: self.get("token_dim", WHOLE)?,
            num_layers: self.get("num_layers", WHOLE)?,
            num_attention_heads: self.get("num_attention_heads", WHOLE)?,
            task_type: self.get("task_type", TEXT)?,
            base_model_name_or_path: self.get("base_model_name_or_path", TEXT)?,
            ..default
        })
    }

    fn target_modules(&self) -> Result<TargetModules, PeftError> {
        self.required("target_modules", TEXT_OR_TEXTS)
    }

    fn switch(&self, field: &str, default: bool) -> Result<bool, PeftError> {
        Ok(self.get(field, SWITCH)?.unwrap_or(default))
    }

    /// An empty string is no pattern, as for PEFT.
    fn layers_pattern(&self) -> Result<Option<Vec<String>>, PeftError> {
        let patterns = self.list::<String>("layers_pattern", TEXT_OR_TEXTS)?;
        Ok(patterns.filter(|patterns| *patterns != [""]))
    }

    /// PEFT looks at the end of the name alone: `lora_only`, `vera_only`.
    fn bias(&self, expected: &'static str) -> Result<Bias, PeftError> {
        match self.get::<String>("bias", expected)?.as_deref() {
            None | Some("none") => Ok(Bias::None),
            Some("all") => Ok(Bias::All),
            Some(name) if name.ends_with("_only") => Ok(Bias::LoraOnly),
            Some(_) => Err(self.error("bias", expected)),
        }
    }

    fn init_lora_weights(&self) -> Result<InitLoraWeights, PeftError> {
        let field = "init_lora_weights";
        let name = self.fields.get(field).and_then(|value| value.as_str());
        if let Some(name) = name {
            let lower = name.to_lowercase();
            if lower.starts_with("corda") || FOREIGN_BASE_INITS.contains(&lower.as_str()) {
                return Err(self.unsupported(field));
            }
            if HARMLESS_INITS.contains(&lower.as_str()) {
                return Ok(InitLoraWeights::default());
            }
        }
        Ok(self.get(field, EXPECTED_INIT)?.unwrap_or_default())
    }
}
