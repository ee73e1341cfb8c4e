//! The quickstart's report page.

use anneal_sql::Report;
use anneal_train::MetricsRecord;

use super::report::QuickstartReport;
use crate::run_report::{
    DataFacts, DataFile, Evaluation, Fact, Machine, Reproduce, RunPage, StepRow,
};

/// What the page is filled with.
pub(super) fn page_of(
    report: &QuickstartReport,
    metrics: &[MetricsRecord],
    [before, after]: [Report; 2],
) -> RunPage {
    let settings = &report.settings;
    let seconds = |seconds: f64| format!("{seconds:.0} s");
    let [making, measuring_before, training, measuring_after] = report.seconds.map(seconds);
    let [parameters, trained] = report.parameters;
    let file = |name: &str, rows| DataFile {
        path: settings.output.join(name).display().to_string(),
        sha256: None,
        rows,
    };
    RunPage {
        title: "Quickstart: a small Llama learns the words of a beekeepers' association".to_owned(),
        notes: vec![
            "The base model has seen many kinds of databases and none of this kind. It is measured on databases \
             whose schemas are none of those that it learned from."
                .to_owned(),
        ],
        steps: metrics.iter().map(StepRow::from).collect(),
        max_grad_norm: Some(1.0),
        data: DataFacts {
            files: vec![
                file("train.jsonl", report.trained_questions),
                file("test.jsonl", report.after.examples),
            ],
            trained_rows: report.trained_questions,
            split: "whole databases, of which none has the schema of another".to_owned(),
            held_out_rows: report.after.examples,
            tokens: report.tokens[0] as u64,
            trained_tokens: report.tokens[1] as u64,
            ..DataFacts::default()
        },
        evaluation: Evaluation {
            before: Some(before),
            after: Some(after),
            ..Evaluation::default()
        },
        numbers: vec![
            Fact::new("parameters", parameters),
            Fact::new("trained parameters", trained),
            Fact::new("steps", metrics.len()),
            Fact::new("making the data", making),
            Fact::new("measuring before", measuring_before),
            Fact::new("training", training),
            Fact::new("measuring after", measuring_after),
        ],
        settings: serde_json::to_value(settings).unwrap_or_default(),
        machine: Some(Machine::here("cpu")),
        versions: vec![Fact::new("anneal", env!("CARGO_PKG_VERSION"))],
        reproduce: Some(Reproduce {
            command: std::env::args().collect(),
            folder: None,
            seed: settings.seed,
        }),
        peak_memory_bytes: report.peak_memory_bytes,
        ..RunPage::default()
    }
}
