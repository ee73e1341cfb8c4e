//! Whether blocks are computed once more on the way back, and what that changes.

use serde::Serialize;

use super::text::bytes;
use crate::settings::GradientCheckpointing;

/// The choice, and the peaks that it is made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Checkpointing {
    /// What the settings say.
    pub asked: GradientCheckpointing,
    /// What will be done.
    pub on: bool,
    /// The expected peak in bytes with it.
    pub peak_bytes_on: u64,
    /// The expected peak in bytes without it.
    pub peak_bytes_off: u64,
}

impl Checkpointing {
    /// By itself it is on where memory would not suffice without it and less is needed with it. Where the system
    /// does not say what there is, it is off.
    pub(super) fn decide(
        asked: GradientCheckpointing,
        [peak_bytes_off, peak_bytes_on]: [u64; 2],
        available: Option<u64>,
    ) -> Self {
        let on = match asked {
            GradientCheckpointing::On => true,
            GradientCheckpointing::Off => false,
            GradientCheckpointing::Auto => {
                peak_bytes_on < peak_bytes_off
                    && available.is_some_and(|available| available < peak_bytes_off)
            }
        };
        Self {
            asked,
            on,
            peak_bytes_on,
            peak_bytes_off,
        }
    }

    /// One sentence.
    pub(super) fn text(&self) -> String {
        let (word, other, without) = match self.on {
            true => ("on", self.peak_bytes_off, "without"),
            false => ("off", self.peak_bytes_on, "with"),
        };
        let because = match (self.asked, self.on) {
            (GradientCheckpointing::Auto, true) => " because memory needs it",
            _ => "",
        };
        let other = bytes(other);
        format!("gradient checkpointing is {word}{because}; the peak {without} it would be {other}")
    }

    /// Whether turning it on would need less than what is planned.
    pub(super) fn would_help(&self) -> bool {
        !self.on && self.peak_bytes_on < self.peak_bytes_off
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use GradientCheckpointing::{Auto, Off, On};

    #[test]
    fn by_itself_it_is_on_where_memory_needs_it() {
        let on = |asked, available| Checkpointing::decide(asked, [900, 300], available).on;
        assert!(on(Auto, Some(899)) && on(Auto, Some(100)));
        assert!(!on(Auto, Some(900)) && !on(Auto, None));
        assert!(on(On, Some(900)) && on(On, None));
        assert!(!on(Off, Some(100)));
        // A model of one block: nothing is saved.
        assert!(!Checkpointing::decide(Auto, [300, 310], Some(100)).on);
    }

    #[test]
    fn it_is_said_in_a_sentence() {
        let text = |asked| Checkpointing::decide(asked, [900_000, 300_000], Some(400_000)).text();
        assert_eq!(
            text(Auto),
            "gradient checkpointing is on because memory needs it; the peak without it would be 900.0 kB"
        );
        assert_eq!(
            text(Off),
            "gradient checkpointing is off; the peak with it would be 300.0 kB"
        );
    }
}
