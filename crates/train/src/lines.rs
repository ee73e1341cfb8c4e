//! Files of one JSON object per line, monotonic in the step over resumes.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Result, TrainError};

/// A line's contents: what happened after so many steps.
pub trait StepRecord: Serialize + DeserializeOwned {
    /// Steps done when it was written; never decreases within a file.
    fn step(&self) -> u64;
}

/// Appends records to a file, each flushed when written.
///
/// [`MetricsWriter`](crate::MetricsWriter) and [`ValidationWriter`](crate::ValidationWriter) are the
/// two kinds in use.
#[derive(Debug)]
pub struct RecordWriter<R> {
    path: PathBuf,
    file: File,
    record: PhantomData<fn(R)>,
}

impl<R: StepRecord> RecordWriter<R> {
    /// An empty file; one that is there is overwritten.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(TrainError::io("write", path))?;
        Ok(Self::over(path, file))
    }

    /// Continues after `step`: later lines, of steps that will be run again, are cut.
    ///
    /// A last line without its end, which a killed process leaves, is cut too. A file that is not
    /// there begins empty.
    ///
    /// # Errors
    /// [`TrainError::Io`], or [`TrainError::Json`] with the line that is no record.
    pub fn resume(path: &Path, step: u64) -> Result<Self> {
        let mut kept = 0;
        read_whole_lines(path, |record: R, length| {
            let keep = record.step() <= step;
            if keep {
                kept += length;
            }
            keep
        })?;
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(TrainError::io("write", path))?;
        // Cutting in place keeps the lines before it whatever happens.
        file.set_len(kept as u64)
            .map_err(TrainError::io("cut", path))?;
        Ok(Self::over(path, file))
    }

    fn over(path: &Path, file: File) -> Self {
        Self {
            path: path.to_owned(),
            file,
            record: PhantomData,
        }
    }

    /// Appends one line.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn write(&mut self, record: &R) -> Result<()> {
        let line = serde_json::to_string(record).map_err(|source| TrainError::Json {
            file: self.path.clone(),
            line: 1,
            source,
        })?;
        // One call, so that a killed process leaves at most one partial line.
        self.file
            .write_all(format!("{line}\n").as_bytes())
            .and_then(|()| self.file.flush())
            .map_err(TrainError::io("write", &self.path))
    }

    /// Makes what was written durable: a checkpoint must not outlive the lines before it.
    pub(crate) fn sync(&self) -> Result<()> {
        let synced = self.file.sync_data();
        synced.map_err(TrainError::io("sync", &self.path))
    }
}

/// Every whole line of a file; none where there is no such file.
///
/// # Errors
/// [`TrainError::Io`], or [`TrainError::Json`] with the line that is no record.
///
/// # Example
/// ```
/// use anneal_train::{MetricsRecord, read_records};
/// let folder = tempfile::tempdir().unwrap();
/// let records: Vec<MetricsRecord> = read_records(&folder.path().join("metrics.jsonl")).unwrap();
/// assert!(records.is_empty());
/// ```
pub fn read_records<R: StepRecord>(path: &Path) -> Result<Vec<R>> {
    let mut records = Vec::new();
    read_whole_lines(path, |record, _| {
        records.push(record);
        true
    })?;
    Ok(records)
}

/// Gives each line that has its end, with its length in bytes, to `take` until that says no.
fn read_whole_lines<R: StepRecord>(
    path: &Path,
    mut take: impl FnMut(R, usize) -> bool,
) -> Result<()> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(TrainError::io("read", path)(error)),
    };
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if !line.ends_with('\n') {
            break;
        }
        let record = serde_json::from_str(line).map_err(|source| TrainError::Json {
            file: path.to_owned(),
            line: number + 1,
            source,
        })?;
        if !take(record, line.len()) {
            break;
        }
    }
    Ok(())
}

/// JSON has no NaN: it is written as `null`, as pandas and JavaScript expect, and read back here.
pub(crate) fn null_is_nan<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN))
}
