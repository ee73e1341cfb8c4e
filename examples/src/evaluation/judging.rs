//! Cases to a report, for every example that measures.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anneal_data::Question;
use anneal_sql::{
    Case, EvaluateError, EvaluateOptions, Evaluator, GenerateOptions, Meta, Origin, Report, Source,
};
use anneal_train::{Progress, ProgressReport};

/// What is over or refused sooner needs no progress, and an error then stands alone.
const QUIET: Duration = Duration::from_secs(2);

/// Where the databases come from.
#[derive(Debug, Clone)]
pub enum Databases {
    /// A folder, `DIR/<db_id>/<db_id>.sqlite`.
    Folder(PathBuf),
    /// Made from each question's context and gold.
    Generated(GenerateOptions),
}

impl Databases {
    /// As the report says it.
    fn origin(&self) -> Origin {
        match self {
            Self::Folder(folder) => Origin::Folder {
                path: folder.display().to_string(),
            },
            Self::Generated(options) => Origin::Generated {
                each: options.databases,
                seed: options.seed,
            },
        }
    }

    fn source(&self) -> Source {
        match self {
            Self::Folder(folder) => Source::Folder(folder.clone()),
            Self::Generated(options) => Source::Generated(*options),
        }
    }

    /// The folder, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Generated(_) => None,
        }
    }
}

/// One case for each question and its prediction.
pub fn cases(questions: &[Question], predictions: &[Option<String>]) -> Vec<Case> {
    let pairs = questions.iter().zip(predictions);
    pairs
        .map(|(question, predicted)| Case {
            db_id: question.db_id.clone(),
            question: question.question.clone(),
            gold: question.sql.clone(),
            predicted: predicted.clone(),
            context: question.context.clone(),
        })
        .collect()
}

/// Judges `cases`; `name` is what the report calls them.
///
/// # Errors
/// What stops the evaluation, with the place of the case; see [`EvaluateError`].
pub fn judge(
    name: &str,
    cases: &[Case],
    databases: &Databases,
    options: &EvaluateOptions,
    progress: ProgressReport,
) -> Result<Report, EvaluateError> {
    let (bar, begun) = (Mutex::new(Some(Progress::new(progress))), Instant::now());
    let evaluator = Evaluator::new(databases.source(), options.clone());
    let examples = evaluator
        .on_progress(|done, of| {
            let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
            if let (Some(bar), true) = (bar.as_mut(), begun.elapsed() >= QUIET) {
                let part = done as f64 / of as f64;
                bar.update(part, &format!("{done} of {of} predictions judged"));
            }
        })
        .evaluate(cases)?;
    let bar = bar.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let (Some(bar), true) = (bar, begun.elapsed() >= QUIET) {
        bar.finish(&format!("{} predictions judged", cases.len()));
    }
    let meta = Meta::new(
        name,
        databases.origin(),
        options.ignore_distinct,
        &options.budget,
    );
    Ok(Report::new(meta, examples))
}

/// `execution accuracy 0.345 (69 of 200 correct; 95 % interval 0.283 to 0.413), 0.870 run`, for people.
pub fn summary(scores: &anneal_sql::Scores) -> String {
    let rate = |rate: Option<f64>| rate.map_or("–".to_owned(), |rate| format!("{rate:.3}"));
    let interval = scores
        .matches
        .interval
        .map_or(String::new(), |[low, high]| {
            format!("; 95 % interval {low:.3} to {high:.3}")
        });
    let mut text = format!(
        "execution accuracy {} ({} of {} correct{interval}), {} run",
        rate(scores.execution_accuracy),
        scores.correct,
        scores.judged,
        rate(scores.runs.rate),
    );
    if scores.gold_failed > 0 {
        text.push_str(&format!(
            "; {} left out: their gold query fails",
            scores.gold_failed
        ));
    }
    text
}
