//! What the page's script reads.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::super::{Comparison, Paired, Rate, Report, Scores, table};
use crate::{Example, Failure, Hardness, Preview, Shown, Value};

/// Characters of a value, and of a query or a schema, that the page shows; SQL that is judged is at most 64 KiB.
const CELL: usize = 400;
const TEXT: usize = 70_000;

/// Everything on the page.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    describe: String,
    name: &'a str,
    metrics: Vec<Metric>,
    totals: &'a Scores,
    by_hardness: Vec<(Hardness, &'a Rate)>,
    by_database: Vec<(&'a str, &'a Rate)>,
    failures: Vec<(Failure, &'a Rate)>,
    /// Names of classes and levels.
    words: BTreeMap<String, &'static str>,
    before: Option<Before<'a>>,
    /// Each schema once: many questions share one.
    schemas: Vec<String>,
    questions: Vec<Question<'a>>,
}

/// One line of the table of metrics.
#[derive(Serialize)]
struct Metric {
    name: &'static str,
    rate: Rate,
    before: Option<Rate>,
}

/// The earlier report.
#[derive(Serialize)]
struct Before<'a> {
    describe: String,
    name: &'a str,
    left_out: usize,
    all: Paired,
    by_hardness: BTreeMap<Hardness, Paired>,
    totals: &'a Scores,
    failures: &'a BTreeMap<Failure, Rate>,
}

#[derive(Serialize)]
struct Question<'a> {
    index: usize,
    db: &'a str,
    question: &'a str,
    gold: String,
    hardness: Option<Hardness>,
    gold_error: Option<&'a str>,
    schema: Option<usize>,
    now: Answer<'a>,
    before: Option<Answer<'a>>,
}

/// One prediction with its verdicts and rows.
#[derive(Serialize)]
struct Answer<'a> {
    sql: Option<String>,
    #[serde(rename = "match")]
    is_match: bool,
    exact: bool,
    normalised: bool,
    components: Option<bool>,
    bird: bool,
    soft_f1: f64,
    subset: bool,
    r_ves: Option<f64>,
    failure: Option<Failure>,
    error: Option<&'a str>,
    /// Which database the rows are from.
    database: Option<&'a str>,
    gold_rows: Option<Grid>,
    rows: Option<Grid>,
}

/// The beginning of a result.
#[derive(Serialize)]
struct Grid {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
    total: usize,
}

/// A value as the page shows it: `null`, a text, or `[kind, text]`, where the kind is `n` for a number and `b` for
/// a blob in SQL's form. Numbers are text because JavaScript's have 53 bits.
/// A long one is `[kind, beginning, length, hash of all]`, of kind `t` where it is a text.
#[derive(Serialize)]
#[serde(untagged)]
enum Cell {
    Null,
    Text(String),
    Kind(char, String),
    Cut(char, String, usize, String),
}

