//! The settings of prompt tuning, under PEFT's names and with PEFT's defaults.

use serde::{Deserialize, Serialize};

use super::check::{check, check_task_type};
use crate::PeftError;

/// How the trained embeddings begin: PEFT's `prompt_tuning_init`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PromptTuningInit {
    /// From `N(0, 1)`, `"RANDOM"`.
    #[default]
    Random,
    /// The embeddings of tokens drawn from the vocabulary, `"SAMPLE_VOCAB"`.
    SampleVocab,
    /// The embeddings of the tokens of a text, `"TEXT"`.
    Text,
}

/// Settings of prompt tuning: embeddings that are trained and stand before
/// those of every prompt.
///
/// Nothing else is trained (arXiv 2104.08691; `tuners/prompt_tuning` in PEFT
/// 0.21).
///
/// ```
/// use anneal_peft::{PromptTuningConfig, PromptTuningInit};
///
/// // The text goes into the file, its ids into the model: this crate has no tokenizer.
/// let config = PromptTuningConfig::new(8).with_text("Write SQL.", "a/tokenizer", [5, 9, 2]);
/// assert_eq!(config.prompt_tuning_init, PromptTuningInit::Text);
/// assert_eq!(config.init_token_ids, [5, 9, 2]);
/// assert!(PromptTuningConfig::new(0).validate().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PromptTuningConfig {
    /// Embeddings before a prompt, at least 1.
    pub num_virtual_tokens: usize,
    /// How they begin.
    pub prompt_tuning_init: PromptTuningInit,
    /// The text of [`PromptTuningInit::Text`].
    pub prompt_tuning_init_text: Option<String>,
    /// The tokenizer that the text was split with.
    pub tokenizer_name_or_path: Option<String>,
    /// The ids of the text's tokens, repeated or cut to `num_virtual_tokens`.
    /// PEFT asks the tokenizer for them and does not write them; nor do we.
    pub init_token_ids: Vec<u32>,
    /// Size of an embedding; the model's own where absent.
    pub token_dim: Option<usize>,
    /// Layers of the model, for the reader of the file.
    pub num_layers: Option<usize>,
    /// Attention heads of the model, for the reader of the file.
    pub num_attention_heads: Option<usize>,
    /// PEFT's task type, which decides the class its Python loader wraps the
    /// model in. It changes nothing here.
    pub task_type: Option<String>,
    /// The model that the adapter was trained on, for the reader of the file.
    pub base_model_name_or_path: Option<String>,
}

impl Default for PromptTuningConfig {
    /// Twenty random embeddings; PEFT leaves the number to the user.
    fn default() -> Self {
        Self::new(20)
    }
}

impl PromptTuningConfig {
    /// PEFT's defaults with this many random embeddings.
    pub fn new(num_virtual_tokens: usize) -> Self {
        Self {
            num_virtual_tokens,
            prompt_tuning_init: PromptTuningInit::Random,
            prompt_tuning_init_text: None,
            tokenizer_name_or_path: None,
            init_token_ids: Vec::new(),
            token_dim: None,
            num_layers: None,
            num_attention_heads: None,
            task_type: Some("CAUSAL_LM".into()),
            base_model_name_or_path: None,
        }
    }

    /// Starts with the embeddings of tokens drawn from the vocabulary.
    pub fn with_sample_vocab(mut self) -> Self {
        self.prompt_tuning_init = PromptTuningInit::SampleVocab;
        self
    }

    /// Starts with the embeddings of a text, split by this tokenizer into
    /// these tokens.
    pub fn with_text(
        mut self,
        text: impl Into<String>,
        tokenizer_name_or_path: impl Into<String>,
        token_ids: impl IntoIterator<Item = u32>,
    ) -> Self {
        self.prompt_tuning_init = PromptTuningInit::Text;
        self.prompt_tuning_init_text = Some(text.into());
        self.tokenizer_name_or_path = Some(tokenizer_name_or_path.into());
        self.init_token_ids = token_ids.into_iter().collect();
        self
    }

