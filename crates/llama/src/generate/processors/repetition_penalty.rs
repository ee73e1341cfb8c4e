//! Tokens that were seen before, made less probable.

use super::checked;
use crate::{LlamaError, LogitsProcessor, RowContext};

/// Divides the positive and multiplies the negative logits of every token of
/// the prompt and of the answer by a penalty.
///
/// Off by default, for good reason: SQL repeats itself (the names of tables and
/// columns stand in the prompt, and again in the query), and a penalty drives
/// the model away from exactly the right tokens.
///
/// As transformers' `RepetitionPenaltyLogitsProcessor`: a token is penalised
/// once, however often it was seen. Keskar et al., 2019, "CTRL".
#[derive(Debug, Clone, Copy)]
pub struct RepetitionPenalty(f32);

impl RepetitionPenalty {
    /// A penalty; above 1 discourages, below 1 encourages repetition.
    ///
    /// # Errors
    /// [`LlamaError::GenerateOption`] if it is not positive and finite.
    pub fn new(penalty: f64) -> Result<Self, LlamaError> {
        let allowed = penalty.is_finite() && penalty > 0.0;
        let expected = "a number above 0 (1 is off)";
        checked("repetition_penalty", penalty, allowed, expected).map(|p| Self(p as f32))
    }
}

impl LogitsProcessor for RepetitionPenalty {
    fn process(&mut self, context: RowContext<'_>, logits: &mut [f32]) {
        let seen = || context.prompt.iter().chain(context.generated);
        // All are read before the first is written, so that a token seen twice
        // is penalised once.
        let penalised: Vec<f32> = seen()
            .map(|&id| match logits[id as usize] {
                logit if logit < 0.0 => logit * self.0,
                logit => logit / self.0,
            })
            .collect();
        for (&id, penalised) in seen().zip(penalised) {
            logits[id as usize] = penalised;
        }
    }
}
