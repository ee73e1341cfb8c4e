//! The settings of an IA3 adapter, under PEFT's names and with PEFT's defaults.

use serde::{Deserialize, Serialize};

use super::check::{check, check_modules_to_save, check_targets, check_task_type};
use crate::{
    PeftError,
    targets::{TargetModules, compile},
};

/// The layer of a Llama that PEFT takes for feed-forward.
const LLAMA_FEEDFORWARD: &str = "down_proj";

/// Settings of an IA3 adapter: one trained vector for each layer, which scales
/// its output, or the input of a feed-forward layer.
///
/// `y = l ⊙ (xW + b)`, and `y = (l ⊙ x)W + b` for `feedforward_modules`
/// (arXiv 2205.05638; `tuners/ia3` in PEFT 0.21).
///
/// ```
/// use anneal_peft::Ia3Config;
///
/// let config = Ia3Config::llama();
/// assert!(config.is_feedforward("layers.0.mlp.down_proj")?);
/// assert!(!config.is_feedforward("layers.0.self_attn.k_proj")?);
/// # Ok::<(), anneal_peft::PeftError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ia3Config {
    /// The linear layers to adapt.
    pub target_modules: TargetModules,
    /// Layers to leave alone although `target_modules` names them.
    pub exclude_modules: Option<TargetModules>,
    /// Those of the target modules whose input is scaled instead of the
    /// output; none where absent.
    pub feedforward_modules: Option<TargetModules>,
    /// Modules that are not adapted but trained and saved whole.
    pub modules_to_save: Option<Vec<String>>,
    /// Start the vectors at one, so that a fresh adapter changes nothing;
    /// otherwise they are random.
    pub init_ia3_weights: bool,
    /// PEFT's task type, which decides the class its Python loader wraps the
    /// model in. It changes nothing here.
    pub task_type: Option<String>,
    /// The model that the adapter was trained on, for the reader of the file.
    pub base_model_name_or_path: Option<String>,
}

impl Default for Ia3Config {
    /// The layers that PEFT adapts in a Llama.
    fn default() -> Self {
        Self::llama()
    }
}

impl Ia3Config {
    /// PEFT's defaults on these layers, none of them feed-forward.
    pub fn new(target_modules: TargetModules) -> Self {
        Self {
            target_modules,
            exclude_modules: None,
            feedforward_modules: None,
            modules_to_save: None,
            init_ia3_weights: true,
            task_type: Some("CAUSAL_LM".into()),
            base_model_name_or_path: None,
        }
    }

    /// What PEFT chooses for a Llama: keys, values and the input of
    /// `down_proj`.
    pub fn llama() -> Self {
        Self::new(TargetModules::names([
            "k_proj",
            "v_proj",
            LLAMA_FEEDFORWARD,
        ]))
        .with_feedforward_modules(TargetModules::names([LLAMA_FEEDFORWARD]))
    }

    /// What PEFT takes for these targets' `feedforward_modules` where a file
    /// leaves them out: it fills them from a table of architectures, in which
    /// a Llama has `["down_proj"]`, compared with the end of the path.
    pub(crate) fn feedforward_in_a_llama(&self) -> Option<TargetModules> {
        let TargetModules::Names(targets) = &self.target_modules else {
            return Some(TargetModules::names([LLAMA_FEEDFORWARD]));
        };
        // A target holds the whole last segment of the paths that it matches.
        let feedforward = targets.iter().filter(|t| t.ends_with(LLAMA_FEEDFORWARD));
        let feedforward: Vec<String> = feedforward.cloned().collect();
        (!feedforward.is_empty()).then_some(TargetModules::Names(feedforward))
    }

    /// Sets the layers to leave alone.
    pub fn with_exclude_modules(mut self, exclude_modules: TargetModules) -> Self {
        self.exclude_modules = Some(exclude_modules);
        self
    }

