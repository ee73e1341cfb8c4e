//! How tokens are chosen, and where a generation ends.

use std::num::NonZeroUsize;

use super::processor::LogitsProcessor;
use super::processors::{MinP, RepetitionPenalty, Temperature, TopK, TopP, checked};
use super::sampler::Sampler;
use crate::{LlamaConfig, LlamaError};

/// How tokens are chosen, and where a generation ends. The default takes the
/// most probable token, 128 times.
///
/// Names, meanings and order are transformers': the repetition penalty, then a
/// [`Generator`](crate::Generator)'s own processors; then, unless the
/// temperature is 0, temperature, top-k, top-p and min-p, and a draw from what
/// they leave.
///
/// ```
/// use anneal_llama::GenerateOptions;
///
/// let options = GenerateOptions {
///     temperature: 0.8,
///     top_p: 0.95,
///     seed: 7,
///     ..GenerateOptions::default()
/// };
/// assert_eq!((options.max_new_tokens, options.top_k), (128, 0));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateOptions {
    /// Tokens at most, for each prompt; at least 1.
    pub max_new_tokens: usize,
    /// Tokens that end a generation; such a token is part of the answer.
    pub end_ids: Vec<u32>,
    /// Texts that end a generation, wherever they begin and end in the tokens.
    /// The text is cut before the one that is complete first, the longest if
    /// several are; the tokens stay whole. They need a
    /// [tokenizer](crate::Generator::with_tokenizer).
    pub stop: Vec<String>,
    /// 0 (the default) takes the most probable token, whatever the fields
    /// below say. Any other draws by chance: below 1 closer to that, above 1
    /// further away.
    pub temperature: f64,
    /// Draws from this many of the most probable tokens; 0 is off.
    pub top_k: usize,
    /// Draws from the smallest set of most probable tokens that together have
    /// this probability; above 0, and 1 is off.
    pub top_p: f64,
    /// Draws from tokens with at least this share of the largest probability;
    /// 0 is off.
    pub min_p: f64,
    /// Makes tokens that were seen before less probable; 1 is off. It ruins
    /// SQL: see [`RepetitionPenalty`].
    pub repetition_penalty: f64,
    /// What the draws depend on, together with the prompt's place in the batch.
    pub seed: u64,
    /// The place of the first prompt in a larger batch that is generated in
    /// parts: prompt `i` draws from random stream `first_row + i`, here and
    /// there, whatever else is in the batch.
    pub first_row: u64,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            max_new_tokens: 128,
            end_ids: Vec::new(),
            stop: Vec::new(),
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            seed: 0,
            first_row: 0,
        }
    }
}

impl GenerateOptions {
    /// Refuses values out of their range, as [`Generator::generate`] will: for
    /// a program that wants to say so before it loads a model.
    ///
    /// # Errors
    /// [`LlamaError::GenerateOption`] with the first such field.
    ///
    /// [`Generator::generate`]: crate::Generator::generate
    pub fn validate(&self) -> Result<(), LlamaError> {
        if self.max_new_tokens == 0 {
            let expected = "1 or more";
            checked("max_new_tokens", 0.0, false, expected)?;
        }
        if self.stop.iter().any(String::is_empty) {
            return Err(LlamaError::GenerateOption {
                option: "stop",
                found: "an empty text".into(),
                expected: "texts of at least one character",
            });
        }
        let allowed = self.temperature == 0.0 || Temperature::new(self.temperature).is_ok();
        let expected = "0 (the most probable token) or a finite number above 0";
        checked("temperature", self.temperature, allowed, expected)?;
        TopP::new(self.top_p)?;
        MinP::new(self.min_p)?;
        RepetitionPenalty::new(self.repetition_penalty)?;
        Ok(())
    }

    /// Whether each prompt can be read, behind the virtual tokens, and
    /// continued.
    pub(super) fn check_prompts(
        &self,
        prompts: &[Vec<u32>],
        virtual_tokens: usize,
        config: &LlamaConfig,
    ) -> Result<(), LlamaError> {
        let (new, limit) = (self.max_new_tokens, config.context_length());
        for (index, prompt) in prompts.iter().enumerate() {
            if prompt.is_empty() {
                return Err(LlamaError::EmptyPrompt { index });
            }
            if let Some(&id) = prompt.iter().find(|&&id| id as usize >= config.vocab_size) {
                return Err(LlamaError::TokenOutOfRange {
                    index,
                    id,
                    last: config.vocab_size - 1,
                });
            }
            let length = virtual_tokens + prompt.len();
            if length.saturating_add(new) > limit {
                return Err(LlamaError::TooLong {
                    index,
                    length,
                    new,
                    limit,
                });
            }
        }
        Ok(())
    }

    /// What comes before a generator's own processors.
    pub(super) fn penalty(&self) -> Result<Vec<Box<dyn LogitsProcessor>>, LlamaError> {
        if self.repetition_penalty == 1.0 {
            return Ok(Vec::new());
        }
        Ok(vec![Box::new(RepetitionPenalty::new(
            self.repetition_penalty,
        )?)])
    }

    /// What comes after them.
    pub(super) fn warpers(&self) -> Result<Vec<Box<dyn LogitsProcessor>>, LlamaError> {
        let mut warpers: Vec<Box<dyn LogitsProcessor>> = Vec::new();
        if self.temperature == 0.0 {
            return Ok(warpers);
        }
        if self.temperature != 1.0 {
            warpers.push(Box::new(Temperature::new(self.temperature)?));
        }
        if let Some(k) = NonZeroUsize::new(self.top_k) {
            warpers.push(Box::new(TopK::new(k)));
        }
        if self.top_p != 1.0 {
            warpers.push(Box::new(TopP::new(self.top_p)?));
        }
        if self.min_p != 0.0 {
            warpers.push(Box::new(MinP::new(self.min_p)?));
        }
        Ok(warpers)
    }

    /// What chooses the tokens of prompt `row`.
    pub(super) fn sampler(&self, row: usize) -> Sampler {
        if self.temperature == 0.0 {
            return Sampler::Greedy;
        }
        Sampler::multinomial(self.seed, self.first_row.wrapping_add(row as u64))
    }
}
