//! `metrics.jsonl`: one JSON object per optimiser step, monotonic over resumes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::lines::{RecordWriter, StepRecord, null_is_nan};
use crate::run::{PartLoss, ValidationRecord};
use crate::trainer::StepReport;

/// One line of `metrics.jsonl`.
///
/// Every line is of this one kind, so that `pandas.read_json(path, lines=True)` gives a row per
/// step; `parts` is an object per line, which `pandas.json_normalize` spreads over columns.
/// Validations have a file of their own. `null` stands for a number that is not finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricsRecord {
    /// Steps done, this one included.
    pub step: u64,
    /// Passes over the data, with a fraction.
    pub epoch: f64,
    /// The mean loss per trained token, before the update; NaN for a step that was passed over.
    #[serde(deserialize_with = "null_is_nan")]
    pub loss: f64,
    /// The learning rate; 0 for a step that was passed over.
    pub lr: f64,
    /// The global gradient norm before clipping; NaN for a step that was passed over.
    #[serde(deserialize_with = "null_is_nan")]
    pub grad_norm: f64,
    /// Tokens that went through the model in this step.
    pub tokens: u64,
    /// Those of them that the loss counts.
    pub trained_tokens: u64,
    /// `tokens / seconds`.
    pub tokens_per_second: f64,
    /// Examples (rows) of this step.
    #[serde(default)]
    pub examples: u64,
    /// `examples / seconds`.
    #[serde(default)]
    pub examples_per_second: f64,
    /// Wall-clock seconds of this step.
    pub seconds: f64,
    /// The mean loss per token of each named part, and its tokens.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, PartLoss>,
    /// Why the step was passed over, if it was: nothing was updated then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// Peak memory so far, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

impl MetricsRecord {
    /// A step's report with what the trainer does not know: epoch and all tokens of the step.
    pub fn new(report: &StepReport, epoch: f64, tokens: u64) -> Self {
        Self {
            step: report.step,
            epoch,
            loss: report.loss,
            lr: report.learning_rate,
            grad_norm: report.grad_norm,
            tokens,
            trained_tokens: report.trained_tokens as u64,
            tokens_per_second: per_second(tokens, report.seconds),
            examples: 0,
            examples_per_second: 0.0,
            seconds: report.seconds,
            parts: BTreeMap::new(),
            skipped: None,
            peak_memory_bytes: None,
        }
    }

    /// Adds the number of examples in the step.
    pub fn with_examples(mut self, examples: u64) -> Self {
        self.examples = examples;
        self.examples_per_second = per_second(examples, self.seconds);
        self
    }
}

/// 0 where no time passed.
fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}

impl StepRecord for MetricsRecord {
    fn step(&self) -> u64 {
        self.step
    }
}

impl StepRecord for ValidationRecord {
    fn step(&self) -> u64 {
        self.step
    }
}

/// Writes `validation.jsonl`, one line per validation.
pub type ValidationWriter = RecordWriter<ValidationRecord>;

/// Writes `metrics.jsonl`, one line per step.
///
/// # Example
/// ```
/// use anneal_train::{MetricsRecord, MetricsWriter, StepReport};
///
/// let folder = tempfile::tempdir().unwrap();
/// let file = folder.path().join("metrics.jsonl");
/// let report = StepReport {
///     step: 1, loss: 2.5, trained_tokens: 10, grad_norm: 0.5, learning_rate: 1e-4, seconds: 2.0,
/// };
/// let mut metrics = MetricsWriter::create(&file).unwrap();
/// metrics.write(&MetricsRecord::new(&report, 0.1, 64)).unwrap();
/// let line = std::fs::read_to_string(&file).unwrap();
/// assert!(line.contains(r#""tokens_per_second":32.0"#) && line.ends_with("}\n"));
/// ```
pub type MetricsWriter = RecordWriter<MetricsRecord>;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use super::*;

    fn record(step: u64, loss: f64) -> MetricsRecord {
        let report = StepReport {
            step,
            loss,
            trained_tokens: 7,
            grad_norm: 0.25,
            learning_rate: 3e-4,
            seconds: 0.5,
        };
        MetricsRecord {
            peak_memory_bytes: step.is_multiple_of(2).then_some(1 << 33),
            ..MetricsRecord::new(&report, step as f64 / 8.0, 11)
        }
    }

    fn lines(path: &Path) -> Vec<MetricsRecord> {
        let text = fs::read_to_string(path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn lines_after_the_resumed_step_are_cut_with_a_partial_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut writer = MetricsWriter::create(&path).unwrap();
        for step in 1..=5 {
            writer.write(&record(step, 1.0 / step as f64)).unwrap();
        }
        drop(writer);
        let mut file = fs::File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"step\":6,\"lo").unwrap();

        let mut writer = MetricsWriter::resume(&path, 3).unwrap();
        writer.write(&record(4, 9.0)).unwrap();
        let expected = [
            record(1, 1.0),
            record(2, 0.5),
            record(3, 1.0 / 3.0),
            record(4, 9.0),
        ];
        assert_eq!(lines(&path), expected);
        assert_eq!(record(1, 1.0).tokens_per_second, 22.0);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches("peak_memory_bytes").count(), 2);

        MetricsWriter::resume(&path, 100).unwrap();
        assert_eq!(lines(&path).len(), 4);
        MetricsWriter::resume(&folder.path().join("new.jsonl"), 3).unwrap();
    }

    #[test]
    fn a_line_that_is_no_record_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let good = serde_json::to_string(&record(1, 1.0)).unwrap();
        fs::write(&path, format!("{good}\n{{\"step\": 2}}\n")).unwrap();
        let message = MetricsWriter::resume(&path, 2).unwrap_err().to_string();
        assert!(
            message.contains("metrics.jsonl`, line 2: missing field `epoch`"),
            "{message}"
        );
    }
}