    /// Sets the target modules whose input is scaled.
    pub fn with_feedforward_modules(mut self, feedforward_modules: TargetModules) -> Self {
        self.feedforward_modules = Some(feedforward_modules);
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

    /// Sets whether the vectors start at one.
    pub fn with_init_ia3_weights(mut self, init_ia3_weights: bool) -> Self {
        self.init_ia3_weights = init_ia3_weights;
        self
    }

    /// Names the model that the adapter belongs to.
    pub fn with_base_model(mut self, base_model_name_or_path: impl Into<String>) -> Self {
        self.base_model_name_or_path = Some(base_model_name_or_path.into());
        self
    }

    /// Whether an adapted layer's input is scaled instead of its output.
    ///
    /// PEFT compares the names of a list with the end of the path, in the
    /// middle of a segment too, unlike those of `target_modules`; `"all-linear"`
    /// has no meaning here and is an expression like any other.
    ///
    /// # Errors
    ///
    /// [`PeftError::Pattern`] where `feedforward_modules` is not an expression.
    pub fn is_feedforward(&self, path: &str) -> Result<bool, PeftError> {
        match &self.feedforward_modules {
            None => Ok(false),
            Some(TargetModules::Names(names)) => {
                Ok(names.iter().any(|name| path.ends_with(name.as_str())))
            }
            Some(TargetModules::Pattern(pattern)) => {
                let field = "feedforward_modules";
                compile(field, pattern, &format!(r"\A(?:{pattern})\z"))?
                    .is_match(path)
                    .map_err(|source| PeftError::Pattern {
                        field,
                        pattern: pattern.clone(),
                        source: Box::new(source),
                    })
            }
        }
    }

    /// Checks the settings as PEFT does.
    ///
    /// # Errors
    ///
    /// [`PeftError::InvalidSetting`] names the first setting out of its range:
    /// no target, or a list of feed-forward modules that are no targets.
    pub fn validate(&self) -> Result<(), PeftError> {
        check_targets(&self.target_modules)?;
        check_modules_to_save(self.modules_to_save.as_deref())?;
        check_task_type(self.task_type.as_deref())?;
        if let (TargetModules::Names(targets), Some(TargetModules::Names(feedforward))) =
            (&self.target_modules, &self.feedforward_modules)
        {
            check(
                feedforward.iter().all(|name| targets.contains(name)),
                "feedforward_modules",
                format!("{feedforward:?}"),
                "a part of target_modules",
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feedforward_names_match_the_end_of_a_path_anywhere() {
        let config = Ia3Config::new(TargetModules::names(["up_proj", "gate_up_proj"]))
            .with_feedforward_modules(TargetModules::names(["up_proj"]));
        assert!(config.is_feedforward("mlp.up_proj").unwrap());
        // Not at a dot, and yet it counts for PEFT.
        assert!(config.is_feedforward("mlp.gate_up_proj").unwrap());
        assert!(!config.is_feedforward("up_proj.inner").unwrap());
        let config = config.with_feedforward_modules(TargetModules::Pattern("mlp.*".into()));
        assert!(config.is_feedforward("mlp.gate_up_proj").unwrap());
        assert!(!config.is_feedforward("0.mlp.up_proj").unwrap());
        let broken = config.with_feedforward_modules(TargetModules::Pattern("(".into()));
        let message = broken.is_feedforward("mlp").unwrap_err().to_string();
        assert!(message.starts_with("feedforward_modules holds \"(\""));
    }

    #[test]
    fn feedforward_modules_are_targets() {
        assert!(Ia3Config::llama().validate().is_ok());
        let config = Ia3Config::new(TargetModules::names(["k_proj"]))
            .with_feedforward_modules(TargetModules::names(["down_proj"]));
        assert_eq!(
            config.validate().unwrap_err().to_string(),
            r#"feedforward_modules is ["down_proj"], but it must be a part of target_modules"#
        );
        let empty = Ia3Config::new(TargetModules::Names(vec![]));
        assert_eq!(
            empty.validate().unwrap_err().to_string(),
            "target_modules is [], but it must be a list with at least one name"
        );
    }
}
