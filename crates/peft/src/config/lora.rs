//! The settings of a LoRA adapter, under PEFT's names and with PEFT's defaults.

use serde::{Deserialize, Serialize};

use super::{
    Bias, InitLoraWeights,
    check::{
        check, check_dropout, check_layers, check_modules_to_save, check_targets, check_task_type,
    },
};
use crate::{PeftError, layers::one_or_many, pattern::Pattern, targets::TargetModules};

/// Settings of a LoRA adapter.
///
/// The names and defaults are those of `LoraConfig` in PEFT 0.21, so that a
/// run's settings, `adapter_config.json` and the Python documentation agree.
///
/// ```
/// use anneal_peft::{LoraConfig, TargetModules};
///
/// let config = LoraConfig::new(TargetModules::names(["q_proj", "v_proj"]))
///     .with_r(4)
///     .with_lora_alpha(16.0)
///     .with_lora_dropout(0.05);
/// assert_eq!(config.scale("layers.0.q_proj")?, 4.0);
/// assert_eq!(config.with_use_rslora(true).scale("layers.0.q_proj")?, 8.0);
/// # Ok::<(), anneal_peft::PeftError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoraConfig {
    /// Rank of the update, at least 1.
    pub r: usize,
    /// Numerator of the scale; finite.
    pub lora_alpha: f64,
    /// Probability of dropping an input feature of the adapter in training,
    /// in `[0, 1)`. The base layer's input is never dropped.
    pub lora_dropout: f64,
    /// The linear layers, and embeddings, to adapt.
    pub target_modules: TargetModules,
    /// Layers to leave alone although `target_modules` names them.
    pub exclude_modules: Option<TargetModules>,
    /// Indices of the layers of a stack to adapt; all of them where absent or
    /// empty. Only beside a list of target modules.
    #[serde(deserialize_with = "one_or_many")]
    pub layers_to_transform: Option<Vec<usize>>,
    /// Expressions for the name of the stack that the indices count, if it is
    /// not the first one in the path.
    #[serde(deserialize_with = "one_or_many")]
    pub layers_pattern: Option<Vec<String>>,
    /// Scale by `alpha / sqrt(r)` instead of `alpha / r`
    /// (rank-stabilised LoRA, arXiv 2312.03732).
    pub use_rslora: bool,
    /// Ranks of single layers, by an expression for the end of their path.
    pub rank_pattern: Pattern<usize>,
    /// Alphas of single layers, by an expression for the end of their path.
    pub alpha_pattern: Pattern<f64>,
    /// The biases to train.
    pub bias: Bias,
    /// Train the length of each column of the adapted weight by itself, apart
    /// from its direction (DoRA, arXiv 2402.09353).
    pub use_dora: bool,
    /// Modules that are not adapted but trained and saved whole, by their
    /// paths or the ends of them.
    pub modules_to_save: Option<Vec<String>>,
    /// How the factors begin.
    pub init_lora_weights: InitLoraWeights,
    /// Keep what is done to an embedding and to the head that shares its
    /// weight the same.
    pub ensure_weight_tying: bool,
    /// PEFT's task type, which decides the class its Python loader wraps the
    /// model in. It changes nothing here.
    pub task_type: Option<String>,
    /// The model that the adapter was trained on, for the reader of the file.
    pub base_model_name_or_path: Option<String>,
}

impl Default for LoraConfig {
    /// PEFT's defaults, on every linear layer but the output embedding.
    fn default() -> Self {
        Self::new(TargetModules::all_linear())
    }
}

impl LoraConfig {
    /// PEFT's defaults (`r = 8`, `lora_alpha = 8`, no dropout) on these layers.
    pub fn new(target_modules: TargetModules) -> Self {
        Self {
            r: 8,
            lora_alpha: 8.0,
            lora_dropout: 0.0,
            target_modules,
            exclude_modules: None,
            layers_to_transform: None,
            layers_pattern: None,
            use_rslora: false,
            rank_pattern: Pattern::default(),
            alpha_pattern: Pattern::default(),
            bias: Bias::None,
            use_dora: false,
            modules_to_save: None,
            init_lora_weights: InitLoraWeights::Kaiming,
            ensure_weight_tying: false,
            task_type: Some("CAUSAL_LM".into()),
            base_model_name_or_path: None,
        }
    }

    /// The rank at a layer: `rank_pattern`'s, or `r`.
    ///
    /// # Errors
    ///
    /// [`PeftError::Pattern`] where a key is not an expression.
    pub fn rank(&self, path: &str) -> Result<usize, PeftError> {
        Ok(self
            .rank_pattern
            .get("rank_pattern", path)?
            .unwrap_or(self.r))
    }

