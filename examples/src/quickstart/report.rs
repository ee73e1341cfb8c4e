//! What a quickstart says of itself in `report.json`.

use anneal_sql::{Paired, Scores};
use serde::Serialize;

use super::QuickstartSettings;

/// What `report.json` holds.
#[derive(Debug, Clone, Serialize)]
pub struct QuickstartReport {
    /// The settings of the run.
    pub settings: QuickstartSettings,
    /// Numbers of the base model, and of the adapter.
    pub parameters: [u64; 2],
    /// Questions to learn from.
    pub trained_questions: usize,
    /// Tokens of these questions with schema and answer, and those of them that are learned.
    pub tokens: [usize; 2],
    /// Execution accuracy on the unseen databases before training.
    pub before: Scores,
    /// The same after training.
    pub after: Scores,
    /// Both on the same questions: the difference with its interval.
    pub paired: Paired,
    /// The loss per trained token of each step.
    pub losses: Vec<f64>,
    /// Questions side by side.
    pub shown: Vec<SideBySide>,
    /// Seconds for making the data, the first measurement, training, the second measurement.
    pub seconds: [f64; 4],
    /// Peak resident memory of the process.
    pub peak_memory_bytes: Option<u64>,
}

/// One question with its answers before and after.
#[derive(Debug, Clone, Serialize)]
pub struct SideBySide {
    /// The database.
    pub db_id: String,
    /// The question.
    pub question: String,
    /// The SQL that is right.
    pub gold: String,
    /// The base model's.
    pub before: Answer,
    /// The fine-tuned model's.
    pub after: Answer,
}

/// An answer with its verdict.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// The SQL.
    pub sql: String,
    /// Whether it returns the gold's rows.
    pub right: bool,
    /// Why not.
    pub why: Option<String>,
}
