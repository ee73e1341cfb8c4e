//! Several files as one stream of records.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::vec;

#[cfg(feature = "hub")]
use super::HubDataset;
use super::{FileFingerprint, FileRecords, ReadOptions, SourceError, locate};
use crate::{DataError, Record};

/// Files whose rows are read one after another, as one data set.
///
/// ```
/// use anneal_data::Source;
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("1.jsonl"), "{\"sql\": \"a\"}\n")?;
/// std::fs::write(folder.path().join("2.csv"), "sql\nb\n")?;
/// let source = Source::parse(&[format!("{}/*", folder.path().display())])?;
/// let rows = source.records().collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((&rows[0].fields["sql"], &rows[1].fields["sql"]), (&"a".into(), &"b".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    files: Vec<PathBuf>,
    options: ReadOptions,
}

impl Source {
    /// Finds the files that `texts` name, in their order: a path, or a pattern with `*`, `?` or `[…]`
    /// whose files come sorted. What exists is always a path, never a pattern.
    ///
    /// With the feature `hub` a text may also be the id of a data set, which is fetched as the environment
    /// says (`HubOptions::from_env`).
    ///
    /// # Errors
    /// [`SourceError::NoFiles`], [`SourceError::Folder`], [`SourceError::NoMatch`],
    /// [`SourceError::Pattern`]; [`SourceError::Twice`] if one file is named twice; [`DataError::Read`]
    /// for what is neither a file nor a pattern.
    pub fn parse(texts: &[impl AsRef<str>]) -> Result<Self, DataError> {
        let mut files = Vec::new();
        for text in texts {
            let text = text.as_ref();
            match locate::local(text)? {
                Some(found) => files.extend(found),
                None => files.extend(elsewhere(text)?),
            }
        }
        Self::of_files(files)
    }

    /// As [`Source::parse`], with settings for the Hub; `progress` hears of every block of bytes.
    ///
    /// # Errors
    /// As [`Source::parse`] and [`fetch_dataset`](super::fetch_dataset).
    #[cfg(feature = "hub")]
    pub fn parse_with_hub(
        texts: &[impl AsRef<str>],
        options: &super::HubOptions,
        progress: &mut dyn FnMut(&super::HubProgress<'_>),
    ) -> Result<Self, DataError> {
        let mut files = Vec::new();
        for text in texts {
            let text = text.as_ref();
            match (locate::local(text)?, HubDataset::told_from_path(text)) {
                (Some(found), _) => files.extend(found),
                (None, Some(id)) => files.extend(super::fetch_dataset(&id, options, progress)?),
                (None, None) => return Err(absent(text)),
            }
        }
        Self::of_files(files)
    }

    /// Exactly these files.
    ///
    /// # Errors
    /// [`SourceError::NoFiles`] and [`SourceError::Twice`].
    pub fn of_files(files: Vec<PathBuf>) -> Result<Self, DataError> {
        if files.is_empty() {
            return Err(DataError::from(SourceError::NoFiles));
        }
        let mut seen = HashSet::new();
        for file in &files {
            // What cannot be resolved is reported when it is read.
            let resolved = file.canonicalize().unwrap_or_else(|_| file.clone());
            if !seen.insert(resolved) {
                return Err(DataError::from(SourceError::Twice { path: file.clone() }));
            }
        }
        Ok(Self {
            files,
            options: ReadOptions::default(),
        })
    }

    /// Reads with other settings.
    #[must_use]
    pub fn with_options(mut self, options: ReadOptions) -> Self {
        self.options = options;
        self
    }

    /// The files, in the order in which they are read.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The hashes of all files.
    ///
    /// # Errors
    /// [`DataError::Read`].
    pub fn fingerprints(&self) -> Result<Vec<FileFingerprint>, DataError> {
        self.files.iter().map(FileFingerprint::of).collect()
    }

    /// All records, from the beginning. Nothing is read until the first is asked for.
    pub fn records(&self) -> Records {
        let size = |file: &PathBuf| std::fs::metadata(file).map_or(0, |metadata| metadata.len());
        Records {
            files: self.files.clone().into_iter(),
            options: self.options.clone(),
            current: None,
            bytes_before: 0,
            total_bytes: self.files.iter().map(size).sum(),
        }
    }
}

/// The files of a text that names nothing here: a data set's, if it is one's id.
#[cfg(feature = "hub")]
fn elsewhere(text: &str) -> Result<Vec<PathBuf>, DataError> {
    match HubDataset::told_from_path(text) {
        Some(id) => super::fetch_dataset(&id, &super::HubOptions::from_env()?, &mut |_| {}),
        None => Err(absent(text)),
    }
}

/// No files: what looks like a data set's id is told from a file that is missing.
#[cfg(not(feature = "hub"))]
fn elsewhere(text: &str) -> Result<Vec<PathBuf>, DataError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-@:/".contains(c);
    let parts: Vec<&str> = text.split('/').collect();
    let like_id = matches!(parts[..], [owner, name] if !owner.starts_with('.')
        && text.chars().all(plain)
        && !Path::new(owner).is_dir()
        && Path::new(name).extension().is_none());
    if like_id || text.starts_with("hf://") {
        return Err(DataError::from(SourceError::HubFeature {
            text: text.to_owned(),
        }));
    }
    Err(absent(text))
}

/// The error for a text that names nothing here.
fn absent(text: &str) -> DataError {
    let unseen = || std::io::ErrorKind::NotFound.into();
    DataError::Read {
        path: Path::new(text).to_owned(),
        source: std::fs::metadata(text).err().unwrap_or_else(unseen),
    }
}

/// The records of a [`Source`], file after file.
///
/// After an error that ends a file nothing more comes, not from later files either: what a run learned
/// must not depend on what happened to be damaged.
pub struct Records {
    files: vec::IntoIter<PathBuf>,
    options: ReadOptions,
    current: Option<FileRecords>,
    /// Bytes of the files that are behind.
    bytes_before: u64,
    total_bytes: u64,
}

impl Records {
    /// Bytes read of [`Records::total_bytes`], as files lie on the disk (compressed).
    pub fn bytes_read(&self) -> u64 {
        let current = self.current.as_ref().map_or(0, FileRecords::bytes_read);
        self.bytes_before + current
    }

    /// Bytes of all files.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Gives up all files: nothing more comes.
    fn end(&mut self) {
        self.files = Vec::new().into_iter();
    }
}

impl Iterator for Records {
    type Item = Result<Record, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(current) = &mut self.current {
                if let Some(item) = current.next() {
                    if matches!(&item, Err(error) if !error.is_row_error()) {
                        self.end();
                    }
                    return Some(item);
                }
                self.bytes_before += current.total_bytes();
                self.current = None;
            }
            match FileRecords::open(self.files.next()?, &self.options) {
                Ok(opened) => self.current = Some(opened),
                Err(error) => {
                    self.end();
                    return Some(Err(error));
                }
            }
        }
    }
}

impl std::iter::FusedIterator for Records {}
