//! Setting the fields of a [`LoraConfig`] one after another.

use super::{Bias, InitLoraWeights, LoraConfig};
use crate::{pattern::Pattern, targets::TargetModules};

impl LoraConfig {
    /// Sets the rank.
    pub fn with_r(mut self, r: usize) -> Self {
        self.r = r;
        self
    }

    /// Sets the numerator of the scale.
    pub fn with_lora_alpha(mut self, lora_alpha: f64) -> Self {
        self.lora_alpha = lora_alpha;
        self
    }

    /// Sets the probability of dropping an input feature of the adapter.
    pub fn with_lora_dropout(mut self, lora_dropout: f64) -> Self {
        self.lora_dropout = lora_dropout;
        self
    }

    /// Sets the layers to leave alone.
    pub fn with_exclude_modules(mut self, exclude_modules: TargetModules) -> Self {
        self.exclude_modules = Some(exclude_modules);
        self
    }

    /// Sets the indices of the layers to adapt.
    pub fn with_layers_to_transform(mut self, layers: impl IntoIterator<Item = usize>) -> Self {
        self.layers_to_transform = Some(layers.into_iter().collect());
        self
    }

    /// Sets the expressions for the name of the stack that is counted.
    pub fn with_layers_pattern<S: Into<String>>(
        mut self,
        patterns: impl IntoIterator<Item = S>,
    ) -> Self {
        self.layers_pattern = Some(patterns.into_iter().map(Into::into).collect());
        self
    }

    /// Sets whether the scale is `alpha / sqrt(r)`.
    pub fn with_use_rslora(mut self, use_rslora: bool) -> Self {
        self.use_rslora = use_rslora;
        self
    }

    /// Sets the ranks of single layers.
    pub fn with_rank_pattern(mut self, rank_pattern: Pattern<usize>) -> Self {
        self.rank_pattern = rank_pattern;
        self
    }

    /// Sets the alphas of single layers.
    pub fn with_alpha_pattern(mut self, alpha_pattern: Pattern<f64>) -> Self {
        self.alpha_pattern = alpha_pattern;
        self
    }

    /// Names the model that the adapter belongs to.
    pub fn with_base_model(mut self, base_model_name_or_path: impl Into<String>) -> Self {
        self.base_model_name_or_path = Some(base_model_name_or_path.into());
        self
    }

    /// Sets the biases to train.
    pub fn with_bias(mut self, bias: Bias) -> Self {
        self.bias = bias;
        self
    }

    /// Sets whether the lengths of the weight's columns are trained apart.
    pub fn with_use_dora(mut self, use_dora: bool) -> Self {
        self.use_dora = use_dora;
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

    /// Sets how the factors begin.
    pub fn with_init_lora_weights(mut self, init_lora_weights: InitLoraWeights) -> Self {
        self.init_lora_weights = init_lora_weights;
        self
    }

    /// Sets whether an embedding and its tied head stay the same.
    pub fn with_ensure_weight_tying(mut self, ensure_weight_tying: bool) -> Self {
        self.ensure_weight_tying = ensure_weight_tying;
        self
    }
}
