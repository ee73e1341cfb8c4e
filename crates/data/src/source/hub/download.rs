//! One repository of data at one revision: its list of files, and each of them into the cache.
//!
//! hf-hub writes to `blobs/ETAG.part` and goes on at the end of such a file when it is called anew; its
//! own retries append from the start of the file, so that they are not used (decision 0009).

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, CacheRepo, Repo, RepoType};

use super::id::is_plain;
use super::{HubDataset, HubOptions, HubProgress, split};
use crate::DataError;
use crate::source::SourceError;

/// The folder of a data set in the cache.
pub(super) fn folder(id: &HubDataset, options: &HubOptions) -> PathBuf {
    let name = format!("datasets--{}", id.repository.replace('/', "--"));
    options.cache.join(name)
}

/// The files of a commit.
pub(super) struct Listing {
    pub(super) commit: String,
    /// Parquet files alone.
    pub(super) files: Vec<String>,
}

/// A repository at one revision, on the network's side.
pub(super) struct Repository<'a> {
    id: &'a HubDataset,
    options: &'a HubOptions,
    api: Api,
    remote: ApiRepo,
    cache: CacheRepo,
}

impl<'a> Repository<'a> {
    pub(super) fn new(
        id: &'a HubDataset,
        options: &'a HubOptions,
        revision: &str,
    ) -> Result<Self, DataError> {
        let repo = Repo::with_revision(
            id.repository.clone(),
            RepoType::Dataset,
            revision.to_owned(),
        );
        let cache = Cache::new(options.cache.clone());
        let api = ApiBuilder::from_cache(cache.clone())
            .with_endpoint(options.endpoint.clone())
            .with_token(options.token.clone())
            .with_progress(false)
            .with_retries(0)
            .build()
            .map_err(|source| network(id, options, "the client", source))?;
        Ok(Self {
            id,
            options,
            remote: api.repo(repo.clone()),
            api,
            cache: cache.repo(repo),
        })
    }

    /// The revision's files; nothing for a revision that the repository may lack and does.
    pub(super) fn list(&self, may_lack: bool) -> Result<Option<Listing>, DataError> {
        let info = match self.retried(|| (self.remote.info(), false)) {
            Ok(info) => info,
            Err(Failed::Status(404)) if may_lack => return Ok(None),
            Err(failed) => return Err(self.error("the list of files", failed)),
        };
        let names = info.siblings.into_iter().map(|file| file.rfilename);
        let files = names.filter(|name| split::is_parquet(name)).collect();
        Ok(Some(Listing {
            commit: info.sha,
            files,
        }))
    }

