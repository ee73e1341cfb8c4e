//! The formats that files of rows have, and how a file's name and first bytes tell them.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::{Compression, SourceError};

/// A format of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// One JSON object per line.
    JsonLines,
    /// One array of JSON objects, or JSON objects one after another.
    Json,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow's file or stream (also Feather 2).
    Arrow,
}

impl FileFormat {
    /// The format that a file's name tells, after `.xz`, `.gz` and `.zst` are taken off.
    ///
    /// Nothing for `.json`, which names arrays and lines alike: there the content decides.
    ///
    /// ```
    /// use anneal_data::FileFormat;
    ///
    /// assert_eq!(FileFormat::from_name("a/train.JSONL.gz"), Some(FileFormat::JsonLines));
    /// assert_eq!(FileFormat::from_name("a/train.json"), None);
    /// ```
    pub fn from_name(path: impl AsRef<Path>) -> Option<Self> {
        let path = path.as_ref();
        let stem = match Compression::from_name(path) {
            Some(_) => Path::new(path.file_stem()?),
            None => path,
        };
        match extension(stem)?.as_str() {
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "parquet" => Some(Self::Parquet),
            "arrow" | "arrows" | "ipc" | "feather" => Some(Self::Arrow),
            _ => None,
        }
    }

    /// The format that a file's first bytes tell.
    ///
    /// Text that begins with `{` is JSON lines where the first line is one whole object, and objects one
    /// after another otherwise.
    pub(super) fn from_content(head: &[u8]) -> Option<Self> {
        if head.starts_with(b"PAR1") {
            return Some(Self::Parquet);
        }
        if head.starts_with(b"ARROW1") || head.starts_with(&[0xff; 4]) {
            return Some(Self::Arrow);
        }
        let text = head.trim_ascii_start();
        match text.first()? {
            b'[' => Some(Self::Json),
            b'{' => {
                let line = text.split(|&byte| byte == b'\n').next().unwrap_or(text);
                let whole = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
                Some(if whole { Self::JsonLines } else { Self::Json })
            }
            _ => None,
        }
    }

    /// Whether the format is text, which may be compressed as a whole.
    pub(super) fn is_text(self) -> bool {
        !matches!(self, Self::Parquet | Self::Arrow)
    }

    /// The usual extension, which is also the format's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }
}

/// A name's extension in small letters.
pub(super) fn extension(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FileFormat {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let all = [
            Self::JsonLines,
            Self::Json,
            Self::Csv,
            Self::Tsv,
            Self::Parquet,
            Self::Arrow,
        ];
        all.into_iter()
            .find(|format| format.name() == text)
            .ok_or_else(|| SourceError::FormatName {
                found: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_tell_formats() {
        let name = |text: &str| FileFormat::from_name(text).map(FileFormat::name);
        for (path, format) in [
            ("a.jsonl", Some("jsonl")),
            ("a.ndjson.zst", Some("jsonl")),
            ("a.b.csv.xz", Some("csv")),
            ("a.tab", Some("tsv")),
            ("a.feather", Some("arrow")),
            ("a.parquet", Some("parquet")),
            ("a.json.xz", None),
            ("a.gz", None),
            ("csv", None),
        ] {
            assert_eq!(name(path), format, "{path}");
        }
        for text in ["jsonl", "json", "csv", "tsv", "parquet", "arrow"] {
            assert_eq!(text.parse::<FileFormat>().unwrap().to_string(), text);
        }
        assert_eq!(
            "xml".parse::<FileFormat>().unwrap_err().to_string(),
            "`xml` is no file format; expected jsonl, json, csv, tsv, parquet or arrow"
        );
    }

    #[test]
    fn content_tells_what_a_name_leaves_open() {
        let told = |text: &str| FileFormat::from_content(text.as_bytes());
        assert_eq!(told(" \r\n[1]"), Some(FileFormat::Json));
        assert_eq!(told("{\"a\": 1}\r\n{"), Some(FileFormat::JsonLines));
        assert_eq!(told("{\"a\": 1}"), Some(FileFormat::JsonLines));
        assert_eq!(told("{\n \"a\": 1}"), Some(FileFormat::Json));
        assert_eq!(told("{\"a\": 1}{\"a\": 2}"), Some(FileFormat::Json));
        assert_eq!(told("a,b\n1,2"), None);
        assert_eq!(told(""), None);
    }
}
