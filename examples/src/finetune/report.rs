//! What a run says of itself in `report.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anneal_data::Padding;
use anneal_sql::{Comparison, Scores};
use anneal_train::{Best, Ended, MetricsRecord, ValidationRecord};
use serde::Serialize;

use super::rows::FileRows;
use crate::ExampleError;
use crate::plan::Plan;
use crate::settings::Settings;

/// What `report.json` holds.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The settings of the run.
    pub settings: Settings,
    /// Why it ended.
    pub ended: Ended,
    /// Where the adapter or the model is.
    pub result: PathBuf,
    /// What the run would do and need, as it was said before.
    pub plan: Plan,
    /// Trained parameters.
    pub trainable_parameters: usize,
    /// The files that were read.
    pub files: Vec<FileRows>,
    /// Rows read, kept, and their tokens.
    pub rows: Rows,
    /// How the first epoch lies in rows and micro-batches.
    pub padding: Padding,
    /// The part of its padded tokens that are tokens, from 0 to 1.
    pub efficiency: f64,
    /// Optimiser steps.
    pub steps: u64,
    /// Those of them that were left out because a loss or gradient was not finite.
    pub skipped_steps: u64,
    /// Passes over the data.
    pub epochs: f64,
    /// Minutes of training, measurements left out.
    pub training_minutes: f64,
    /// Examples trained on, repetitions counted.
    pub examples: u64,
    /// Tokens through the model, padding left out.
    pub tokens: u64,
    /// Tokens that the loss counted.
    pub trained_tokens: u64,
    /// `tokens` per second of the steps.
    pub tokens_per_second: f64,
    /// The mean loss of the first and of the last ten steps.
    pub loss: [Option<f64>; 2],
    /// The same for the tokens of each class, without weights.
    pub loss_by_class: BTreeMap<String, [Option<f64>; 2]>,
    /// The losses and accuracies on held-out rows while training.
    pub validations: Vec<ValidationRecord>,
    /// The best checkpoint by them.
    pub best: Option<Best>,
    /// Execution accuracy on held-out questions before training.
    pub before: Option<Measured>,
    /// The same after training.
    pub after: Option<Measured>,
    /// Both side by side.
    pub comparison: Option<Comparison>,
    /// Peak resident memory of the process.
    pub peak_memory_bytes: Option<u64>,
}

/// What became of the rows.
#[derive(Debug, Serialize)]
pub struct Rows {
    /// Rows in the files.
    pub read: usize,
    /// Rows that the data set's makers mark as unusable, left out.
    pub unusable: usize,
    /// Rows that are held out.
    pub held_out: usize,
    /// By what they were chosen: database, tables, question or file.
    pub held_out_by: String,
    /// Rows with more tokens than `max_length`, left out.
    pub too_long: usize,
    /// Rows that were shortened by tables of their context.
    pub shortened: usize,
    /// All rows that were left out, by step and reason; see `left_out.jsonl`.
    pub left_out: BTreeMap<String, usize>,
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

/// How many steps each end of a run is.
const ENDS: usize = 10;

/// The mean loss of the first and the last ten steps; steps without one do not count.
pub(super) fn loss_at_ends(metrics: &[MetricsRecord]) -> [Option<f64>; 2] {
    ends(metrics.iter().map(|step| step.loss))
}

/// The same by class.
pub(super) fn class_loss_at_ends(metrics: &[MetricsRecord]) -> BTreeMap<String, [Option<f64>; 2]> {
    let mut losses: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for step in metrics {
        for (name, part) in &step.parts {
            losses.entry(name.clone()).or_default().push(part.loss);
        }
    }
    let both = losses.into_iter();
    both.map(|(name, losses)| (name, ends(losses.into_iter())))
        .collect()
}

fn ends(losses: impl Iterator<Item = f64>) -> [Option<f64>; 2] {
    let finite: Vec<f64> = losses.filter(|loss| loss.is_finite()).collect();
    let mean = |losses: &[f64]| {
        (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
    };
    let few = finite.len().min(ENDS);
    [mean(&finite[..few]), mean(&finite[finite.len() - few..])]
}

#[cfg(test)]
mod tests {
    use super::ends;

    #[test]
    fn ends_are_ten_steps_at_most_and_leave_out_what_is_not_finite() {
        assert_eq!(ends(std::iter::empty()), [None, None]);
        assert_eq!(
            ends([1.0, f64::NAN, 3.0].into_iter()),
            [Some(2.0), Some(2.0)]
        );
        let all = (0..30).map(f64::from);
        assert_eq!(ends(all), [Some(4.5), Some(24.5)]);
    }
}
