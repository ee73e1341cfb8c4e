//! Checks of settings' ranges, each with one sentence for what is allowed.

use crate::error::{Result, TrainError};

/// The values that a number may have.
#[derive(Clone, Copy)]
pub(crate) enum Range {
    /// Finite and not negative.
    NotNegative,
    /// Finite and above 0, as an f32 too: burn computes in that type.
    Positive,
    /// `0..1`, as an f32 too: a decay of a running mean.
    BelowOne,
    /// `0..=1`.
    Part,
    /// Finite and at least 1.
    AtLeastOne,
    /// Finite and below 0.
    Negative,
}

impl Range {
    fn holds(self, value: f64) -> bool {
        let single = value as f32;
        match self {
            Self::NotNegative => single.is_finite() && value >= 0.0,
            Self::Positive => single.is_finite() && single > 0.0,
            Self::BelowOne => value >= 0.0 && single < 1.0,
            Self::Part => (0.0..=1.0).contains(&value),
            Self::AtLeastOne => single.is_finite() && value >= 1.0,
            Self::Negative => value.is_finite() && value < 0.0,
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::NotNegative => "finite and not negative",
            Self::Positive => "positive",
            Self::BelowOne => "at least 0 and below 1",
            Self::Part => "from 0 to 1",
            Self::AtLeastOne => "at least 1",
            Self::Negative => "finite and negative",
        }
    }
}

/// Checks settings in their order.
///
/// # Errors
/// [`TrainError::InvalidSetting`] for the first that is out of its range.
pub(crate) fn check<const N: usize>(settings: [(&'static str, f64, Range); N]) -> Result<()> {
    for (name, value, range) in settings {
        if !range.holds(value) {
            return Err(TrainError::InvalidSetting {
                name,
                value: value.to_string(),
                expected: range.sentence(),
            });
        }
    }
    Ok(())
}