    /// A file of the commit, from the cache or the network; nothing where the revision has moved on.
    pub(super) fn file(
        &self,
        commit: &str,
        file: &str,
        progress: &mut dyn FnMut(&HubProgress<'_>),
    ) -> Result<Option<PathBuf>, DataError> {
        if !is_plain(commit) || !file.split('/').all(is_plain) {
            return Err(DataError::from(SourceError::HubFileName {
                id: self.id.to_string(),
                file: file.to_owned(),
            }));
        }
        let snapshot = folder(self.id, self.options).join("snapshots").join(commit);
        let path = snapshot.join(file);
        if path.exists() {
            return Ok(Some(path));
        }
        let fetched = self.retried(|| {
            let seen = Seen::default();
            let watch = Watch {
                file,
                seen: &seen,
                progress: &mut *progress,
                done: None,
            };
            let mut outcome = self.remote.download_with_progress(file, watch);
            if let Ok(path) = &outcome
                && !seen.is_whole(path)
            {
                discard(path);
                seen.received.set(0);
                outcome = Err(ApiError::InvalidResume);
            }
            if let Err(error) = &outcome
                && !status(error).is_some_and(is_final)
            {
                self.discard_full_part(file);
            }
            (outcome, seen.received.get() > 0)
        });
        match fetched {
            Ok(found) => Ok((found == path).then_some(path)),
            Err(failed) => Err(self.error(file, failed)),
        }
    }

    /// A partial file that has all bytes (a process ended before the file got its name) cannot be gone on
    /// with: there is nothing left to ask for, which the server answers with 416.
    fn discard_full_part(&self, file: &str) {
        let Ok(metadata) = self.api.metadata(&self.remote.url(file)) else {
            return; // The next attempt meets the same failure and reports it.
        };
        let part = self.cache.blob_path(metadata.etag()).with_extension("part");
        if std::fs::metadata(&part).is_ok_and(|part| part.len() >= metadata.size() as u64) {
            // If it stays, the next attempt fails as this one did.
            let _ = std::fs::remove_file(part);
        }
    }

    /// Tries until the answer is final or nothing new has come [`HubOptions::retries`] times; an attempt
    /// says whether bytes came.
    fn retried<T>(
        &self,
        mut attempt: impl FnMut() -> (Result<T, ApiError>, bool),
    ) -> Result<T, Failed> {
        let mut failures = 0;
        loop {
            let (outcome, received) = attempt();
            let error = match outcome {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if let Some(status) = status(&error).filter(|&status| is_final(status)) {
                return Err(Failed::Status(status));
            }
            failures = if received { 1 } else { failures + 1 };
            if failures > self.options.retries {
                return Err(Failed::Network(error));
            }
            sleep(Duration::from_millis(100 << failures.min(6)));
        }
    }

    fn error(&self, what: &str, failed: Failed) -> DataError {
        let status = match failed {
            Failed::Network(source) => return network(self.id, self.options, what, source),
            Failed::Status(status) => status,
        };
        let advice = match (status, &self.options.token) {
            (404, _) => "there is no such data set, revision or file",
            (401, None) => {
                "there is no such data set, or it is private or gated: set HF_TOKEN to a token that may read it"
            }
            (401, Some(_)) => "the token is not accepted; set HF_TOKEN to one that may read it",
            (403, None) => "the data set is gated: ask for access on its page and set HF_TOKEN",
            (403, Some(_)) => {
                "the token may not read it; a gated data set gives access on its page, then set HF_TOKEN"
            }
            _ => "the request is refused",
        };
        DataError::from(SourceError::HubStatus {
            id: self.id.to_string(),
            endpoint: self.options.endpoint.clone(),
            status,
            what: what.to_owned(),
            advice,
        })
    }
}

/// Why nothing came.
enum Failed {
    /// The server's last word.
    Status(u16),
    /// The last of several failures.
    Network(ApiError),
}

fn network(id: &HubDataset, options: &HubOptions, what: &str, source: ApiError) -> DataError {
    DataError::from(SourceError::HubNetwork {
        id: id.to_string(),
        endpoint: options.endpoint.clone(),
        what: what.to_owned(),
        source: Box::new(source),
    })
}

/// HTTP's status, if the server answered.
fn status(error: &ApiError) -> Option<u16> {
    let ApiError::RequestError(error) = error else {
        return None;
    };
    match error.as_ref() {
        ureq::Error::StatusCode(status) => Some(*status),
        _ => None,
    }
}

/// Whether asking again cannot help; 408 and 429 ask for patience, and 416 is the answer to a partial
/// file of full length.
fn is_final(status: u16) -> bool {
    (400..500).contains(&status) && ![408, 416, 429].contains(&status)
}

/// Removes a file that is not what the server announced, with its link. If it stays, the next attempt
/// finds it wrong again.
fn discard(link: &Path) {
    if let Ok(blob) = std::fs::canonicalize(link) {
        let _ = std::fs::remove_file(blob);
    }
    let _ = std::fs::remove_file(link);
}

/// What an attempt has seen.
#[derive(Default)]
struct Seen {
    size: Cell<Option<u64>>,
    /// Bytes that came in this attempt.
    received: Cell<u64>,
}

impl Seen {
    fn is_whole(&self, path: &Path) -> bool {
        let size = self.size.get();
        std::fs::metadata(path).is_ok_and(|file| size.is_none_or(|size| file.len() == size))
    }
}

/// Passes hf-hub's reports on.
struct Watch<'a> {
    file: &'a str,
    seen: &'a Seen,
    progress: &'a mut dyn FnMut(&HubProgress<'_>),
    /// Bytes in the file; unknown until the first report, which tells where a resumed download begins.
    done: Option<u64>,
}

impl Progress for Watch<'_> {
    fn init(&mut self, size: usize, _filename: &str) {
        self.seen.size.set(Some(size as u64));
        self.done = None;
    }

    fn update(&mut self, bytes: usize) {
        let bytes = bytes as u64;
        if self.done.is_some() {
            self.seen.received.set(self.seen.received.get() + bytes);
        }
        let done = self.done.unwrap_or(0) + bytes;
        self.done = Some(done);
        (self.progress)(&HubProgress {
            file: self.file,
            done,
            size: self.seen.size.get().unwrap_or(done),
        });
    }

    fn finish(&mut self) {}
}
