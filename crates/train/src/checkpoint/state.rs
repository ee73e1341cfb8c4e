//! `trainer_state.json`: where a run stands, apart from its tensors.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainError};

/// The format that this version writes and reads.
pub(super) const FORMAT: u32 = 1;

/// Where the data stands; what the numbers count is the caller's affair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataPosition {
    /// Finished passes over the data.
    pub epoch: u64,
    /// Steps or examples done within the present pass.
    pub position: u64,
    /// The seed of the data's order.
    pub seed: u64,
}

/// Where a run stands, apart from its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainState {
    /// The version of the checkpoint's format.
    pub format: u32,
    /// Optimiser steps done.
    pub step: u64,
    /// Where the data stands.
    pub data: DataPosition,
    /// Tokens trained on.
    pub trained_tokens: u64,
    /// Tokens that went through the model. Checkpoints of earlier versions do not say.
    #[serde(default)]
    pub tokens: Option<u64>,
    /// The optimiser's name. Earlier versions had `adamw` and do not say it.
    #[serde(default = "adamw")]
    pub optimizer: String,
    /// Seconds trained, over all sessions.
    pub elapsed_seconds: f64,
    /// The used part of the budget at the warm-up's end; see [`Scheduler`](crate::Scheduler).
    pub warmup_end: Option<f64>,
    /// Identifies the settings of the run; see [`fingerprint`].
    pub fingerprint: String,
}

fn adamw() -> String {
    "adamw".into()
}

impl TrainState {
    /// Reads the file of a checkpoint.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Json`], [`TrainError::FormatVersion`].
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|source| TrainError::Io {
            action: "read",
            path: file.to_owned(),
            source,
        })?;
        let json = |source: serde_json::Error| TrainError::Json {
            file: file.to_owned(),
            line: source.line(),
            source,
        };
        // The version first: another one may have other fields.
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } = serde_json::from_str(&text).map_err(json)?;
        if format != FORMAT {
            return Err(TrainError::FormatVersion {
                file: file.to_owned(),
                found: format,
                expected: FORMAT,
            });
        }
        let state: Self = serde_json::from_str(&text).map_err(json)?;
        if Duration::try_from_secs_f64(state.elapsed_seconds).is_err() {
            return Err(TrainError::InvalidSetting {
                name: "elapsed_seconds",
                value: state.elapsed_seconds.to_string(),
                expected: "a time that fits a clock",
            });
        }
        Ok(state)
    }

    /// Time trained, over all sessions.
    pub fn elapsed(&self) -> Duration {
        Duration::try_from_secs_f64(self.elapsed_seconds).unwrap_or_default()
    }

    pub(super) fn check_fingerprint(&self, file: &Path, expected: &str) -> Result<()> {
        if self.fingerprint == expected {
            return Ok(());
        }
        Err(TrainError::OtherSettings {
            file: file.to_owned(),
            found: self.fingerprint.clone(),
            expected: expected.to_owned(),
        })
    }

    pub(super) fn check_optimizer(&self, file: &Path, expected: &str) -> Result<()> {
        if self.optimizer == expected {
            return Ok(());
        }
        Err(TrainError::OtherOptimizer {
            file: file.to_owned(),
            found: self.optimizer.clone(),
            expected: expected.to_owned(),
        })
    }

    pub(super) fn to_json(&self) -> String {
        // `Value`'s own text cannot fail, unlike serialising to a writer.
        let DataPosition {
            epoch,
            position,
            seed,
        } = self.data;
        let value = serde_json::json!({
            "format": self.format,
            "step": self.step,
            "data": { "epoch": epoch, "position": position, "seed": seed },
            "trained_tokens": self.trained_tokens,
            "tokens": self.tokens,
            "optimizer": self.optimizer,
            "elapsed_seconds": self.elapsed_seconds,
            "warmup_end": self.warmup_end,
            "fingerprint": self.fingerprint,
        });
        format!("{value:#}\n")
    }
}

/// A short name for settings: 64-bit FNV-1a of their text (JSON, say), in hexadecimal.
///
/// Guards against resuming with other settings by mistake; it is no cryptographic hash.
///
/// ```
/// // The published test vector of FNV-1a for "foobar".
/// assert_eq!(anneal_train::checkpoint::fingerprint("foobar"), "85944171f73967e8");
/// ```
pub fn fingerprint(settings: &str) -> String {
    let hash = settings
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}
