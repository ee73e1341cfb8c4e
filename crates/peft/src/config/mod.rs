//! The settings of every kind of adapter, under PEFT's names.

mod bias;
mod check;
mod file;
mod ia3;
mod init_lora_weights;
mod lora;
mod lora_builder;
mod prompt_tuning;
mod vera;

use std::fmt;

pub use bias::Bias;
pub use ia3::Ia3Config;
pub(crate) use init_lora_weights::EXPECTED_INIT;
pub use init_lora_weights::InitLoraWeights;
pub use lora::LoraConfig;
pub use prompt_tuning::{PromptTuningConfig, PromptTuningInit};
pub use vera::VeraConfig;

use crate::{PeftError, TargetModules};

/// The settings of an adapter of any kind.
///
/// ```
/// use anneal_peft::{AdapterConfig, Ia3Config, LoraConfig, PeftType};
///
/// let config = AdapterConfig::from(LoraConfig::default().with_r(4));
/// assert_eq!(config.peft_type(), PeftType::Lora);
/// assert_eq!(AdapterConfig::from(Ia3Config::llama()).peft_type().to_string(), "IA3");
/// config.validate()?;
/// # Ok::<(), anneal_peft::PeftError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum AdapterConfig {
    /// Low-rank updates of linear layers and embeddings.
    Lora(LoraConfig),
    /// Vectors that scale activations.
    Ia3(Ia3Config),
    /// Vectors beside shared random projections.
    Vera(VeraConfig),
    /// Embeddings before every prompt.
    PromptTuning(PromptTuningConfig),
}

/// The kinds of adapter, by PEFT's `peft_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeftType {
    /// `"LORA"`.
    Lora,
    /// `"IA3"`.
    Ia3,
    /// `"VERA"`.
    Vera,
    /// `"PROMPT_TUNING"`.
    PromptTuning,
}

impl PeftType {
    /// PEFT's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lora => "LORA",
            Self::Ia3 => "IA3",
            Self::Vera => "VERA",
            Self::PromptTuning => "PROMPT_TUNING",
        }
    }
}

impl fmt::Display for PeftType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl AdapterConfig {
    /// The kind of adapter.
    pub fn peft_type(&self) -> PeftType {
        match self {
            Self::Lora(_) => PeftType::Lora,
            Self::Ia3(_) => PeftType::Ia3,
            Self::Vera(_) => PeftType::Vera,
            Self::PromptTuning(_) => PeftType::PromptTuning,
        }
    }

    /// Checks the ranges of the settings; which layers exist is for
    /// [`attach`](crate::attach) to see.
    ///
    /// # Errors
    ///
    /// [`PeftError::InvalidSetting`] names the first setting out of its range.
    pub fn validate(&self) -> Result<(), PeftError> {
        match self {
            Self::Lora(config) => config.validate(),
            Self::Ia3(config) => config.validate(),
            Self::Vera(config) => config.validate(),
            Self::PromptTuning(config) => config.validate(),
        }
    }

    /// The layers to adapt; prompt tuning adapts none.
    pub fn target_modules(&self) -> Option<&TargetModules> {
        match self {
            Self::Lora(config) => Some(&config.target_modules),
            Self::Ia3(config) => Some(&config.target_modules),
            Self::Vera(config) => Some(&config.target_modules),
            Self::PromptTuning(_) => None,
        }
    }

    /// The layers to leave alone.
    pub fn exclude_modules(&self) -> Option<&TargetModules> {
        match self {
            Self::Lora(config) => config.exclude_modules.as_ref(),
            Self::Ia3(config) => config.exclude_modules.as_ref(),
            Self::Vera(_) | Self::PromptTuning(_) => None,
        }
    }

    /// The modules to train and save whole.
    pub fn modules_to_save(&self) -> &[String] {
        match self {
            Self::Lora(config) => config.modules_to_save.as_deref(),
            Self::Ia3(config) => config.modules_to_save.as_deref(),
            Self::Vera(config) => config.modules_to_save.as_deref(),
            Self::PromptTuning(_) => None,
        }
        .unwrap_or_default()
    }

    /// The indices of the layers of a stack to adapt, all of them where empty.
    ///
    /// Empty too beside an expression for the target modules, where PEFT does
    /// not look at them.
    pub fn layers_to_transform(&self) -> &[usize] {
        let indices = match self {
            Self::Lora(config) => config.layers_to_transform.as_deref(),
            Self::Vera(config) => config.layers_to_transform.as_deref(),
            Self::Ia3(_) | Self::PromptTuning(_) => None,
        };
        match self.target_modules() {
            Some(TargetModules::Names(_)) => indices.unwrap_or_default(),
            _ => &[],
        }
    }

    /// Expressions for the name of the stack that the indices count.
    pub fn layers_pattern(&self) -> &[String] {
        match self {
            Self::Lora(config) => config.layers_pattern.as_deref(),
            Self::Vera(config) => config.layers_pattern.as_deref(),
            Self::Ia3(_) | Self::PromptTuning(_) => None,
        }
        .unwrap_or_default()
    }

    /// The biases to train.
    pub fn bias(&self) -> Bias {
        match self {
            Self::Lora(config) => config.bias,
            Self::Vera(config) => config.bias,
            Self::Ia3(_) | Self::PromptTuning(_) => Bias::None,
        }
    }

    /// Probability of dropping an input feature of the adapter in training.
    pub fn dropout(&self) -> f64 {
        match self {
            Self::Lora(config) => config.lora_dropout,
            Self::Vera(config) => config.vera_dropout,
            Self::Ia3(_) | Self::PromptTuning(_) => 0.0,
        }
    }
}

/// The conversions of one kind's settings, by value and by reference.
macro_rules! from_settings {
    ($($variant:ident($settings:ident)),*) => {$(
        impl From<$settings> for AdapterConfig {
            fn from(config: $settings) -> Self {
                Self::$variant(config)
            }
        }

        impl From<&$settings> for AdapterConfig {
            fn from(config: &$settings) -> Self {
                Self::$variant(config.clone())
            }
        }
    )*};
}

from_settings!(
    Lora(LoraConfig),
    Ia3(Ia3Config),
    Vera(VeraConfig),
    PromptTuning(PromptTuningConfig)
);

impl From<&AdapterConfig> for AdapterConfig {
    fn from(config: &AdapterConfig) -> Self {
        config.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_not_counted_beside_an_expression() {
        let names = VeraConfig::default().with_layers_to_transform([1, 3]);
        assert_eq!(
            AdapterConfig::from(&names).layers_to_transform(),
            &[1usize, 3][..]
        );
        let expression = VeraConfig {
            target_modules: TargetModules::Pattern(".*".into()),
            ..names
        };
        assert!(
            AdapterConfig::from(expression)
                .layers_to_transform()
                .is_empty()
        );
    }
}
