//! What can be wrong with splits and leaks, one variant per failure.

/// What can be wrong with splits and leaks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// A part's share is no fraction.
    #[error(
        "the split's part `{part}` has the fraction {fraction}, expected a number above 0 and at most 1"
    )]
    Fraction {
        /// The part.
        part: String,
        /// Its fraction.
        fraction: f64,
    },
    /// The parts want more than there is.
    #[error("the fractions of the split's parts add up to {sum}, expected at most 1")]
    FractionSum {
        /// The sum.
        sum: f64,
    },
    /// A name that two parts have, or that is the remainder's.
    #[error("the split's part `{part}` is named twice; what the parts leave is `{rest}`")]
    PartName {
        /// The name.
        part: String,
        /// The remainder's name.
        rest: &'static str,
    },
    /// A setting of the search for near duplicates under which nothing, or everything, is found.
    #[error("near duplicates: `{setting}` is {found}, expected {expected}")]
    Near {
        /// The setting.
        setting: &'static str,
        /// Its value.
        found: String,
        /// What is accepted.
        expected: &'static str,
    },
}
