//! Execution accuracy of predictions, and the report of it.

use std::path::Path;

use anneal_data::Question;
use anneal_sql::{Budget, Databases, Judgement, ReportLine, Totals};
use serde::Serialize;

use crate::{ExampleError, write_whole};

/// The totals and one line per question.
#[derive(Debug, Serialize)]
pub struct Evaluation {
    /// Counts and rates.
    pub totals: Totals,
    /// Every question with its verdict.
    pub lines: Vec<ReportLine>,
}

/// Judges one prediction per question by execution; a missing one fails.
///
/// # Errors
/// A database that can't be opened, or golds none of which runs. A single query
/// that fails is a verdict, not an error.
pub fn evaluate(
    questions: &[Question],
    predictions: &[Option<String>],
    databases: &mut Databases,
) -> Result<Evaluation, ExampleError> {
    let budget = Budget::default();
    let mut totals = Totals::default();
    let mut lines = Vec::with_capacity(questions.len());
    let mut first_failure = None;
    for (index, (question, prediction)) in questions.iter().zip(predictions).enumerate() {
        let suite = databases.open(&question.db_id)?;
        // No prediction is judged as the empty text: it fails to run.
        let predicted = prediction.as_deref().unwrap_or_default();
        let judgement: Judgement = suite.judge(&question.sql, predicted, &budget);
        totals.record(&judgement);
        if let (Judgement::GoldFailed(reason), None) = (&judgement, &first_failure) {
            first_failure = Some((index, reason.to_string()));
        }
        let texts = [
            &question.db_id,
            &question.question,
            &question.sql,
            predicted,
        ];
        lines.push(ReportLine::new(index, texts, judgement));
    }
    match first_failure {
        Some((index, reason)) if totals.judged() == 0 => {
            Err(ExampleError::NothingJudged { index, reason })
        }
        _ => Ok(Evaluation { totals, lines }),
    }
}

/// `execution accuracy 0.345 (69 of 200 correct), 0.870 run`, for people.
pub fn describe(totals: &Totals) -> String {
    let rate = |rate: Option<f64>| rate.map_or("–".to_owned(), |r| format!("{r:.3}"));
    let mut text = format!(
        "execution accuracy {} ({} of {} correct), {} run",
        rate(totals.execution_accuracy()),
        totals.correct,
        totals.judged(),
        rate(totals.runs()),
    );
    if totals.gold_failed > 0 {
        text.push_str(&format!(
            "; {} left out: their gold query fails",
            totals.gold_failed
        ));
    }
    text
}

/// Writes a value as JSON, whole or not at all.
///
/// # Errors
/// [`ExampleError::Io`] if the file can't be written.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), ExampleError> {
    let mut text = serde_json::to_string_pretty(value).map_err(ExampleError::json(path))?;
    text.push('\n');
    write_whole(path, text)
}
