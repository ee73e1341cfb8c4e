//! CSV and TSV: a header, then rows of as many fields.
//!
//! The state machine is `csv-core`'s; lines are counted here, because the `csv` crate around it gives a
//! row the line of the blank lines before it, and takes a quote that is never closed for a long field.

use std::sync::Arc;

use csv_core::{ReadRecordResult, ReaderBuilder};
use serde_json::{Map, Value};

use super::SourceError;
use super::columns::check_names;
use super::text::Text;
use crate::{At, DataError, Place, Record};

/// The records of a table.
pub(super) struct Delimited {
    text: Text,
    machine: csv_core::Reader,
    columns: Vec<String>,
    null_text: Option<String>,
    /// The line of the next byte, from 1.
    line: usize,
    row: RowBuffer,
}

/// The fields of one row, end to end, and where each ends.
#[derive(Default)]
struct RowBuffer {
    output: Vec<u8>,
    ends: Vec<usize>,
    /// Fields of the row.
    fields: usize,
}

impl RowBuffer {
    fn field(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.output[start..self.ends[index]]
    }
}

/// A row that was taken into the buffer.
struct TakenRow {
    line: usize,
    fits: bool,
}

impl Delimited {
    /// Reads the header; a text without one has no rows either.
    pub(super) fn new(
        text: Text,
        delimiter: u8,
        null_text: Option<String>,
    ) -> Result<Self, DataError> {
        let mut table = Self {
            text,
            machine: ReaderBuilder::new().delimiter(delimiter).build(),
            columns: Vec::new(),
            null_text,
            line: 1,
            row: RowBuffer::default(),
        };
        let Some(header) = table.take_row()? else {
            return Ok(table);
        };
        if !header.fits {
            return Err(table.too_long(header.line));
        }
        for index in 0..table.row.fields {
            let name = std::str::from_utf8(table.row.field(index)).map_err(|_| {
                SourceError::HeaderUtf8 {
                    path: table.text.file.to_path_buf(),
                    line: header.line,
                    column: index + 1,
                }
            })?;
            table.columns.push(name.to_owned());
        }
        check_names(&table.text.file, &table.columns)?;
        Ok(table)
    }

    /// Takes the next row into the buffer; nothing at the text's end.
    fn take_row(&mut self) -> Result<Option<TakenRow>, DataError> {
        let limit = self.text.max_row_bytes;
        let (mut written, mut fields, mut length) = (0, 0, 0);
        let mut start = None;
        let row = &mut self.row;
        loop {
            let block = self.text.block(self.line)?;
            let at_end = block.is_empty();
            // A line break tells a row that only lacks one from a quote that is still open.
            let input = if at_end { b"\n" } else { block };
            if length > limit {
                // The row is not kept, so its buffers may be filled again and again.
                (written, fields) = (0, 0);
            }
            let (result, read, output, ends) = self.machine.read_record(
                input,
                &mut row.output[written..],
                &mut row.ends[fields..],
            );
            written += output;
            fields += ends;
            if !at_end {
                let passed = &input[..read];
                if start.is_none() {
                    // Line breaks before the row: blank lines, or the second half of CR LF.
                    let first = passed
                        .iter()
                        .position(|byte| !matches!(byte, b'\r' | b'\n'));
                    let before = &passed[..first.unwrap_or(0)];
                    start = first.map(|_| self.line + line_breaks(before));
                }
                length += if start.is_some() { read } else { 0 };
                self.line += line_breaks(passed);
                self.text.consume(read);
            }
            match result {
                ReadRecordResult::OutputFull => row.output.resize(2 * row.output.len() + 1024, 0),
                ReadRecordResult::OutputEndsFull => row.ends.resize(2 * row.ends.len() + 16, 0),
                ReadRecordResult::InputEmpty if !at_end => {}
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {
                    return match start {
                        None => Ok(None),
                        Some(line) => Err(DataError::from(SourceError::UnclosedQuote {
                            path: self.text.file.to_path_buf(),
                            line,
                        })),
                    };
                }
                ReadRecordResult::Record => {
                    row.fields = fields;
                    let line = start.unwrap_or(self.line);
                    let fits = length <= limit;
                    return Ok(Some(TakenRow { line, fits }));
                }
            }
        }
    }

    fn record(&self, line: usize) -> Result<Record, DataError> {
        let place = || self.place(line);
        if self.row.fields != self.columns.len() {
            return Err(DataError::from(SourceError::Ragged {
                place: place(),
                expected: self.columns.len(),
                found: self.row.fields,
            }));
        }
        let mut fields = Map::new();
        for (index, column) in self.columns.iter().enumerate() {
            let text = std::str::from_utf8(self.row.field(index)).map_err(|error| {
                SourceError::FieldUtf8 {
                    place: place(),
                    field: column.clone(),
                    byte: error.valid_up_to() + 1,
                }
            })?;
            let value = match &self.null_text {
                Some(null) if null == text => Value::Null,
                _ => Value::String(text.to_owned()),
            };
            fields.insert(column.clone(), value);
        }
        Ok(Record {
            place: place(),
            fields,
        })
    }

    fn too_long(&self, line: usize) -> DataError {
        DataError::from(SourceError::RowTooLong {
            place: self.place(line),
            limit: self.text.max_row_bytes,
        })
    }

    fn place(&self, line: usize) -> Place {
        Place {
            file: Arc::clone(&self.text.file),
            at: At::Line(line),
        }
    }
}

fn line_breaks(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

impl Iterator for Delimited {
    type Item = Result<Record, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.take_row() {
            Err(error) => Some(Err(error)),
            Ok(None) => None,
            Ok(Some(TakenRow { line, fits: false })) => Some(Err(self.too_long(line))),
            Ok(Some(TakenRow { line, .. })) => Some(self.record(line)),
        }
    }
}
