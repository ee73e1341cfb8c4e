//! Question and prediction files: JSON lines, all of them at once and all of them in order.

use std::path::Path;

use crate::source::FileRecords;
use crate::{DataError, FileFormat, ReadOptions, Record};

/// Reads all objects of `path`, compressed or not; `expected` says in words which fields a row should
/// have. The first wrong row is the error of the whole.
pub(crate) fn read(path: &Path, expected: &'static str) -> Result<Vec<Record>, DataError> {
    let options = ReadOptions {
        format: Some(FileFormat::JsonLines),
        ..ReadOptions::default()
    };
    FileRecords::open_expecting(path, &options, expected)?.collect()
}
