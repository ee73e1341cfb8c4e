//! `run_state.json` and `best.json`: what a checkpoint knows of its run beside the trainer.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::judge::Judge;
use super::validation::ValidationRecord;
use crate::error::{Result, TrainError};

/// In each checkpoint of a run.
pub(super) const RUN_STATE: &str = "run_state.json";
/// In the best one only.
pub(super) const BEST: &str = "best.json";

/// Counts and decisions of a run, over all its sessions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunState {
    /// Examples trained on.
    pub(super) examples: u64,
    /// Steps passed over.
    pub(super) skipped_steps: u64,
    /// The best and the patience.
    pub(super) judge: Judge,
    /// Every validation so far.
    pub(super) validations: Vec<ValidationRecord>,
}

impl RunState {
    /// The state in a checkpoint's folder. A checkpoint that no run wrote begins with empty counts.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        Ok(read(&folder.join(RUN_STATE))?.unwrap_or_default())
    }
}

/// Reads a JSON file, if it exists.
pub(super) fn read<T: DeserializeOwned>(file: &Path) -> Result<Option<T>> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(TrainError::io("read", file)(error)),
    };
    let value = serde_json::from_str(&text).map_err(|source| TrainError::Json {
        file: file.to_owned(),
        line: source.line(),
        source,
    })?;
    Ok(Some(value))
}

/// A value as the bytes of a JSON file, which an error calls `file`.
pub(super) fn json(file: &str, value: &impl Serialize) -> Result<Vec<u8>> {
    let text = serde_json::to_string_pretty(value).map_err(|source| TrainError::Json {
        file: file.into(),
        line: 1,
        source,
    })?;
    Ok(format!("{text}\n").into_bytes())
}
