//! JSON lines: one object per line.
//!
//! A line that is wrong is an error of that line alone, since the next one begins where it ends. Blank
//! lines are passed over.

use std::sync::Arc;

use super::SourceError;
use super::json_value::{Start, parse};
use super::text::Text;
use crate::{At, DataError, Place, Record};

/// The records of a JSON-lines text.
pub(super) struct JsonLines {
    text: Text,
    /// Lines taken so far.
    line: usize,
    buffer: Vec<u8>,
}

/// What was taken from the text.
enum Taken {
    Line,
    TooLong,
    Nothing,
}

impl JsonLines {
    pub(super) fn new(text: Text) -> Self {
        Self {
            text,
            line: 0,
            buffer: Vec::new(),
        }
    }

    /// Takes the next line into the buffer, without what ends it.
    fn take_line(&mut self) -> Result<Taken, DataError> {
        self.buffer.clear();
        let limit = self.text.max_row_bytes;
        let mut length = 0;
        loop {
            let block = self.text.block(self.line + 1)?;
            if block.is_empty() && length == 0 {
                return Ok(Taken::Nothing);
            }
            let end = block.iter().position(|&byte| byte == b'\n');
            let part = &block[..end.unwrap_or(block.len())];
            length += part.len();
            if length <= limit {
                self.buffer.extend_from_slice(part);
            }
            let ended = end.is_some() || block.is_empty();
            let taken = part.len() + usize::from(end.is_some());
            self.text.consume(taken);
            if ended {
                self.line += 1;
                return Ok(if length <= limit {
                    Taken::Line
                } else {
                    Taken::TooLong
                });
            }
        }
    }

    fn record(&self) -> Option<Result<Record, DataError>> {
        let line = self.buffer.strip_suffix(b"\r").unwrap_or(&self.buffer);
        if std::str::from_utf8(line).is_ok_and(|line| line.trim().is_empty()) {
            return None;
        }
        let file = &self.text.file;
        let start = Start {
            line: self.line,
            column: 0,
        };
        let syntax = |line, column, message| DataError::Json {
            path: file.to_path_buf(),
            line,
            column,
            message,
        };
        Some(parse(line, file, start, self.text.expected, syntax))
    }
}

impl Iterator for JsonLines {
    type Item = Result<Record, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.take_line() {
                Err(error) => return Some(Err(error)),
                Ok(Taken::Nothing) => return None,
                Ok(Taken::TooLong) => {
                    let place = Place {
                        file: Arc::clone(&self.text.file),
                        at: At::Line(self.line),
                    };
                    return Some(Err(DataError::from(SourceError::RowTooLong {
                        place,
                        limit: self.text.max_row_bytes,
                    })));
                }
                Ok(Taken::Line) => {
                    if let Some(row) = self.record() {
                        return Some(row);
                    }
                }
            }
        }
    }
}
