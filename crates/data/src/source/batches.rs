//! Batches of columns (Arrow's) as records, some rows at a time.
//!
//! A batch becomes JSON text by Arrow's own writer and is read back, so that every type has the form that
//! Arrow gives it in JSON: lists and structs nested, maps as objects, timestamps in RFC 3339, binary in
//! hexadecimal. Nulls stand as nulls.

use std::collections::VecDeque;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_json::writer::{LineDelimited, WriterBuilder};
use arrow_schema::Schema;
use serde_json::{Map, Value};

use super::columns::check_names;
use super::counted::Counter;
use super::{FileFormat, SourceError};
use crate::{At, DataError, Record};

/// Rows that are turned into JSON at a time; it bounds memory, and more is no faster.
pub(super) const ROWS: usize = 256;

/// What a library of columns says of a failure.
pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// One batch, and the share of the file that is behind it.
pub(super) struct Batch {
    pub(super) rows: RecordBatch,
    /// Bytes of the file up to its end, where the reader counts none itself.
    pub(super) bytes_read: Option<u64>,
}

/// Runs a library on bytes from outside; what it panics at becomes an error.
///
/// The `parquet` crate trusts some of what a damaged file says (version 60 divides by a count of zero).
/// What panicked is not used again: its error ends the source.
pub(super) fn guarded<T>(read: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    std::panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        let words = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        let words = words.unwrap_or("no reason given");
        Err(Failure::from(format!("damaged data: {words}")))
    })
}

/// A file's batches in order.
pub(super) type Batches = Box<dyn Iterator<Item = Result<Batch, Failure>> + Send>;

/// The records of a file of columns.
pub(super) struct Columnar {
    file: Arc<Path>,
    format: FileFormat,
    batches: Batches,
    counter: Counter,
    /// The batch that is being turned into records, and its rows that are behind.
    batch: Option<(Batch, usize)>,
    ready: VecDeque<Map<String, Value>>,
    /// Rows given out.
    row: usize,
}

impl Columnar {
    pub(super) fn new(
        file: Arc<Path>,
        format: FileFormat,
        schema: &Schema,
        batches: Batches,
        counter: Counter,
    ) -> Result<Self, DataError> {
        let names = schema.fields().iter().map(|field| field.name().clone());
        check_names(&file, &names.collect::<Vec<_>>())?;
        Ok(Self {
            file,
            format,
            batches,
            counter,
            batch: None,
            ready: VecDeque::new(),
            row: 0,
        })
    }

    /// Makes rows ready; `false` at the end.
    fn refill(&mut self) -> Result<bool, Failure> {
        loop {
            let (batch, done) = match self.batch.take() {
                Some(started) => started,
                None => match self.batches.next() {
                    None => return Ok(false),
                    Some(batch) => (batch?, 0),
                },
            };
            let rows = (batch.rows.num_rows() - done).min(ROWS);
            if rows == 0 {
                if let Some(bytes) = batch.bytes_read {
                    self.counter.set(bytes);
                }
                continue;
            }
            self.ready = objects(&batch.rows.slice(done, rows))?;
            self.batch = Some((batch, done + rows));
            return Ok(true);
        }
    }
}

/// The rows of a batch as JSON objects.
fn objects(batch: &RecordBatch) -> Result<VecDeque<Map<String, Value>>, Failure> {
    let mut text = Vec::new();
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, LineDelimited>(&mut text);
    writer.write(batch)?;
    writer.finish()?;
    let lines = serde_json::Deserializer::from_slice(&text).into_iter();
    Ok(lines.collect::<Result<_, _>>()?)
}

/// The error for a file of columns that fails at `row`.
pub(super) fn failure(
    file: &Path,
    format: FileFormat,
    row: usize,
    source: impl Into<Failure>,
) -> DataError {
    DataError::from(SourceError::Columnar {
        path: file.to_path_buf(),
        format,
        row,
        source: source.into(),
    })
}

impl Iterator for Columnar {
    type Item = Result<Record, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            match guarded(|| self.refill()) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(failure(&self.file, self.format, self.row, error))),
            }
        }
        let fields = self.ready.pop_front()?;
        let record = Record::new(Arc::clone(&self.file), At::Row(self.row), fields);
        self.row += 1;
        Some(Ok(record))
    }
}
