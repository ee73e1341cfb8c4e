//! From what a user names to files: a path, a pattern, or a data set of the Hub.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, glob_with};

use super::file_format::extension;
use super::{FileFormat, SourceError};
use crate::DataError;

/// As a shell has it: a star stops at `/` and does not match hidden files.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The files that `text` names, if it names files here; nothing where it is neither a path that exists
/// nor a pattern.
pub(super) fn local(text: &str) -> Result<Option<Vec<PathBuf>>, DataError> {
    let path = Path::new(text);
    if path.is_dir() {
        return Err(folder(path));
    }
    if path.exists() {
        return Ok(Some(vec![path.to_owned()]));
    }
    if text.contains(['*', '?', '[']) {
        return matches(text).map(Some);
    }
    Ok(None)
}

/// The files that match a pattern, sorted by their bytes.
fn matches(pattern: &str) -> Result<Vec<PathBuf>, DataError> {
    let paths = glob_with(pattern, MATCHING).map_err(|error| SourceError::Pattern {
        pattern: pattern.to_owned(),
        message: error.msg,
        column: error.pos + 1,
    })?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.map_err(|error| DataError::Read {
            path: error.path().to_owned(),
            source: error.into(),
        })?;
        if !path.is_dir() {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(DataError::from(SourceError::NoMatch {
            pattern: pattern.to_owned(),
        }));
    }
    files.sort_unstable();
    Ok(files)
}

/// The error for a folder: a pattern of the kind of file that it holds is the hint.
pub(super) fn folder(path: &Path) -> DataError {
    let mut names: Vec<PathBuf> = match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(source) => {
            return DataError::Read {
                path: path.to_owned(),
                source,
            };
        }
    };
    names.sort_unstable();
    let known = names.iter().find(|name| {
        FileFormat::from_name(name).is_some()
            || name
                .to_string_lossy()
                .to_ascii_lowercase()
                .contains(".json")
    });
    let ending = known.and_then(|name| extension(name));
    DataError::from(SourceError::Folder {
        path: path.to_owned(),
        hint: format!("*.{}", ending.as_deref().unwrap_or("jsonl")),
    })
}
