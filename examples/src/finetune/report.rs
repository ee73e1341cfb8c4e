//! What a run says of itself in `report.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anneal_data::Padding;
use anneal_sql::{Comparison, Scores};
use anneal_train::{Best, Ended, ValidationRecord};
use serde::Serialize;

use super::rows::FileRows;
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
