//! Sources: files of any format as a stream of records, in bounded memory.
//!
//! A [`Source`] names files; [`Records`] reads them one after another. A file is text, which may be
//! compressed as a whole and is read in blocks ([`text`]), or columns (Parquet, Arrow), which are read in
//! batches. Each [`Record`](crate::Record) knows its line or row. What holds memory is one block, one row
//! and one batch, never a file.

mod arrow;
mod arrow_messages;
mod batches;
mod columns;
mod compression;
mod counted;
mod cut;
mod delimited;
mod error;
mod file;
mod file_format;
mod fingerprint;
#[cfg(feature = "hub")]
mod hub;
mod json;
mod json_value;
mod lines;
mod locate;
mod options;
mod parquet;
mod set;
mod text;

pub use compression::Compression;
pub use error::SourceError;
pub use file::FileRecords;
pub use file_format::FileFormat;
pub use fingerprint::FileFingerprint;
#[cfg(feature = "hub")]
pub use hub::{HubDataset, HubOptions, HubProgress, fetch_dataset};
pub use options::ReadOptions;
pub use set::{Records, Source};
