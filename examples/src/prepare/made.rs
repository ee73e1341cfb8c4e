//! The manifest of a run: written beside what it made, or compared with what an earlier run made.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anneal_data::{
    DataError, EncodingEntry, Manifest, PrepareReport, ResultEntry, Source, SourceEntry, SqlPrompt,
    StepEntry, TemplateEntry, TokenizerEntry,
};
use serde_json::json;

use super::account::Account;
use super::output::Output;
use super::{PrepareFlags, Text};
use crate::ExampleError;

/// Everything that a manifest says of a run.
pub(super) struct Made<'a> {
    pub(super) flags: &'a PrepareFlags,
    pub(super) text: &'a Text,
    pub(super) prompt: &'a SqlPrompt,
    pub(super) source: &'a Source,
    /// Rows of each file.
    pub(super) by_file: &'a BTreeMap<Arc<Path>, u64>,
    pub(super) report: &'a PrepareReport,
    pub(super) account: &'a Account,
}

/// Writes the manifest that `--manifest` names, or compares with that of `--verify`.
///
/// # Errors
/// [`ExampleError::Differs`] with every difference.
pub(super) fn check_manifest(made: &Made<'_>) -> Result<(), ExampleError> {
    if let Some(path) = &made.flags.manifest {
        made.manifest()?.write(path).map_err(DataError::from)?;
    }
    let Some(path) = &made.flags.verify else {
        return Ok(());
    };
    let before = Manifest::read(path).map_err(DataError::from)?;
    let differences = before.compare(&made.manifest()?).map_err(DataError::from)?;
    if differences.is_empty() {
        return Ok(());
    }
    let differences: Vec<String> = differences.iter().map(ToString::to_string).collect();
    Err(ExampleError::Differs {
        path: path.clone(),
        differences: differences.join("; "),
    })
}

impl Made<'_> {
    fn manifest(&self) -> Result<Manifest, ExampleError> {
        let (flags, report) = (self.flags, self.report);
        let max_length = Output::max_length(flags);
        Ok(Manifest {
            sources: self.sources()?,
            steps: self.steps(),
            seeds: flags
                .seed
                .map(|seed| ("packing".to_owned(), seed))
                .into_iter()
                .collect(),
            template: Some(TemplateEntry::new(
                &self.text.template_name,
                &self.text.template_source,
            )),
            prompt: Some(json!(self.prompt.parts())),
            tokenizer: Some(TokenizerEntry::new(
                self.text.tokenizer.to_json()?.as_bytes(),
                self.text.tokenizer.size() as u64,
            )),
            encoding: Some(EncodingEntry {
                max_length: max_length.map_or(u64::MAX, |most| most as u64),
                policy: format!("{:?}", flags.over_length).to_lowercase(),
                turns: format!("{:?}", flags.turns).to_lowercase(),
                end: self.text.template.end_token()?,
                trim_tail: false,
            }),
            packing: flags
                .pack
                .then(|| json!({"capacity": max_length, "buckets": flags.buckets})),
            result: Some(ResultEntry {
                examples: self.account.examples() as u64,
                tokens: report.tokens as u64,
                trained_tokens: report.trained_tokens as u64,
                digest: self.account.digest(),
            }),
            ..Manifest::default()
        })
    }

    fn sources(&self) -> Result<Vec<SourceEntry>, ExampleError> {
        let entry = |path: &std::path::PathBuf| {
            let mut records = Source::of_files(vec![path.clone()])?.records();
            let first = records.next().transpose()?;
            let columns =
                first.map_or(Vec::new(), |record| record.fields.keys().cloned().collect());
            let rows = self.by_file.get(path.as_path()).copied().unwrap_or(0);
            let format = self
                .flags
                .format
                .map_or("by its fields".to_owned(), |f| f.to_string());
            let spec = path.display().to_string();
            let entry = SourceEntry::of_file(spec, path, format, columns, rows);
            Ok(entry.map_err(DataError::from)?)
        };
        self.source.files().iter().map(entry).collect()
    }

    /// What each step left of the rows.
    fn steps(&self) -> Vec<StepEntry> {
        let report = self.report;
        let mut rows = report.rows as u64;
        let mut step = |name: &str, reasons: BTreeMap<String, u64>| {
            let gone: u64 = reasons.values().sum();
            let rows_in = rows;
            rows -= gone;
            StepEntry {
                name: name.to_owned(),
                rows_in,
                rows_out: rows,
                reasons,
            }
        };
        let mut steps = Vec::new();
        for name in ["read", "purge", "sql", "duplicates", "encode"] {
            let mut reasons = BTreeMap::new();
            for row in report.set_apart.iter().filter(|row| row.step == name) {
                *reasons.entry(row.fault.reason.to_string()).or_default() += 1;
            }
            steps.push(step(name, reasons));
        }
        let dropped = report.lengths.dropped as u64;
        let too_long = (dropped > 0).then(|| ("too long".to_owned(), dropped));
        steps.push(step("length", too_long.into_iter().collect()));
        steps
    }
}
