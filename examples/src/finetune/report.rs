//! What a run says of itself in `report.json`.

use std::path::Path;

use anneal_data::Padding;
use anneal_sql::Scores;
use anneal_train::MetricsRecord;
use serde::Serialize;

use crate::ExampleError;
use crate::settings::Settings;

/// What `report.json` holds.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The settings of the run.
    pub settings: Settings,
    /// Trained parameters of the adapter.
    pub trainable_parameters: usize,
    /// Rows read, kept, and their tokens.
    pub rows: Rows,
    /// How the first epoch lies in rows and micro-batches.
    pub padding: Padding,
    /// The part of its padded tokens that are tokens, from 0 to 1.
    pub efficiency: f64,
    /// Optimiser steps.
    pub steps: u64,
    /// Passes over the data.
    pub epochs: f64,
    /// Minutes of training, measurements left out.
    pub training_minutes: f64,
    /// Tokens through the model, padding left out.
    pub tokens: u64,
    /// Tokens that the loss counted.
    pub trained_tokens: u64,
    /// `tokens` per second of the steps.
    pub tokens_per_second: f64,
    /// The mean loss of the first and of the last ten steps.
    pub loss: [Option<f64>; 2],
    /// Execution accuracy on held-out databases before training.
    pub before: Option<Measured>,
    /// The same after training.
    pub after: Option<Measured>,
    /// Peak resident memory of the process.
    pub peak_memory_bytes: Option<u64>,
}

/// What became of the rows.
#[derive(Debug, Serialize)]
pub struct Rows {
    /// Rows in the files.
    pub read: usize,
    /// Rows known to have no runnable gold, left out.
    pub unusable: usize,
    /// Rows of held-out databases.
    pub held_out: usize,
    /// Rows with more tokens than `max_length`, left out.
    pub too_long: usize,
    /// Rows trained on.
    pub trained: usize,
    /// Their tokens.
    pub tokens: usize,
    /// Their trained tokens.
    pub trained_tokens: usize,
}

/// One measurement.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Counts and rates.
    pub totals: Scores,
    /// Seconds it took; none where an earlier session measured.
    pub seconds: Option<f64>,
}

/// Every step of `metrics.jsonl`, earlier sessions' included.
pub(super) fn read_metrics(path: &Path) -> Result<Vec<MetricsRecord>, ExampleError> {
    let text = std::fs::read_to_string(path).map_err(ExampleError::io(path))?;
    let records = text.lines().map(serde_json::from_str);
    records
        .collect::<Result<_, _>>()
        .map_err(ExampleError::json(path))
}

/// The arithmetic mean, if there is anything.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0);
    for value in values {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}
