//! What can be wrong with lengths, one variant per failure.

/// What can be wrong with lengths.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LengthError {
    /// No example fits the maximum.
    #[error(
        "the maximum length must be at least 2 tokens, one to learn and one before it, found {found}"
    )]
    Maximum {
        /// The maximum, in tokens.
        found: usize,
    },
}
