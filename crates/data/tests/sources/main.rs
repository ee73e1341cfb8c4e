//! Files of every format as records: what is read, what is said of files that are wrong, and that nothing
//! cut off passes for whole.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]
#![allow(clippy::result_large_err, reason = "the error is shown and gone")]

mod columns;
mod damage;
mod json;
mod set;
mod tables;
mod text;

use std::io::Write;
use std::path::{Path, PathBuf};

use anneal_data::{At, DataError, FileRecords, ReadOptions, Record};

/// A file in a folder of its own.
struct TestFile {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn file(name: &str, content: impl AsRef<[u8]>) -> TestFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    TestFile {
        _folder: folder,
        path,
    }
}

fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sources");
    folder.join(name)
}

/// What comes out of a file, its failure to open included.
fn items(path: &Path, options: &ReadOptions) -> Vec<Result<Record, DataError>> {
    match FileRecords::open(path, options) {
        Ok(records) => records.collect(),
        Err(error) => vec![Err(error)],
    }
}

/// The rows of a file as `LINE FIELDS`, and its errors without the file's name.
fn told(name: &str, content: impl AsRef<[u8]>) -> Vec<String> {
    told_with(name, content, &ReadOptions::default())
}

fn told_with(name: &str, content: impl AsRef<[u8]>, options: &ReadOptions) -> Vec<String> {
    let file = file(name, content);
    let shown = format!("`{}`", file.path.display());
    items(&file.path, options)
        .into_iter()
        .map(|item| match item {
            Ok(record) => {
                let At::Line(line) = record.place.at else {
                    panic!("text has lines");
                };
                format!("{line} {}", serde_json::Value::Object(record.fields))
            }
            Err(error) => {
                let kind = if error.is_row_error() { "row" } else { "end" };
                format!("{kind}: {}", error.to_string().replace(&shown, "FILE"))
            }
        })
        .collect()
}

fn xz(text: &[u8]) -> Vec<u8> {
    let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 6);
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

fn zstandard(text: &[u8]) -> Vec<u8> {
    let mut writer = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    writer.include_checksum(true).unwrap();
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

type Compress = fn(&[u8]) -> Vec<u8>;

const COMPRESSIONS: [(&str, Compress); 4] = [
    ("", <[u8]>::to_vec),
    (".xz", xz),
    (".gz", gzip),
    (".zst", zstandard),
];
