//! One JSON object out of its bytes, with the place of whatever is wrong in it.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::record::{type_name, without_place};
use crate::{At, DataError, Place, Record};

/// Where a value begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// The line, from 1.
    pub(super) line: usize,
    /// Bytes of that line before the value.
    pub(super) column: usize,
}

impl Start {
    /// The place of a byte that stands in column `column` (from 1) of line `line` (from 1) of the value.
    fn shifted(self, line: usize, column: usize) -> (usize, usize) {
        match line {
            1 => (self.line, self.column + column),
            _ => (self.line + line - 1, column),
        }
    }
}

/// Reads the object that `bytes` hold; `syntax` makes the error from line, column and the parser's words.
pub(super) fn parse(
    bytes: &[u8],
    file: &Arc<Path>,
    start: Start,
    expected: &'static str,
    syntax: impl FnOnce(usize, usize, String) -> DataError,
) -> Result<Record, DataError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = &bytes[..error.valid_up_to()];
        let before = valid.iter().filter(|&&byte| byte == b'\n').count();
        let column = valid.rsplit(|&byte| byte == b'\n').next();
        let (line, byte) = start.shifted(before + 1, column.map_or(0, <[u8]>::len) + 1);
        DataError::Utf8 {
            path: file.to_path_buf(),
            line,
            byte,
        }
    })?;
    let value = serde_json::from_str(text).map_err(|error| {
        let (line, column) = start.shifted(error.line(), error.column());
        syntax(line, column, without_place(&error))
    })?;
    let at = At::Line(start.line);
    let Value::Object(fields) = value else {
        let place = Place {
            file: Arc::clone(file),
            at,
        };
        return Err(DataError::NotAnObject {
            place,
            expected,
            found: type_name(&value),
        });
    };
    Ok(Record::new(Arc::clone(file), at, fields))
}