    /// Says what the model looks like: the size of an embedding, its layers
    /// and its attention heads.
    pub fn with_model(
        mut self,
        token_dim: usize,
        num_layers: usize,
        num_attention_heads: usize,
    ) -> Self {
        self.token_dim = Some(token_dim);
        self.num_layers = Some(num_layers);
        self.num_attention_heads = Some(num_attention_heads);
        self
    }

    /// Names the model that the adapter belongs to.
    pub fn with_base_model(mut self, base_model_name_or_path: impl Into<String>) -> Self {
        self.base_model_name_or_path = Some(base_model_name_or_path.into());
        self
    }

    /// The ids that [`PromptTuningInit::Text`] begins with, one for each
    /// embedding: those of the text, repeated or cut as PEFT does.
    ///
    /// # Errors
    ///
    /// [`PeftError::InvalidSetting`] where the ids are not known, as after
    /// reading a file.
    pub fn text_ids(&self) -> Result<Vec<u32>, PeftError> {
        check(
            !self.init_token_ids.is_empty(),
            "init_token_ids",
            "[]",
            "the ids of the tokens of prompt_tuning_init_text",
        )?;
        let ids = self.init_token_ids.iter().copied().cycle();
        Ok(ids.take(self.num_virtual_tokens).collect())
    }

    /// Checks the settings as PEFT does.
    ///
    /// # Errors
    ///
    /// [`PeftError::InvalidSetting`] names the first setting out of its range:
    /// no embedding, or a text without its tokenizer.
    pub fn validate(&self) -> Result<(), PeftError> {
        check(
            self.num_virtual_tokens >= 1,
            "num_virtual_tokens",
            self.num_virtual_tokens,
            "at least 1",
        )?;
        check_task_type(self.task_type.as_deref())?;
        check(self.token_dim != Some(0), "token_dim", 0, "at least 1")?;
        if self.prompt_tuning_init != PromptTuningInit::Text {
            return Ok(());
        }
        check(
            self.prompt_tuning_init_text.is_some(),
            "prompt_tuning_init_text",
            "absent",
            "given where prompt_tuning_init is \"TEXT\"",
        )?;
        check(
            self.tokenizer_name_or_path
                .as_deref()
                .is_some_and(|name| !name.is_empty()),
            "tokenizer_name_or_path",
            "absent",
            "given where prompt_tuning_init is \"TEXT\"",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_texts_ids_are_repeated_or_cut() {
        let config = PromptTuningConfig::new(7).with_text("a", "b", [5, 9, 2]);
        assert_eq!(config.text_ids().unwrap(), [5, 9, 2, 5, 9, 2, 5]);
        let config = PromptTuningConfig::new(2).with_text("a", "b", [5, 9, 2]);
        assert_eq!(config.text_ids().unwrap(), [5, 9]);
        let unknown = PromptTuningConfig::new(2).with_text("a", "b", []);
        assert_eq!(
            unknown.text_ids().unwrap_err().to_string(),
            "init_token_ids is [], but it must be the ids of the tokens of prompt_tuning_init_text"
        );
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let base = || PromptTuningConfig::new(4).with_text("a", "b", [1]);
        let mut silent = base();
        silent.prompt_tuning_init_text = None;
        let mut untold = base();
        untold.tokenizer_name_or_path = None;
        for (config, message) in [
            (
                PromptTuningConfig::new(0),
                "num_virtual_tokens is 0, but it must be at least 1",
            ),
            (
                base().with_model(0, 2, 2),
                "token_dim is 0, but it must be at least 1",
            ),
            (
                silent,
                "prompt_tuning_init_text is absent, but it must be given where \
                 prompt_tuning_init is \"TEXT\"",
            ),
            (
                untold,
                "tokenizer_name_or_path is absent, but it must be given where \
                 prompt_tuning_init is \"TEXT\"",
            ),
        ] {
            assert_eq!(config.validate().unwrap_err().to_string(), message);
        }
        assert!(base().validate().is_ok());
    }
}
