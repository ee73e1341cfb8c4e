//! One file as a stream of records, whatever its format.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::counted::Counter;
use super::delimited::Delimited;
use super::json::Json;
use super::lines::JsonLines;
use super::text::Text;
use super::{Compression, FileFormat, ReadOptions, SourceError, arrow, parquet};
use crate::{DataError, Record};

/// What a row has, where nobody has said more.
const ANY_FIELDS: &str = "named fields";
/// Bytes that tell a format or a compression.
const MAGIC_BYTES: usize = 8;

type Rows = Box<dyn Iterator<Item = Result<Record, DataError>> + Send>;

/// The records of one file, in its order, in bounded memory.
///
/// An error of a row ([`DataError::is_row_error`]) stands in the row's place and reading goes on; any
/// other error is the last thing that comes. A file without rows is an error.
///
/// ```
/// use anneal_data::{At, FileRecords, ReadOptions};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("rows.csv");
/// std::fs::write(&path, "question,sql\n\"How many,\nall in all?\",SELECT 1\n")?;
/// let records = FileRecords::open(&path, &ReadOptions::default())?;
/// let rows = records.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(rows[0].fields["question"], "How many,\nall in all?");
/// assert_eq!(rows[0].place.at, At::Line(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FileRecords {
    path: Arc<Path>,
    format: FileFormat,
    compression: Option<Compression>,
    expected: &'static str,
    /// Absent once all is read or nothing more can be.
    rows: Option<Rows>,
    /// Whether a row came, be it a wrong one.
    any: bool,
    counter: Counter,
    total_bytes: u64,
}

impl FileRecords {
    /// Opens a file; its format is the one of the options, else its name's, else its content's.
    ///
    /// # Errors
    /// [`DataError::Read`], [`SourceError::UnknownFormat`], and for what can be seen at a file's
    /// beginning, that it is damaged or no such file.
    pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self, DataError> {
        Self::open_expecting(path.as_ref(), options, ANY_FIELDS)
    }

    /// As [`FileRecords::open`]; `expected` says in words which fields a row should have.
    pub(crate) fn open_expecting(
        path: &Path,
        options: &ReadOptions,
        expected: &'static str,
    ) -> Result<Self, DataError> {
        let failure = |source| DataError::Read {
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(failure)?;
        let metadata = file.metadata().map_err(failure)?;
        if metadata.is_dir() {
            return Err(super::locate::folder(path));
        }
        let total_bytes = metadata.len();
        let mut head = Vec::new();
        (&mut file)
            .take(MAGIC_BYTES as u64)
            .read_to_end(&mut head)
            .map_err(failure)?;
        let named = options.format.or_else(|| FileFormat::from_name(path));
        let mut records = Self {
            path: path.into(),
            format: named.unwrap_or(FileFormat::JsonLines),
            compression: None,
            expected,
            rows: None,
            any: false,
            counter: Counter::default(),
            total_bytes,
        };
        if head.is_empty() {
            // Nothing of any format; `next` says so.
            records.rows = Some(Box::new(std::iter::empty()));
            return Ok(records);
        }
        let of_magic = FileFormat::from_content(&head).filter(|format| !format.is_text());
        match named.or(of_magic).filter(|format| !format.is_text()) {
            Some(format) => records.open_binary(format, file, &head)?,
            None => records.open_text(named, file, head, options)?,
        }
        Ok(records)
    }

    fn open_binary(
        &mut self,
        format: FileFormat,
        file: File,
        head: &[u8],
    ) -> Result<(), DataError> {
        self.format = format;
        if let Some(compression) = Compression::of(head, &self.path) {
            return Err(DataError::from(SourceError::CompressedBinary {
                path: self.path.to_path_buf(),
                compression,
                format,
            }));
        }
        let file = rewound(file).map_err(|source| DataError::Read {
            path: self.path.to_path_buf(),
            source,
        })?;
        let counter = self.counter.clone();
        let open = match format {
            FileFormat::Parquet => parquet::open,
            _ => arrow::open,
        };
        self.rows = Some(Box::new(open(file, &self.path, self.total_bytes, counter)?));
        Ok(())
    }

    fn open_text(
        &mut self,
        named: Option<FileFormat>,
        file: File,
        head: Vec<u8>,
        options: &ReadOptions,
    ) -> Result<(), DataError> {
        self.counter.set(head.len() as u64);
        let path = Arc::clone(&self.path);
        let raw = self.counter.reader(file);
        let mut text = Text::new(raw, head, path, options, self.expected)?;
        self.compression = text.compression();
        self.format = match named {
            Some(format) => format,
            None => self.told_by_content(&mut text)?,
        };
        let null_text = options.null_text.clone();
        self.rows = Some(match self.format {
            FileFormat::JsonLines => Box::new(JsonLines::new(text)),
            FileFormat::Csv => Box::new(Delimited::new(text, b',', null_text)?),
            FileFormat::Tsv => Box::new(Delimited::new(text, b'\t', null_text)?),
            _ => Box::new(Json::new(text)),
        });
        Ok(())
    }

    fn told_by_content(&self, text: &mut Text) -> Result<FileFormat, DataError> {
        let block = text.first_block()?;
        match FileFormat::from_content(&block) {
            Some(format) if format.is_text() => Ok(format),
            Some(format) => Err(DataError::from(SourceError::CompressedBinary {
                path: self.path.to_path_buf(),
                compression: self.compression.unwrap_or(Compression::Gzip),
                format,
            })),
            // White space alone: a file without rows, whatever it is.
            None if block.trim_ascii().is_empty() => Ok(FileFormat::JsonLines),
            None => Err(DataError::from(SourceError::UnknownFormat {
                path: self.path.to_path_buf(),
                found: shown(&block),
            })),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its format.
    pub fn format(&self) -> FileFormat {
        self.format
    }

    /// How it is compressed as a whole.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Bytes of the file that were read, as they lie on the disk; for Parquet and Arrow files the share
    /// of the rows that came.
    pub fn bytes_read(&self) -> u64 {
        self.counter.get().min(self.total_bytes)
    }

    /// Bytes of the file.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }
}

impl Iterator for FileRecords {
    type Item = Result<Record, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.rows.as_mut()?.next();
        match &item {
            Some(Err(error)) if !error.is_row_error() => self.rows = None,
            Some(_) => self.any = true,
            None => {
                self.rows = None;
                if !self.any {
                    return Some(Err(DataError::Empty {
                        path: self.path.to_path_buf(),
                        expected: self.expected,
                    }));
                }
            }
        }
        item
    }
}

impl std::iter::FusedIterator for FileRecords {}

fn rewound(mut file: File) -> std::io::Result<File> {
    std::io::Seek::rewind(&mut file)?;
    Ok(file)
}

/// A file's first bytes for a message.
pub(super) fn shown(head: &[u8]) -> String {
    format!("b\"{}\"", head[..head.len().min(12)].escape_ascii())
}
