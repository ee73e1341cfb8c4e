//! The settings of a VeRA adapter, under PEFT's names and with PEFT's defaults.

use serde::{Deserialize, Serialize};

use super::{
    Bias,
    check::{
        check, check_dropout, check_layers, check_modules_to_save, check_targets, check_task_type,
    },
};
use crate::{PeftError, layers::one_or_many, targets::TargetModules};

/// Settings of a VeRA adapter: two frozen random projections that all layers
/// share, and two trained vectors for each layer.
///
/// `y = xW + d_b ⊙ (B (d_d ⊙ (A drop(x))))` with `A` and `B` cut to the layer's
/// size (arXiv 2310.11454; `tuners/vera` in PEFT 0.21, which calls the vectors
/// `vera_lambda_b` and `vera_lambda_d`). PEFT has no `exclude_modules` here.
///
/// ```
/// use anneal_peft::{TargetModules, VeraConfig};
///
/// let config = VeraConfig::new(TargetModules::names(["q_proj"])).with_d_initial(0.01);
/// assert_eq!((config.r, config.projection_prng_key), (256, 0));
/// assert!(config.with_r(0).validate().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VeraConfig {
    /// Rows of the shared `A`, at least 1.
    pub r: usize,
    /// The linear layers to adapt.
    pub target_modules: TargetModules,
    /// Seed of the projections.
    pub projection_prng_key: u64,
    /// Save the projections with the vectors. Otherwise a reader has to draw
    /// the same ones from the seed.
    pub save_projection: bool,
    /// Probability of dropping an input feature of the adapter in training,
    /// in `[0, 1)`.
    pub vera_dropout: f64,
    /// First value of every `vera_lambda_d`; finite.
    pub d_initial: f64,
    /// The biases to train.
    pub bias: Bias,
    /// Modules that are not adapted but trained and saved whole.
    pub modules_to_save: Option<Vec<String>>,
    /// Start `vera_lambda_d` at `d_initial` and `vera_lambda_b` at zero;
    /// otherwise `vera_lambda_d` is random and `vera_lambda_b` is one.
    pub init_weights: bool,
    /// Indices of the layers of a stack to adapt; all of them where absent or
    /// empty. Ignored beside an expression for the target modules.
    #[serde(deserialize_with = "one_or_many")]
    pub layers_to_transform: Option<Vec<usize>>,
    /// Expressions for the name of the stack that the indices count.
    #[serde(deserialize_with = "one_or_many")]
    pub layers_pattern: Option<Vec<String>>,
    /// PEFT's task type, which decides the class its Python loader wraps the
    /// model in. It changes nothing here.
    pub task_type: Option<String>,
    /// The model that the adapter was trained on, for the reader of the file.
    pub base_model_name_or_path: Option<String>,
}

impl Default for VeraConfig {
    /// The layers that PEFT adapts in a Llama: `q_proj` and `v_proj`.
    fn default() -> Self {
        Self::new(TargetModules::names(["q_proj", "v_proj"]))
    }
}

impl VeraConfig {
    /// PEFT's defaults (`r = 256`, `d_initial = 0.1`, no dropout, projections
    /// saved) on these layers.
    pub fn new(target_modules: TargetModules) -> Self {
        Self {
            r: 256,
            target_modules,
            projection_prng_key: 0,
            save_projection: true,
            vera_dropout: 0.0,
            d_initial: 0.1,
            bias: Bias::None,
            modules_to_save: None,
            init_weights: true,
            layers_to_transform: None,
            layers_pattern: None,
            task_type: Some("CAUSAL_LM".into()),
            base_model_name_or_path: None,
        }
    }

    /// Sets the rows of the shared `A`.
    pub fn with_r(mut self, r: usize) -> Self {
        self.r = r;
        self
    }

    /// Sets the seed of the projections.
    pub fn with_projection_prng_key(mut self, key: u64) -> Self {
        self.projection_prng_key = key;
        self
    }

    /// Sets whether the projections are saved.
    pub fn with_save_projection(mut self, save_projection: bool) -> Self {
        self.save_projection = save_projection;
        self
    }

    /// Sets the probability of dropping an input feature of the adapter.
    pub fn with_vera_dropout(mut self, vera_dropout: f64) -> Self {
        self.vera_dropout = vera_dropout;
        self
    }

    /// Sets the first value of every `vera_lambda_d`.
    pub fn with_d_initial(mut self, d_initial: f64) -> Self {
        self.d_initial = d_initial;
        self
    }

    /// Sets the biases to train.
    pub fn with_bias(mut self, bias: Bias) -> Self {
        self.bias = bias;
        self
    }

    /// Sets the modules to train and save whole.
    pub fn with_modules_to_save<S: Into<String>>(
        mut self,
        modules: impl IntoIterator<Item = S>,
    ) -> Self {
        self.modules_to_save = Some(modules.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the indices of the layers to adapt.
    pub fn with_layers_to_transform(mut self, layers: impl IntoIterator<Item = usize>) -> Self {
        self.layers_to_transform = Some(layers.into_iter().collect());
        self
    }

    /// Names the model that the adapter belongs to.
    pub fn with_base_model(mut self, base_model_name_or_path: impl Into<String>) -> Self {
        self.base_model_name_or_path = Some(base_model_name_or_path.into());
        self
    }

    /// Checks the ranges of the settings.
    ///
    /// # Errors
    ///
    /// [`PeftError::InvalidSetting`] names the first setting out of its range.
    pub fn validate(&self) -> Result<(), PeftError> {
        check(self.r >= 1, "r", self.r, "at least 1")?;
        check_dropout("vera_dropout", self.vera_dropout)?;
        check(
            self.d_initial.is_finite(),
            "d_initial",
            self.d_initial,
            "a finite number",
        )?;
        check_targets(&self.target_modules)?;
        check_modules_to_save(self.modules_to_save.as_deref())?;
        check_task_type(self.task_type.as_deref())?;
        check_layers(
            &self.target_modules,
            self.layers_to_transform.as_deref(),
            self.layers_pattern.as_deref(),
            true,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let base = VeraConfig::default;
        let mut patterns = base();
        patterns.layers_pattern = Some(vec!["h".into()]);
        for (config, message) in [
            (base().with_r(0), "r is 0, but it must be at least 1"),
            (
                base().with_vera_dropout(-0.5),
                "vera_dropout is -0.5, but it must be a probability from 0 to below 1",
            ),
            (
                base().with_d_initial(f64::INFINITY),
                "d_initial is inf, but it must be a finite number",
            ),
            (
                base().with_modules_to_save([""]),
                r#"modules_to_save is a list with "", but it must be a list of names of modules"#,
            ),
            (
                patterns,
                "layers_to_transform is absent, but it must be given where layers_pattern is",
            ),
        ] {
            assert_eq!(config.validate().unwrap_err().to_string(), message);
        }
        // Unlike LoRA's, VeRA's expression may stand beside layers, as in PEFT.
        let expression = VeraConfig::new(TargetModules::Pattern(".*".into()));
        assert!(expression.with_layers_to_transform([1]).validate().is_ok());
    }
}
