//! What may change a row's logits before a token is chosen from them.

/// Where a row stands when its next token is to be chosen.
#[derive(Debug, Clone, Copy)]
pub struct RowContext<'a> {
    /// The prompt's place among those given, from zero.
    pub row: usize,
    /// The prompt's tokens.
    pub prompt: &'a [u32],
    /// The tokens chosen since.
    pub generated: &'a [u32],
}

impl RowContext<'_> {
    /// The place that the next token will have in the sequence, from zero.
    pub fn position(&self) -> usize {
        self.prompt.len() + self.generated.len()
    }
}

/// Changes the logits of one row before its next token is chosen, as
/// transformers' `LogitsProcessor` does for a batch.
///
/// A processor belongs to one row, from its first token to its last, so it may
/// keep a state: a grammar moves on by the tokens that `context.generated` has
/// gained since the last call. [`Generator::with_processor`] says how each row
/// gets its own.
///
/// ```
/// use anneal_llama::{LogitsProcessor, RowContext};
///
/// /// Forbids the token that was chosen last.
/// struct NoStutter;
///
/// impl LogitsProcessor for NoStutter {
///     fn process(&mut self, context: RowContext, logits: &mut [f32]) {
///         if let Some(&last) = context.generated.last() {
///             logits[last as usize] = f32::NEG_INFINITY;
///         }
///     }
/// }
///
/// let mut logits = [0.5, 2.0, -1.0];
/// let context = RowContext { row: 0, prompt: &[0], generated: &[2, 1] };
/// NoStutter.process(context, &mut logits);
/// assert_eq!(logits, [0.5, f32::NEG_INFINITY, -1.0]);
/// ```
///
/// [`Generator::with_processor`]: crate::Generator::with_processor
pub trait LogitsProcessor {
    /// Changes `logits`, one number for each token of the vocabulary;
    /// [`f32::NEG_INFINITY`] forbids a token. To forbid all is an error of the
    /// generation.
    fn process(&mut self, context: RowContext<'_>, logits: &mut [f32]);
}