impl<'a> Page<'a> {
    pub(super) fn new(report: &'a Report, before: Option<(&'a Report, Comparison)>) -> Self {
        let mut schemas = Schemas::default();
        let mut questions: Vec<Question<'_>> = report
            .examples
            .iter()
            .map(|example| question(example, &mut schemas))
            .collect();
        if let Some((before, _)) = &before {
            for (question, example) in questions.iter_mut().zip(&before.examples) {
                question.before = Some(Answer::new(example));
                question.gold_error = question.gold_error.or(example.gold_error.as_deref());
            }
        }
        let metrics = table::rates(&report.totals).into_iter().enumerate();
        let metric = |(at, (name, rate)): (usize, (&'static str, &Rate))| Metric {
            name,
            rate: *rate,
            before: before
                .as_ref()
                .map(|(before, _)| *table::rates(&before.totals)[at].1),
        };
        Self {
            describe: report.describe(),
            name: &report.meta.name,
            metrics: metrics.map(metric).collect(),
            totals: &report.totals,
            by_hardness: report
                .by_hardness
                .iter()
                .map(|(&key, scores)| (key, &scores.matches))
                .collect(),
            by_database: report
                .by_database
                .iter()
                .map(|(key, scores)| (&**key, &scores.matches))
                .collect(),
            failures: report
                .failures
                .iter()
                .map(|(&key, rate)| (key, rate))
                .collect(),
            words: words(report, before.as_ref().map(|(before, _)| *before)),
            before: before.map(|(before, comparison)| Before {
                describe: before.describe(),
                name: &before.meta.name,
                left_out: comparison.left_out,
                all: comparison.all,
                by_hardness: comparison.by_hardness,
                totals: &before.totals,
                failures: &before.failures,
            }),
            schemas: schemas.texts,
            questions,
        }
    }

    pub(super) fn to_json(&self) -> String {
        // Plain structs of strings, numbers and maps with string keys: there is nothing that could fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Schemas that were seen, each with its number.
#[derive(Default)]
struct Schemas<'a> {
    numbers: HashMap<&'a str, usize>,
    texts: Vec<String>,
}

impl<'a> Schemas<'a> {
    fn number(&mut self, schema: &'a str) -> usize {
        *self.numbers.entry(schema).or_insert_with(|| {
            self.texts.push(shorten(schema));
            self.texts.len() - 1
        })
    }
}

fn question<'a>(example: &'a Example, schemas: &mut Schemas<'a>) -> Question<'a> {
    Question {
        index: example.index,
        db: &example.db_id,
        question: &example.question,
        gold: shorten(&example.gold),
        hardness: example.hardness,
        gold_error: example.gold_error.as_deref(),
        schema: example
            .shown
            .as_ref()
            .map(|shown| schemas.number(&shown.schema)),
        now: Answer::new(example),
        before: None,
    }
}

impl<'a> Answer<'a> {
    fn new(example: &'a Example) -> Self {
        let shown: Option<&Shown> = example.shown.as_ref();
        Self {
            sql: example.predicted.as_deref().map(shorten),
            is_match: example.is_match,
            exact: example.exact,
            normalised: example.normalised,
            components: example.components,
            bird: example.bird,
            soft_f1: example.soft_f1,
            subset: example.subset,
            r_ves: example.r_ves,
            failure: example.failure,
            error: example.error.as_deref(),
            database: shown.map(|shown| &*shown.database),
            gold_rows: shown.and_then(|shown| shown.gold.as_ref()).map(Grid::new),
            rows: shown
                .and_then(|shown| shown.predicted.as_ref())
                .map(Grid::new),
        }
    }
}

impl Grid {
    fn new(preview: &Preview) -> Self {
        Self {
            columns: preview
                .columns
                .iter()
                .map(|column| clip(column).0)
                .collect(),
            rows: preview
                .rows
                .iter()
                .map(|row| row.iter().map(Cell::new).collect())
                .collect(),
            total: preview.total,
        }
    }
}

impl Cell {
    fn new(value: &Value) -> Self {
        const TWO_63: f64 = 9_223_372_036_854_775_808.0;
        match value {
            Value::Null => Self::Null,
            Value::Integer(value) => Self::Kind('n', value.to_string()),
            // A whole real reads as SQLite prints it; the script takes `3.0` for the same as `3`.
            Value::Real(value) if value.fract() == 0.0 && (-TWO_63..TWO_63).contains(value) => {
                Self::Kind('n', format!("{}.0", *value as i64))
            }
            // As SQLite prints them.
            Value::Real(f64::INFINITY) => Self::Kind('n', "Inf".into()),
            Value::Real(f64::NEG_INFINITY) => Self::Kind('n', "-Inf".into()),
            Value::Real(value) => Self::Kind('n', format!("{value:?}")),
            Value::Text(text) => match clip(text) {
                (text, None) => Self::Text(text),
                (text, Some((length, hash))) => Self::Cut('t', text, length, hash),
            },
            Value::Blob(bytes) => {
                let shown = bytes.iter().take(CELL / 2);
                let hex: String = shown.map(|byte| format!("{byte:02x}")).collect();
                let text = format!("x'{hex}'");
                if bytes.len() > CELL / 2 {
                    Self::Cut('b', text, bytes.len(), hash(bytes))
                } else {
                    Self::Kind('b', text)
                }
            }
        }
    }
}

/// The beginning of a value, and, where more follows, its length in characters and the hash of all.
fn clip(text: &str) -> (String, Option<(usize, String)>) {
    match text.char_indices().nth(CELL) {
        None => (text.into(), None),
        Some((end, _)) => (
            text[..end].into(),
            Some((text.chars().count(), hash(text.as_bytes()))),
        ),
    }
}

/// A query or a schema, cut where no person reads on.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        None => text.into(),
        Some((end, _)) => format!("{} … ({} characters)", &text[..end], text.chars().count()),
    }
}

/// FNV-1a in 64 bits: it tells apart values that begin alike; nothing else depends on it.
fn hash(bytes: &[u8]) -> String {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// The names of all classes and levels that occur, by their key in JSON.
fn words(report: &Report, before: Option<&Report>) -> BTreeMap<String, &'static str> {
    let key = |value: serde_json::Result<serde_json::Value>| {
        value
            .ok()
            .and_then(|value| value.as_str().map(String::from))
            .unwrap_or_default()
    };
    let reports = || std::iter::once(report).chain(before);
    let failures = reports().flat_map(|report| report.failures.keys());
    let levels = reports().flat_map(|report| report.by_hardness.keys());
    failures
        .map(|&failure| (key(serde_json::to_value(failure)), failure.words()))
        .chain(levels.map(|&level| (key(serde_json::to_value(level)), level.words())))
        .collect()
}
