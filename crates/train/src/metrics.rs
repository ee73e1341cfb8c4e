//! `metrics.jsonl`: one JSON object per optimiser step, monotonic over resumes.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainError};
use crate::trainer::StepReport;

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricsRecord {
    /// Steps done, this one included.
    pub step: u64,
    /// Passes over the data, with a fraction.
    pub epoch: f64,
    /// The mean loss per trained token, before the update.
    pub loss: f64,
    /// The learning rate.
    pub lr: f64,
    /// The global gradient norm before clipping.
    pub grad_norm: f64,
    /// Tokens that went through the model in this step.
    pub tokens: u64,
    /// Those of them that the loss counts.
    pub trained_tokens: u64,
    /// `tokens / seconds`.
    pub tokens_per_second: f64,
    /// Wall-clock seconds of this step.
    pub seconds: f64,
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
            tokens_per_second: if report.seconds > 0.0 {
                tokens as f64 / report.seconds
            } else {
                0.0
            },
            seconds: report.seconds,
            peak_memory_bytes: None,
        }
    }
}

/// Appends records to a file, each flushed when written.
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
#[derive(Debug)]
pub struct MetricsWriter {
    path: PathBuf,
    file: File,
}

impl MetricsWriter {
    /// An empty file; one that is there is overwritten.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(io("write", path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Continues after `step`: later lines, of steps that will be run again, are cut.
    ///
    /// A last line without its end, which a killed process leaves, is cut too. A file that is not
    /// there begins empty.
    ///
    /// # Errors
    /// [`TrainError::Io`], or [`TrainError::Json`] with the line that is no record.
    pub fn resume(path: &Path, step: u64) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(io("read", path)(error)),
        };
        let mut kept = 0;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            if !line.ends_with('\n') {
                break;
            }
            let record: MetricsRecord =
                serde_json::from_str(line).map_err(|source| TrainError::Json {
                    file: path.to_owned(),
                    line: number + 1,
                    source,
                })?;
            if record.step > step {
                break;
            }
            kept += line.len();
        }
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(io("write", path))?;
        // Cutting in place keeps the lines before it whatever happens.
        file.set_len(kept as u64).map_err(io("cut", path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Appends one line.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn write(&mut self, record: &MetricsRecord) -> Result<()> {
        let line = serde_json::to_string(record).map_err(|source| TrainError::Json {
            file: self.path.clone(),
            line: 1,
            source,
        })?;
        // One call, so that a killed process leaves at most one partial line.
        self.file
            .write_all(format!("{line}\n").as_bytes())
            .and_then(|()| self.file.flush())
            .map_err(io("write", &self.path))
    }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> TrainError {
    let path = path.to_owned();
    move |source| TrainError::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
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
        writer.file.write_all(b"{\"step\":6,\"lo").unwrap();
        drop(writer);

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
