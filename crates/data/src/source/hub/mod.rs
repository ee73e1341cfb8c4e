//! Data sets by their Hugging Face Hub id: feature `hub`.
//!
//! `owner/name[@revision][:[config/]split]` names the Parquet files of one split. They are those of the
//! revision, or, where `main` has none, those that the Hub itself made of it (`refs/convert/parquet`).
//! Cache, token, endpoint and retries are as for models (decision 0009), with one difference: the list of
//! a repository's files is asked for each time, since only it tells that a split is complete; the files
//! themselves come once. Offline, the number in `train-00000-of-00004` tells it.

mod download;
mod id;
mod options;
mod split;

use std::path::{Path, PathBuf};

pub use id::HubDataset;
pub use options::HubOptions;

use super::SourceError;
use crate::DataError;
use download::Repository;

/// Where the Hub keeps the Parquet files that it made of other formats.
const CONVERTED: &str = "refs/convert/parquet";
/// How often a branch may move while its files are fetched.
const MOST_MOVES: usize = 3;

/// How far the download of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubProgress<'a> {
    /// The file.
    pub file: &'a str,
    /// Bytes in the cache.
    pub done: u64,
    /// Bytes of the whole file.
    pub size: u64,
}

/// Brings the files of a data set's split into the cache, if they are not there, and returns them in
/// order.
///
/// # Errors
/// [`SourceError::HubStatus`], [`SourceError::HubNetwork`], [`SourceError::HubSplit`] with the splits
/// that there are, [`SourceError::HubNoParquet`], [`SourceError::HubOffline`], [`SourceError::HubMoved`].
pub fn fetch_dataset(
    id: &HubDataset,
    options: &HubOptions,
    progress: &mut dyn FnMut(&HubProgress<'_>),
) -> Result<Vec<PathBuf>, DataError> {
    let named = id.revision.as_deref();
    let revisions = named.map_or(vec!["main", CONVERTED], |revision| vec![revision]);
    for (index, &revision) in revisions.iter().enumerate() {
        // A data set need not have been converted.
        let may_lack = index > 0;
        let found = match options.offline {
            true => cached(id, options, revision)?,
            false => fetched(id, options, revision, may_lack, progress)?,
        };
        if let Some(files) = found {
            return Ok(files);
        }
    }
    Err(DataError::from(match options.offline {
        true => SourceError::HubOffline {
            id: id.to_string(),
            cache: options.cache.clone(),
        },
        false => SourceError::HubNoParquet { id: id.to_string() },
    }))
}

/// The split's files at a revision, fetched where they are missing; nothing where it has no Parquet.
fn fetched(
    id: &HubDataset,
    options: &HubOptions,
    revision: &str,
    may_lack: bool,
    progress: &mut dyn FnMut(&HubProgress<'_>),
) -> Result<Option<Vec<PathBuf>>, DataError> {
    let repository = Repository::new(id, options, revision)?;
    for _ in 0..=MOST_MOVES {
        let Some(listing) = repository.list(may_lack)? else {
            return Ok(None);
        };
        if listing.files.is_empty() {
            return Ok(None);
        }
        let chosen = split::choose(id, &listing.files)?;
        let mut paths = Vec::new();
        for file in &chosen {
            match repository.file(&listing.commit, file, progress)? {
                Some(path) => paths.push(path),
                None => break,
            }
        }
        if paths.len() == chosen.len() {
            return Ok(Some(paths));
        }
    }
    Err(DataError::from(SourceError::HubMoved {
        id: id.to_string(),
    }))
}

/// The split's files in the cache; nothing where they are not all there.
fn cached(
    id: &HubDataset,
    options: &HubOptions,
    revision: &str,
) -> Result<Option<Vec<PathBuf>>, DataError> {
    let folder = download::folder(id, options);
    let commit = std::fs::read_to_string(folder.join("refs").join(revision));
    let commit = commit.map_or_else(|_| revision.to_owned(), |text| text.trim().to_owned());
    let snapshot = folder.join("snapshots").join(commit);
    let mut files = Vec::new();
    collect(&snapshot, "", &mut files);
    if files.is_empty() {
        return Ok(None);
    }
    let chosen = split::choose(id, &files)?;
    let whole = split::is_complete(&chosen);
    Ok(whole.then(|| chosen.iter().map(|file| snapshot.join(file)).collect()))
}

/// The Parquet files below a folder, by their names in the repository. What cannot be listed is not there.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files);
        } else if split::is_parquet(&name) && path.exists() {
            files.push(name);
        }
    }
}
