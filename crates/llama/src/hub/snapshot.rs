//! The files of one commit in the cache.
//!
//! The layout is huggingface_hub's: `refs/REVISION` holds a commit,
//! `snapshots/COMMIT/FILE` links to `blobs/ETAG`, and an empty
//! `.no_exist/COMMIT/FILE` says that the commit is known to lack a file, so
//! that an optional one is asked for once.

use std::fs;
use std::path::{Path, PathBuf};

use super::download::{Answer, Download, Downloader};
use super::{HubId, HubOptions};
use crate::LlamaError;

/// Why a file is not returned.
pub(super) enum Stop {
    /// The revision stands for another commit now; what was found before
    /// belongs to the old one.
    Moved,
    /// Anything else; boxed, since it is large and rare.
    Failed(Box<LlamaError>),
}

impl From<LlamaError> for Stop {
    fn from(failure: LlamaError) -> Self {
        Self::Failed(Box::new(failure))
    }
}

/// A repository at one revision, as far as it is cached; the rest is fetched
/// on demand.
pub(super) struct Snapshot<'a> {
    id: &'a HubId,
    options: &'a HubOptions,
    progress: &'a mut dyn FnMut(&Download<'_>),
    /// Absent where the network may not be asked.
    downloader: Option<Downloader<'a>>,
    /// The repository's folder in the cache.
    folder: PathBuf,
    commit: Option<String>,
}

impl<'a> Snapshot<'a> {
    pub(super) fn open(
        id: &'a HubId,
        options: &'a HubOptions,
        progress: &'a mut dyn FnMut(&Download<'_>),
    ) -> Result<Self, LlamaError> {
        let name = format!("models--{}", id.repository.replace('/', "--"));
        let folder = options.cache.join(name);
        // A commit is its own name.
        let named = folder.join("snapshots").join(&id.revision);
        let commit = if named.is_dir() {
            Some(id.revision.clone())
        } else {
            read_ref(&folder.join("refs").join(&id.revision))?
        };
        let downloader = match options.offline {
            true => None,
            false => Some(Downloader::new(id, options)?),
        };
        Ok(Self {
            id,
            options,
            progress,
            downloader,
            folder,
            commit,
        })
    }

    /// A file that the model can't do without; `why` goes on from "is missing:".
    pub(super) fn required(&mut self, file: &str, why: &str) -> Result<PathBuf, Stop> {
        if let Some(path) = self.cached(file) {
            return Ok(path);
        }
        let Some(path) = self.download(file)? else {
            return Err(Stop::from(LlamaError::HubFile {
                id: self.id.to_string(),
                file: file.to_owned(),
                what: format!(
                    "is missing: {} answered 404, no such repository, revision or file; {why}",
                    self.options.endpoint
                ),
            }));
        };
        Ok(path)
    }

    /// A file that may be absent.
    pub(super) fn optional(&mut self, file: &str) -> Result<Option<PathBuf>, Stop> {
        if let Some(path) = self.cached(file) {
            return Ok(Some(path));
        }
        let marker = self.place(".no_exist", file);
        if self.downloader.is_none() || marker.as_ref().is_some_and(|path| path.exists()) {
            return Ok(None);
        }
        let path = self.download(file)?;
        if let (None, Some(marker)) = (&path, marker) {
            create_marker(&marker)?;
        }
        Ok(path)
    }

    fn cached(&self, file: &str) -> Option<PathBuf> {
        self.place("snapshots", file).filter(|path| path.exists())
    }

    /// A file's place below `snapshots` or `.no_exist`, once the commit is known.
    fn place(&self, kind: &str, file: &str) -> Option<PathBuf> {
        let commit = self.commit.as_ref()?;
        Some(self.folder.join(kind).join(commit).join(file))
    }

    /// Fetches a file; nothing where the server has none of the name.
    fn download(&mut self, file: &str) -> Result<Option<PathBuf>, Stop> {
        let Some(downloader) = &self.downloader else {
            return Err(Stop::from(LlamaError::HubOffline {
                id: self.id.to_string(),
                file: file.to_owned(),
                cache: self.options.cache.clone(),
            }));
        };
        // A link whose blob was deleted would be in the way.
        if let Some(link) = self
            .place("snapshots", file)
            .filter(|path| path.is_symlink())
        {
            fs::remove_file(&link).map_err(LlamaError::io(&link))?;
        }
        let path = match downloader.get(file, self.progress)? {
            Answer::Absent => return Ok(None),
            Answer::File(path) => path,
        };
        let commit = commit_of(&path, &self.folder);
        let moved = self.commit.is_some() && self.commit != commit;
        self.commit = commit;
        if moved {
            return Err(Stop::Moved);
        }
        Ok(Some(path))
    }
}

/// The commit that a revision stood for when it was last asked for.
fn read_ref(path: &Path) -> Result<Option<String>, LlamaError> {
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(path).map_err(LlamaError::io(path))?;
    Ok(Some(text.trim().to_owned()))
}

/// `snapshots/COMMIT/FILE` to the commit.
fn commit_of(path: &Path, folder: &Path) -> Option<String> {
    let below = path.strip_prefix(folder.join("snapshots")).ok()?;
    let commit = below.components().next()?.as_os_str().to_str()?;
    Some(commit.to_owned())
}

fn create_marker(marker: &Path) -> Result<(), LlamaError> {
    if let Some(parent) = marker.parent() {
        fs::create_dir_all(parent).map_err(LlamaError::io(parent))?;
    }
    fs::write(marker, "").map_err(LlamaError::io(marker))
}
