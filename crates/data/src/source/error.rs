//! What can be wrong with files and their formats, one variant per failure.

use std::error::Error;
use std::path::PathBuf;

use super::{Compression, FileFormat};
use crate::Place;

/// What can be wrong with files and their formats.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A source was asked for without naming a file.
    #[error("no file is named; name a file, a pattern such as `data/*.jsonl`, or a data set")]
    NoFiles,
    /// A folder stands where a file is needed.
    #[error("`{path}` is a folder; name its files, such as `{path}/{hint}`", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// A pattern that matches files in it.
        hint: String,
    },
    /// A pattern cannot be read.
    #[error("pattern `{pattern}`: {message} at character {column}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        message: &'static str,
        /// Where, from 1.
        column: usize,
    },
    /// A pattern matches no file.
    #[error("pattern `{pattern}` matches no file")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// One file is named twice, so that its rows would count twice.
    #[error("`{path}` is named twice; its rows would count twice", path = path.display())]
    Twice {
        /// The file.
        path: PathBuf,
    },
    /// A format's name is unknown.
    #[error("`{found}` is no file format; expected jsonl, json, csv, tsv, parquet or arrow")]
    FormatName {
        /// The name.
        found: String,
    },
    /// Neither a file's name nor its content tells its format.
    #[error(
        "cannot tell the format of `{path}`: its name ends in none of .jsonl, .json, .csv, .tsv, .parquet and .arrow, and it begins with {found}",
        path = path.display()
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Its first bytes.
        found: String,
    },
    /// The data around a text format ends early or is damaged.
    #[error("`{path}` line {line}: {compression} data is damaged or cut off: {source}", path = path.display())]
    Decompress {
        /// The file.
        path: PathBuf,
        /// The line that was being read, from 1.
        line: usize,
        /// The compression.
        compression: Compression,
        /// What the decoder said.
        source: std::io::Error,
    },
    /// Compression stands around a format that is not text.
    #[error("`{path}` is {compression} data around {format}; decompress it first: {format} is read from where its own index points", path = path.display())]
    CompressedBinary {
        /// The file.
        path: PathBuf,
        /// The compression.
        compression: Compression,
        /// The format.
        format: FileFormat,
    },
    /// A text file is UTF-16, as some programs on Windows write.
    #[error("`{path}` is UTF-16; expected UTF-8", path = path.display())]
    Utf16 {
        /// The file.
        path: PathBuf,
    },
    /// A JSON array or a sequence of objects does not parse. What follows cannot be told apart.
    #[error("`{path}` line {line}: invalid JSON: {message} at column {column}", path = path.display())]
    JsonSyntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The byte of the line, from 1.
        column: usize,
        /// What was found or expected.
        message: String,
    },
    /// A row is longer than memory is meant to hold.
    #[error("{place}: the row has more than {limit} bytes")]
    RowTooLong {
        /// Where it begins.
        place: Place,
        /// [`ReadOptions::max_row_bytes`](super::ReadOptions::max_row_bytes).
        limit: usize,
    },
    /// A row of a table has more or fewer fields than the header.
    #[error("{place}: expected {expected} fields, as the header has, found {found}")]
    Ragged {
        /// Where.
        place: Place,
        /// Fields of the header.
        expected: usize,
        /// Fields of the row.
        found: usize,
    },
    /// Two columns have one name.
    #[error("`{path}`: columns {first} and {second} are both named `{name}`", path = path.display())]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// Their name.
        name: String,
        /// The first, from 1.
        first: usize,
        /// The second, from 1.
        second: usize,
    },
    /// A column has no name.
    #[error("`{path}`: column {column} of {columns} has no name (pandas writes one unless `index=False`)", path = path.display())]
    UnnamedColumn {
        /// The file.
        path: PathBuf,
        /// The column, from 1.
        column: usize,
        /// How many there are.
        columns: usize,
    },
    /// A field of a table is not UTF-8.
    #[error("{place}: field `{field}` is not UTF-8 at its byte {byte}")]
    FieldUtf8 {
        /// Where.
        place: Place,
        /// The column.
        field: String,
        /// The first byte of the field that is wrong, from 1.
        byte: usize,
    },
    /// A header is not UTF-8.
    #[error("`{path}` line {line}: column {column} of the header is not UTF-8", path = path.display())]
    HeaderUtf8 {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A quoted field does not end before the file does.
    #[error("`{path}` line {line}: a quote in the row that begins here is never closed", path = path.display())]
    UnclosedQuote {
        /// The file.
        path: PathBuf,
        /// The line on which the row begins, from 1.
        line: usize,
    },
    /// A Parquet or Arrow file is cut off, damaged, or holds what cannot be read.
    #[error("`{path}` row {row}: cannot read {format}: {source}", path = path.display())]
    Columnar {
        /// The file.
        path: PathBuf,
        /// The format.
        format: FileFormat,
        /// The first row that was not read, from 0.
        row: usize,
        /// What the library said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A Parquet file is compressed by a codec that is not built in.
    #[error("`{path}`: column `{column}` is compressed with {codec}; expected snappy, gzip, lz4, zstd or none", path = path.display())]
    Codec {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The codec.
        codec: String,
    },
    /// A file does not begin as its format does.
    #[error("`{path}` is no {format} file: it begins with {found}", path = path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// The format that its name promises.
        format: FileFormat,
        /// Its first bytes.
        found: String,
    },
    /// An Arrow stream lacks the mark that ends it.
    #[error("`{path}`: the Arrow stream has no end mark; it is cut off, or its writer was not closed", path = path.display())]
    ArrowEnd {
        /// The file.
        path: PathBuf,
    },
    /// A data set's id, where the Hub is not built in.
    #[cfg(not(feature = "hub"))]
    #[error(
        "`{text}` is no file; if it is a data set of the Hugging Face Hub, build with the feature `hub`"
    )]
    HubFeature {
        /// What was named.
        text: String,
    },
    /// The Hub answers, but not with what was asked for.
    #[cfg(feature = "hub")]
    #[error("{id}: {endpoint} answered {status} for {what}: {advice}")]
    HubStatus {
        /// The id.
        id: String,
        /// The server.
        endpoint: String,
        /// HTTP's status code.
        status: u16,
        /// What was asked for.
        what: String,
        /// What the code means there, and what to do.
        advice: &'static str,
    },
    /// The network failed, for all retries.
    #[cfg(feature = "hub")]
    #[error("{id}: {what} can't be fetched from {endpoint}: {source}")]
    HubNetwork {
        /// The id.
        id: String,
        /// The server.
        endpoint: String,
        /// What was asked for.
        what: String,
        /// The last failure.
        source: Box<hf_hub::api::sync::ApiError>,
    },
    /// A split that a data set does not have, or has more than once.
    #[cfg(feature = "hub")]
    #[error("{id}: {what}; the repository has {found:?}")]
    HubSplit {
        /// The id.
        id: String,
        /// Which of the two.
        what: &'static str,
        /// The splits that there are, with their folders.
        found: Vec<String>,
    },
    /// A data set without Parquet files.
    #[cfg(feature = "hub")]
    #[error(
        "{id}: the repository has no Parquet file, and the Hub has made none of it; download its files and name them"
    )]
    HubNoParquet {
        /// The id.
        id: String,
    },
    /// A data set that is not in the cache, where the network may not be asked.
    #[cfg(feature = "hub")]
    #[error("{id}: not all of its files are in {cache}, and the Hub may not be asked (HF_HUB_OFFLINE)", cache = cache.display())]
    HubOffline {
        /// The id.
        id: String,
        /// The cache.
        cache: PathBuf,
    },
    /// A revision that is another commit each time it is asked for.
    #[cfg(feature = "hub")]
    #[error("{id}: the revision is another commit each time it is asked for; name a commit")]
    HubMoved {
        /// The id.
        id: String,
    },
    /// A name that cannot stand in a URL or in the cache.
    #[cfg(feature = "hub")]
    #[error(
        "{id}: the repository names {file:?}; expected letters, digits, '.', '_', '-', '+' and '='"
    )]
    HubFileName {
        /// The id.
        id: String,
        /// The file.
        file: String,
    },
    /// No folder for the Hub's files.
    #[cfg(feature = "hub")]
    #[error(
        "there is no home folder to cache data sets of the Hub in; set HF_HOME or HF_HUB_CACHE"
    )]
    HubCache,
}

impl SourceError {
    /// Whether only one row is affected, so that reading may go on.
    pub(crate) fn is_row_error(&self) -> bool {
        matches!(
            self,
            Self::RowTooLong { .. } | Self::Ragged { .. } | Self::FieldUtf8 { .. }
        )
    }

    /// Where the row stands, of an error that affects one row alone.
    pub(crate) fn place(&self) -> Option<Place> {
        match self {
            Self::RowTooLong { place, .. }
            | Self::Ragged { place, .. }
            | Self::FieldUtf8 { place, .. } => Some(place.clone()),
            _ => None,
        }
    }
}
