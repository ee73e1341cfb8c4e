//! A distribution made sharper or flatter.

use super::checked;
use crate::{LlamaError, LogitsProcessor, RowContext};

/// Divides all logits by a temperature: below 1 the probable becomes more so,
/// above 1 all becomes more alike. As transformers' `TemperatureLogitsWarper`.
#[derive(Debug, Clone, Copy)]
pub struct Temperature(f32);

impl Temperature {
    /// A temperature above 0; for 0, the limit, see
    /// [`GenerateOptions::temperature`](crate::GenerateOptions::temperature).
    ///
    /// # Errors
    /// [`LlamaError::GenerateOption`] if it is not positive and finite.
    pub fn new(temperature: f64) -> Result<Self, LlamaError> {
        let allowed = temperature.is_finite() && temperature as f32 > 0.0;
        let expected = "a finite number above 0";
        checked("temperature", temperature, allowed, expected).map(|t| Self(t as f32))
    }
}

impl LogitsProcessor for Temperature {
    fn process(&mut self, _context: RowContext<'_>, logits: &mut [f32]) {
        let largest = super::largest(logits);
        // Probabilities depend on differences alone: seen from the largest,
        // a very small temperature can't take all of them to infinity.
        let overflows = largest.is_finite() && !(largest / self.0).is_finite();
        let shift = if overflows { largest } else { 0.0 };
        for logit in logits {
            *logit = (*logit - shift) / self.0;
        }
    }
}
