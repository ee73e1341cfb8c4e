//! Settings of a run, apart from those of its steps.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainError};
use crate::progress::ProgressReport;

/// Settings of a [`TrainingRun`](crate::TrainingRun).
///
/// # Example
/// ```
/// use anneal_train::{BestBy, RunConfig};
///
/// let config = RunConfig {
///     validate_every: Some(50),
///     best_by: BestBy::Score,
///     patience: Some(4),
///     ..RunConfig::new("runs/spider")
/// };
/// assert_eq!(config.metrics_file().to_str(), Some("runs/spider/metrics.jsonl"));
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RunConfig {
    /// The folder of everything that the run writes.
    pub output: PathBuf,
    /// Whether to begin or to go on.
    pub start: Start,
    /// Steps between two checkpoints, 100. One is written at the end and at each new best too.
    pub checkpoint_every: u64,
    /// Newest checkpoints that are kept, 2, the best one not counted.
    pub keep_checkpoints: usize,
    /// Steps between two validations; none validates at the end only.
    pub validate_every: Option<u64>,
    /// Whether to validate before the first step too, false.
    pub validate_at_start: bool,
    /// What makes a checkpoint the best.
    pub best_by: BestBy,
    /// Validations without an improvement after which the run ends; none never ends it so.
    pub patience: Option<u64>,
    /// An improvement must be larger than this to be one for `patience`, 0.
    ///
    /// It is measured from the last value that was one, so that many small steps add up.
    pub min_delta: f64,
    /// What a non-finite loss or gradient does.
    pub non_finite: NonFinite,
    /// What must be equal for a checkpoint to continue this run; see
    /// [`fingerprint`](crate::checkpoint::fingerprint).
    pub fingerprint: String,
    /// Seeds the device before each micro-batch (dropout); see [`micro_batch_seed`](crate::micro_batch_seed).
    pub seed: u64,
    /// Whether TensorBoard event files are written, true.
    pub tensorboard: bool,
    /// Whether progress is shown.
    pub progress: ProgressReport,
}

/// Whether a run begins or goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Begin; an output folder with a checkpoint is refused.
    #[default]
    New,
    /// Go on from the newest checkpoint; a folder without a run is refused. A run that ended
    /// before its first checkpoint is begun again.
    Resume,
    /// Go on where there is a checkpoint, else begin.
    ResumeOrNew,
}

/// What makes a checkpoint the best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BestBy {
    /// The lowest validation loss.
    #[default]
    Loss,
    /// The highest validation score.
    Score,
}

/// What a non-finite loss or gradient does. No such step updates a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NonFinite {
    /// The run ends with an error that names the step, the rows and the layer.
    #[default]
    Stop,
    /// The step is passed over and counted; more than `at_most` over the whole run end it.
    Skip {
        /// Steps that may be passed over.
        at_most: u64,
    },
}

impl RunConfig {
    /// The defaults, with an output folder.
    pub fn new(output: impl Into<PathBuf>) -> Self {
        Self {
            output: output.into(),
            start: Start::New,
            checkpoint_every: 100,
            keep_checkpoints: 2,
            validate_every: None,
            validate_at_start: false,
            best_by: BestBy::Loss,
            patience: None,
            min_delta: 0.0,
            non_finite: NonFinite::Stop,
            fingerprint: String::new(),
            seed: 0,
            tensorboard: true,
            progress: ProgressReport::Hidden,
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`TrainError::InvalidSetting`] for the first setting that is out of its range.
    pub fn validate(&self) -> Result<()> {
        let positive = [
            ("checkpoint_every", Some(self.checkpoint_every)),
            ("keep_checkpoints", Some(self.keep_checkpoints as u64)),
            ("validate_every", self.validate_every),
            ("patience", self.patience),
        ];
        let zero = positive.into_iter().find(|(_, value)| *value == Some(0));
        if let Some((name, _)) = zero {
            return Err(TrainError::InvalidSetting {
                name,
                value: "0".into(),
                expected: "positive",
            });
        }
        if !(self.min_delta.is_finite() && self.min_delta >= 0.0) {
            return Err(TrainError::InvalidSetting {
                name: "min_delta",
                value: self.min_delta.to_string(),
                expected: "finite and not negative",
            });
        }
        Ok(())
    }

    /// The folder of the checkpoints: `checkpoints/`.
    pub fn checkpoints(&self) -> PathBuf {
        self.output.join("checkpoints")
    }

    /// One line per step: `metrics.jsonl`.
    pub fn metrics_file(&self) -> PathBuf {
        self.output.join("metrics.jsonl")
    }

    /// One line per validation: `validation.jsonl`.
    pub fn validation_file(&self) -> PathBuf {
        self.output.join("validation.jsonl")
    }

    /// The folder of TensorBoard's event files: `tensorboard/`.
    pub fn tensorboard_folder(&self) -> PathBuf {
        self.output.join("tensorboard")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let message = |change: fn(&mut RunConfig)| {
            let mut config = RunConfig::new("x");
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert_eq!(
            message(|c| c.patience = Some(0)),
            "`patience` must be positive, got 0"
        );
        assert_eq!(
            message(|c| c.keep_checkpoints = 0),
            "`keep_checkpoints` must be positive, got 0"
        );
        assert_eq!(
            message(|c| c.min_delta = f64::NAN),
            "`min_delta` must be finite and not negative, got NaN"
        );
    }
}
