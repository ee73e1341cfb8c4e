//! Rows of a source: records with their meaning, and those that have none.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::reason::set_apart;
use crate::{
    Columns, DataError, Fault, Format, Reading, Reason, Record, Records, Row, Sample, SetApart,
};

/// What happens to a row that is wrong by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnBadRow {
    /// The run ends with an error that names the row.
    #[default]
    Fail,
    /// The row is set apart with the reason, and counted.
    SetApart,
}

impl FromStr for OnBadRow {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        match text {
            "fail" => Ok(Self::Fail),
            "set-apart" => Ok(Self::SetApart),
            _ => Err(DataError::UnknownPolicy {
                found: text.to_owned(),
            }),
        }
    }
}

/// The rows of a source, in order.
///
/// Rows that the data set itself marks as unusable ([`Flaw`](crate::Flaw)) are set apart and counted
/// under every policy.
///
/// The format is told by the first record of each file, so that a run may join files of several kinds,
/// unless [`with_format`](Self::with_format) names one.
///
/// # Example
/// ```
/// use anneal_data::{OnBadRow, Rows, Sample, Source};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("rows.jsonl");
/// std::fs::write(&path, r#"{"question": "How many?", "context": "CREATE TABLE t (x)", "answer": "SELECT COUNT(*) FROM t"}
/// {"question": "Which?", "context": "CREATE TABLE t (x)"}"#)?;
/// let source = Source::of_files(vec![path])?;
///
/// let mut rows = Rows::new(source.records()).with_on_bad_row(OnBadRow::SetApart);
/// let Sample::Sql(sample) = rows.next().unwrap()?.sample else { panic!() };
/// assert_eq!(sample.sql, "SELECT COUNT(*) FROM t");
/// assert!(rows.next().is_none());
/// assert_eq!(rows.records_read(), 2);
/// assert_eq!(rows.set_apart()[0].fault.reason.as_str(), "missing field");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Rows {
    records: Records,
    format: Option<Format>,
    columns: Columns,
    on_bad_row: OnBadRow,
    /// The file that is read, and how.
    current: Option<(Arc<Path>, Reading)>,
    records_read: usize,
    set_apart: Vec<SetApart>,
}

impl Rows {
    /// The rows of `records`, formats recognised, wrong rows refused.
    pub fn new(records: Records) -> Self {
        Self {
            records,
            format: None,
            columns: Columns::default(),
            on_bad_row: OnBadRow::Fail,
            current: None,
            records_read: 0,
            set_apart: Vec::new(),
        }
    }

    /// With the format of all files named.
    #[must_use]
    pub fn with_format(mut self, format: Option<Format>) -> Self {
        self.format = format;
        self
    }

    /// With the files' names for our fields.
    #[must_use]
    pub fn with_columns(mut self, columns: Columns) -> Self {
        self.columns = columns;
        self
    }

    /// With another policy for wrong rows.
    #[must_use]
    pub fn with_on_bad_row(mut self, on_bad_row: OnBadRow) -> Self {
        self.on_bad_row = on_bad_row;
        self
    }

    /// Records that were read, wrong ones included.
    pub fn records_read(&self) -> usize {
        self.records_read
    }

    /// The rows that were set apart.
    pub fn set_apart(&self) -> &[SetApart] {
        &self.set_apart
    }

    /// The same, taken out.
    pub fn take_set_apart(&mut self) -> Vec<SetApart> {
        std::mem::take(&mut self.set_apart)
    }

    /// The records, for how far they are read.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// The format of the file that is read, once a record of it was.
    pub fn format(&self) -> Option<Format> {
        self.current.as_ref().map(|(_, reading)| reading.format())
    }

    fn row(&mut self, record: Record) -> Result<Row, DataError> {
        let file = &record.place.file;
        // The records of a file share one path, so that this compares pointers but for the first.
        let known = self.current.as_ref();
        if !known.is_some_and(|(path, _)| Arc::ptr_eq(path, file) || path == file) {
            let reading = Reading::detect(&record, &self.columns, self.format)?;
            self.current = Some((Arc::clone(file), reading));
        }
        match &self.current {
            Some((_, reading)) => reading.read(record),
            None => unreachable!("set above"),
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Row, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let record = self.records.next()?;
            // An error that ends a file is no record.
            let is_record = record.as_ref().err().is_none_or(DataError::is_row_error);
            self.records_read += usize::from(is_record);
            let (place, row) = match record {
                Ok(record) => (Some(record.place.clone()), self.row(record)),
                Err(error) => (None, Err(error)),
            };
            match row {
                Ok(row) => match flaw(&row) {
                    Some(fault) => self.set_apart.push(SetApart::new(&row, "read", fault)),
                    None => return Some(Ok(row)),
                },
                Err(error) if self.on_bad_row == OnBadRow::SetApart && error.is_row_error() => {
                    self.set_apart.push(set_apart(place, "read", &error));
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// What the makers of the data say against a row that reads well.
fn flaw(row: &Row) -> Option<Fault> {
    let Sample::Sql(sample) = &row.sample else {
        return None;
    };
    let words = sample.flaw?.to_string();
    Some(Fault::new(Reason::new("marked as unusable"), words))
}
