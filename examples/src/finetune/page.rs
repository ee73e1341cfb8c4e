//! A run's page, from its report.

use std::collections::BTreeMap;
use std::path::Path;

use anneal_data::Question;
use anneal_train::{MetricsRecord, ValidationRecord};

use super::Report;
use crate::run_report::{
    BestStep, DataFacts, DataFile, Evaluation, Fact, LeftOut, LossRow, Machine, Reproduce, RunPage,
    StepRow, ValidationRow,
};
use crate::settings::Best;

/// What the page shows beside the run's report.
pub(super) struct Shown<'a> {
    /// Its steps.
    pub(super) metrics: &'a [MetricsRecord],
    /// The blind tests before and after.
    pub(super) tests: [Option<anneal_sql::Report>; 2],
    /// The rows that were held out.
    pub(super) held_out: &'a [Question],
    /// Of how many questions the accuracy while training is.
    pub(super) looked_at: usize,
}

/// The page of a run.
pub(super) fn page_of(report: &Report, shown: Shown<'_>) -> RunPage {
    let settings = &report.settings;
    let name = |path: &Path| {
        let name = path.file_name().unwrap_or(path.as_os_str());
        name.to_string_lossy().into_owned()
    };
    let files = settings.data.data.iter();
    let files: Vec<String> = files.map(|file| name(Path::new(file))).collect();
    let [before, after] = shown.tests;
    RunPage {
        title: format!(
            "{} trained on {} ({})",
            name(&settings.model),
            files.join(", "),
            settings.method.name()
        ),
        notes: notes(report),
        steps: shown.metrics.iter().map(step).collect(),
        validations: report
            .validations
            .iter()
            .map(|found| validation(found, shown.looked_at))
            .collect(),
        best: report.best.as_ref().map(|best| BestStep {
            step: best.step,
            by: match settings.course.best_by {
                Best::Loss => "validation loss".to_owned(),
                Best::Accuracy => "execution accuracy".to_owned(),
            },
        }),
        max_grad_norm: settings.trainer.max_grad_norm,
        data: data(report),
        evaluation: Evaluation {
            before,
            after,
            schemas: schemas(shown.held_out),
        },
        numbers: numbers(report),
        settings: serde_json::to_value(settings).unwrap_or_default(),
        machine: Some(Machine::here(&settings.device)),
        versions: vec![Fact::new("anneal", env!("CARGO_PKG_VERSION"))],
        reproduce: Some(Reproduce {
            command: std::env::args().collect(),
            folder: std::env::current_dir()
                .ok()
                .map(|folder| folder.display().to_string()),
            seed: settings.seed,
        }),
        peak_memory_bytes: report.peak_memory_bytes,
    }
}

fn notes(report: &Report) -> Vec<String> {
    use anneal_train::Ended;
    let ended = match report.ended {
        Ended::Budget => "The budget was used up.",
        Ended::EarlyStopping => "No improvement was in sight any more.",
        Ended::Signal => "It was stopped, and can be resumed.",
    };
    let mut notes = vec![ended.to_owned()];
    if report.skipped_steps > 0 {
        notes.push(format!(
            "{} steps were left out: their loss or gradient was not finite.",
            report.skipped_steps
        ));
    }
    notes
}

fn step(record: &MetricsRecord) -> StepRow {
    let class = |(name, part): (&String, &anneal_train::PartLoss)| LossRow {
        name: name.clone(),
        loss: part.loss,
        tokens: part.tokens,
    };
    StepRow {
        classes: record.parts.iter().map(class).collect(),
        ..record.into()
    }
}

fn validation(found: &ValidationRecord, questions: usize) -> ValidationRow {
    let accuracy = found.validation.score;
    ValidationRow {
        step: found.step,
        loss: found.validation.loss,
        accuracy,
        questions: accuracy.map(|_| questions),
    }
}

fn data(report: &Report) -> DataFacts {
    let rows = &report.rows;
    let file = |file: &super::FileRows| DataFile {
        path: file.file.path.display().to_string(),
        sha256: Some(file.file.sha256.clone()),
        rows: file.rows,
    };
    let left_out = |(reason, rows): (&String, &usize)| LeftOut {
        reason: reason.clone(),
        rows: *rows,
    };
    DataFacts {
        files: report.files.iter().map(file).collect(),
        trained_rows: rows.trained,
        left_out: rows.left_out.iter().map(left_out).collect(),
        split: format!("by {}", rows.held_out_by),
        held_out_rows: rows.held_out,
        tokens: rows.tokens as u64,
        trained_tokens: rows.trained_tokens as u64,
    }
}

/// One schema for each database: its questions show the same.
fn schemas(held_out: &[Question]) -> BTreeMap<String, String> {
    let named = held_out
        .iter()
        .filter(|question| !question.db_id.is_empty());
    let schema = |question: &Question| Some((question.db_id.clone(), question.context.clone()?));
    named.filter_map(schema).collect()
}

fn numbers(report: &Report) -> Vec<Fact> {
    vec![
        Fact::new("trained parameters", report.trainable_parameters),
        Fact::new("steps", report.steps),
        Fact::new("passes over the data", format!("{:.2}", report.epochs)),
        Fact::new(
            "minutes of training",
            format!("{:.1}", report.training_minutes),
        ),
        Fact::new("examples", report.examples),
        Fact::new("tokens", report.tokens),
        Fact::new("trained tokens", report.trained_tokens),
        Fact::new(
            "tokens a second",
            format!("{:.0}", report.tokens_per_second),
        ),
    ]
}
