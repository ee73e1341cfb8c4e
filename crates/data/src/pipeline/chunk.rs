//! Reading rows ahead, some at a time.

use crate::{DataError, Row};

/// Rows of a chunk: enough to keep threads busy, few enough that memory does not notice.
const CHUNK: usize = 1024;

/// Rows that are prepared together, and what ended them.
pub(super) struct Chunk {
    /// The rows.
    pub(super) rows: Vec<Row>,
    /// What came in place of a row after them.
    pub(super) error: Option<DataError>,
    /// Whether nothing comes after.
    pub(super) is_last: bool,
}

impl Chunk {
    /// The next rows, as many as belong together.
    pub(super) fn read(rows: &mut impl Iterator<Item = Result<Row, DataError>>) -> Self {
        let mut chunk = Self {
            rows: Vec::with_capacity(CHUNK),
            error: None,
            is_last: false,
        };
        while chunk.rows.len() < CHUNK {
            match rows.next() {
                Some(Ok(row)) => chunk.rows.push(row),
                Some(Err(error)) => {
                    chunk.error = Some(error);
                    chunk.is_last = true;
                    break;
                }
                None => {
                    chunk.is_last = true;
                    break;
                }
            }
        }
        chunk
    }
}
