//! What became of the rows: files beside the run, numbers in its report, a line for people.

use std::collections::BTreeMap;
use std::path::Path;

use anneal_data::{count_reasons, write_set_apart};

use super::report::Rows;
use super::rows::{Prepared, RunRows, write_questions};
use crate::{ExampleError, write_whole};

/// The rows that are not learned from: those to measure on, and those that are good for nothing.
pub(super) fn write_rows(
    output: &Path,
    rows: &RunRows,
    prepared: &Prepared,
) -> Result<(), ExampleError> {
    write_questions(&output.join("held_out.jsonl"), &rows.held_out.questions)?;
    let mut lines = Vec::new();
    for left_out in [&rows.left_out, &prepared.report.set_apart] {
        write_set_apart(&mut lines, left_out).map_err(anneal_data::DataError::from)?;
    }
    write_whole(&output.join("left_out.jsonl"), lines)
}

/// The numbers.
pub(super) fn account(rows: &RunRows, prepared: &Prepared) -> Rows {
    let report = &prepared.report;
    let all = [&rows.left_out[..], &report.set_apart].concat();
    let mut left_out = BTreeMap::new();
    for ((step, reason), count) in count_reasons(&all) {
        left_out.insert(format!("{reason} ({step})"), count);
    }
    let too_long = report.lengths.dropped;
    if too_long > 0 {
        left_out.insert("too long (length)".to_owned(), too_long);
    }
    Rows {
        read: rows.read,
        unusable: left_out
            .get("marked as unusable (read)")
            .copied()
            .unwrap_or(0),
        held_out: rows.held_out.rows.len(),
        held_out_by: rows.split_by.to_owned(),
        too_long,
        shortened: report.lengths.shortened,
        left_out,
        trained: prepared.batches.examples().len(),
        tokens: report.tokens,
        trained_tokens: report.trained_tokens,
    }
}

/// The line.
pub(super) fn describe_rows(rows: &Rows, max_length: usize) -> String {
    let mut text = format!(
        "{} rows to learn from, {} held out by {}",
        rows.trained, rows.held_out, rows.held_out_by
    );
    for (reason, count) in &rows.left_out {
        text.push_str(&format!(", {count} left out: {reason}"));
    }
    if rows.too_long > 0 {
        text.push_str(&format!(", over {max_length} tokens"));
    }
    text
}
