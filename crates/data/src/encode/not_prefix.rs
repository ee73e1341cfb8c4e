//! The error for a prompt that is not how a conversation's text begins.

use crate::DataError;

/// Shows both texts from shortly before their first difference.
pub(super) fn not_prefix(turn: usize, prompt: &str, full: &str) -> DataError {
    let same = prompt.chars().zip(full.chars()).take_while(|(a, b)| a == b);
    let from = same.count().saturating_sub(20);
    let show = |text: &str| text.chars().skip(from).take(60).collect();
    DataError::PromptNotPrefix {
        turn,
        prompt: show(prompt),
        full: show(full),
    }
}
