//! Settings of reading.

use super::FileFormat;

/// How files are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// The format, where a file's name and content are not to decide.
    pub format: Option<FileFormat>,
    /// The text of a CSV or TSV field that means null, such as an empty one; by default no text does.
    pub null_text: Option<String>,
    /// The most bytes of one row of a text format. A longer row is an error of that row.
    pub max_row_bytes: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            null_text: None,
            max_row_bytes: 64 << 20,
        }
    }
}