    /// The factor `s` of the update at a layer, `alpha / r` or, with
    /// `use_rslora`, `alpha / sqrt(r)`, where both may come from a pattern.
    ///
    /// # Errors
    ///
    /// [`PeftError::Pattern`] where a key is not an expression.
    pub fn scale(&self, path: &str) -> Result<f64, PeftError> {
        let rank = self.rank(path)? as f64;
        let alpha = self
            .alpha_pattern
            .get("alpha_pattern", path)?
            .unwrap_or(self.lora_alpha);
        Ok(alpha / if self.use_rslora { rank.sqrt() } else { rank })
    }

    /// Checks the ranges of the settings; which layers exist is for
    /// [`attach`](crate::attach) to see.
    ///
    /// # Errors
    ///
    /// [`PeftError::InvalidSetting`] names the first setting out of its range.
    pub fn validate(&self) -> Result<(), PeftError> {
        let ranks = self.rank_pattern.iter().map(|(_, &rank)| rank);
        for (field, rank) in [("r", self.r)]
            .into_iter()
            .chain(ranks.map(|rank| ("rank_pattern", rank)))
        {
            check(rank >= 1, field, rank, "at least 1")?;
            // No layer is as wide, and twice it is still a number.
            check(rank <= 1 << 24, field, rank, "at most 16777216")?;
        }
        let alphas = self.alpha_pattern.iter().map(|(_, &alpha)| alpha);
        for (field, alpha) in [("lora_alpha", self.lora_alpha)]
            .into_iter()
            .chain(alphas.map(|alpha| ("alpha_pattern", alpha)))
        {
            check(alpha.is_finite(), field, alpha, "a finite number")?;
        }
        if let InitLoraWeights::PissaNiter(iterations) = self.init_lora_weights {
            let expected = "pissa_niter_1 to pissa_niter_1000";
            let found = self.init_lora_weights;
            check(
                (1..=1000).contains(&iterations),
                "init_lora_weights",
                found,
                expected,
            )?;
        }
        check_dropout("lora_dropout", self.lora_dropout)?;
        check_targets(&self.target_modules)?;
        check_modules_to_save(self.modules_to_save.as_deref())?;
        check_task_type(self.task_type.as_deref())?;
        check_layers(
            &self.target_modules,
            self.layers_to_transform.as_deref(),
            self.layers_pattern.as_deref(),
            false,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scale_follows_rank_alpha_and_patterns() {
        let config = LoraConfig::default()
            .with_r(4)
            .with_lora_alpha(6.0)
            .with_rank_pattern(Pattern::new([("q_proj", 16)]))
            .with_alpha_pattern(Pattern::new([("k_proj", 10.0)]));
        assert_eq!(config.scale("a.v_proj").unwrap(), 1.5);
        assert_eq!(config.scale("a.q_proj").unwrap(), 0.375);
        assert_eq!(config.scale("a.k_proj").unwrap(), 2.5);
        let config = config.with_use_rslora(true);
        assert_eq!(config.scale("a.v_proj").unwrap(), 3.0);
        assert_eq!(config.scale("a.q_proj").unwrap(), 1.5);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let base = LoraConfig::default;
        let cases = [
            (base().with_r(0), "r is 0, but it must be at least 1"),
            (
                base().with_rank_pattern(Pattern::new([("q", 0)])),
                "rank_pattern is 0, but it must be at least 1",
            ),
            (
                base().with_lora_alpha(f64::NAN),
                "lora_alpha is NaN, but it must be a finite number",
            ),
            (
                base().with_lora_dropout(1.0),
                "lora_dropout is 1, but it must be a probability from 0 to below 1",
            ),
            (
                LoraConfig::new(TargetModules::Names(vec![])),
                "target_modules is [], but it must be a list with at least one name",
            ),
            (
                base().with_layers_to_transform([1]),
                "target_modules is \"all-linear\", but it must be a list where \
                 layers_to_transform is given",
            ),
            (
                base().with_layers_pattern(["h"]),
                "target_modules is \"all-linear\", but it must be a list where \
                 layers_pattern is given",
            ),
            (
                LoraConfig::new(TargetModules::names(["q"])).with_layers_pattern(["h"]),
                "layers_to_transform is absent, but it must be given where layers_pattern is",
            ),
            (
                base().with_modules_to_save(["head", ""]),
                "modules_to_save is a list with \"\", but it must be a list of names of modules",
            ),
            (
                LoraConfig {
                    task_type: Some("SQL".into()),
                    ..base()
                },
                "task_type is \"SQL\", but it must be one of PEFT's: CAUSAL_LM, SEQ_2_SEQ_LM, \
                 SEQ_CLS, TOKEN_CLS, QUESTION_ANS, FEATURE_EXTRACTION",
            ),
        ];
        for (config, message) in cases {
            assert_eq!(config.validate().unwrap_err().to_string(), message);
        }
        assert!(base().validate().is_ok());
    }
}
