//! The built-in processors: transformers' penalty and its "warpers".

mod min_p;
mod repetition_penalty;
mod temperature;
mod top_k;
mod top_p;

pub use min_p::MinP;
pub use repetition_penalty::RepetitionPenalty;
pub use temperature::Temperature;
pub use top_k::TopK;
pub use top_p::TopP;

use crate::LlamaError;

/// `value` if it is `allowed`, else an error that names the option.
pub(super) fn checked(
    option: &'static str,
    value: f64,
    allowed: bool,
    expected: &'static str,
) -> Result<f64, LlamaError> {
    if allowed {
        return Ok(value);
    }
    Err(LlamaError::GenerateOption {
        option,
        found: value.to_string(),
        expected,
    })
}

/// The largest of the logits; [`f32::NEG_INFINITY`] if all are forbidden.
pub(super) fn largest(logits: &[f32]) -> f32 {
    logits.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// `exp(logit − largest)`: the token's probability as a share of the largest.
pub(super) fn share(logit: f32, largest: f32) -> f64 {
    (f64::from(logit) - f64::from(largest)).exp()
}
