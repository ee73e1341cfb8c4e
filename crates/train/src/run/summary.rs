//! What a run came to.

use std::path::PathBuf;
use std::time::Duration;

use burn::module::Module;
use serde::{Deserialize, Serialize};

use super::validation::ValidationRecord;
use crate::checkpoint;
use crate::error::Result;

/// What a run came to, earlier sessions included.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSummary {
    /// Why it ended.
    pub ended: Ended,
    /// Steps done, the passed over ones included.
    pub steps: u64,
    /// Tokens that went through the model, padding left out.
    pub tokens: u64,
    /// Those of them that the loss counted.
    pub trained_tokens: u64,
    /// Examples (rows) trained on, repetitions counted.
    pub examples: u64,
    /// Time trained, validations left out.
    pub trained: Duration,
    /// The best checkpoint, where a validation judged one.
    pub best: Option<Best>,
    /// Steps passed over for a non-finite loss or gradient.
    pub skipped_steps: u64,
    /// Every validation.
    pub validations: Vec<ValidationRecord>,
    /// The step that this session went on from.
    pub resumed_from: Option<u64>,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// The budget is used up.
    Budget,
    /// `patience` validations in a row brought no improvement.
    EarlyStopping,
    /// A [`StopSignal`](crate::StopSignal) was raised; the run can be resumed.
    Signal,
}

/// The best checkpoint so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The steps that it follows.
    pub step: u64,
    /// Its validation loss.
    pub loss: Option<f64>,
    /// Its validation score.
    pub score: Option<f64>,
    /// Its folder.
    pub checkpoint: PathBuf,
}

impl Best {
    /// Sets `model`'s trained parameters to the best checkpoint's.
    ///
    /// # Errors
    /// As [`checkpoint::load_parameters`].
    pub fn restore<M: Module>(&self, model: &mut M) -> Result<()> {
        checkpoint::load_parameters(&self.checkpoint, model)
    }
}
