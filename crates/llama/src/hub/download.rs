//! One file from the Hub to the cache, through the hf-hub crate.
//!
//! hf-hub writes to `blobs/ETAG.part`, goes on at the end of such a file, and
//! renames it when the last byte is there. Its own retries are not used: they
//! ask again from the start of the file for what is appended to its end if the
//! connection fails before a byte comes. Calling it anew measures the file.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, CacheRepo, Repo, RepoType};

use super::{HubId, HubOptions};
use crate::LlamaError;

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Download<'a> {
    /// The file.
    pub file: &'a str,
    /// Bytes in the cache.
    pub done: u64,
    /// Bytes of the whole file.
    pub size: u64,
}

/// What the server has under a name.
pub(super) enum Answer {
    /// The file, whole, in the cache.
    File(PathBuf),
    /// No file.
    Absent,
}

/// A repository at one revision, on the network's side.
pub(super) struct Downloader<'a> {
    id: &'a HubId,
    options: &'a HubOptions,
    api: Api,
    remote: ApiRepo,
    cache: CacheRepo,
}

impl<'a> Downloader<'a> {
    pub(super) fn new(id: &'a HubId, options: &'a HubOptions) -> Result<Self, LlamaError> {
        let repo = Repo::with_revision(id.repository.clone(), RepoType::Model, id.revision.clone());
        let cache = Cache::new(options.cache.clone());
        let api = ApiBuilder::from_cache(cache.clone())
            .with_endpoint(options.endpoint.clone())
            .with_token(options.token.clone())
            .with_progress(false)
            .with_retries(0)
            .build()
            .map_err(|source| failure(id, options, "the client", source))?;
        Ok(Self {
            id,
            options,
            remote: api.repo(repo.clone()),
            api,
            cache: cache.repo(repo),
        })
    }

    /// Fetches a file, going on after failures as long as bytes come.
    pub(super) fn get(
        &self,
        file: &str,
        progress: &mut dyn FnMut(&Download<'_>),
    ) -> Result<Answer, LlamaError> {
        let mut failures = 0;
        loop {
            let seen = Seen::default();
            let watch = Watch {
                file,
                seen: &seen,
                progress: &mut *progress,
                done: None,
            };
            let error = match self.remote.download_with_progress(file, watch) {
                Ok(path) if seen.is_whole(&path) => return Ok(Answer::File(path)),
                Ok(path) => {
                    // Nothing of it can be kept, so its bytes are no progress.
                    discard(&path)?;
                    seen.received.set(0);
                    ApiError::InvalidResume
                }
                Err(error) => error,
            };
            match status(&error) {
                Some(404) => return Ok(Answer::Absent),
                Some(status) if is_final(status) => return Err(self.refusal(file, status)),
                _ => {}
            }
            if seen.received.get() > 0 {
                failures = 0;
            }
            failures += 1;
            if failures > self.options.retries {
                return Err(failure(self.id, self.options, file, error));
            }
            sleep(Duration::from_millis(100 << failures.min(6)));
            self.discard_full_part(file);
        }
    }

    /// A partial file that has all bytes (the process ended before it was
    /// renamed) can't be gone on with: there is nothing to ask for.
    fn discard_full_part(&self, file: &str) {
        let Ok(metadata) = self.api.metadata(&self.remote.url(file)) else {
            return; // The next attempt meets the same failure and reports it.
        };
        let part = self.cache.blob_path(metadata.etag()).with_extension("part");
        if fs::metadata(&part).is_ok_and(|part| part.len() >= metadata.size() as u64) {
            // If it stays, the next attempt fails as this one did.
            let _ = fs::remove_file(part);
        }
    }

    fn refusal(&self, file: &str, status: u16) -> LlamaError {
        let advice = match (status, &self.options.token) {
            (401, None) => {
                "there is no such repository, or it is private or gated: set HF_TOKEN to a token that may read it"
            }
            (401, Some(_)) => "the token is not accepted; set HF_TOKEN to one that may read it",
            (403, None) => "the repository is gated: ask for access on its page and set HF_TOKEN",
            (403, Some(_)) => {
                "the token may not read it; a gated repository gives access on its page, then set HF_TOKEN"
            }
            _ => "the request is refused",
        };
        LlamaError::HubStatus {
            id: self.id.to_string(),
            endpoint: self.options.endpoint.clone(),
            status,
            file: file.to_owned(),
            advice,
        }
    }
}

fn failure(id: &HubId, options: &HubOptions, file: &str, source: ApiError) -> LlamaError {
    LlamaError::HubDownload {
        id: id.to_string(),
        endpoint: options.endpoint.clone(),
        file: file.to_owned(),
        source: Box::new(source),
    }
}

/// HTTP's status, if the server answered.
fn status(error: &ApiError) -> Option<u16> {
    match error {
        ApiError::RequestError(error) => match error.as_ref() {
            ureq::Error::StatusCode(status) => Some(*status),
            _ => None,
        },
        _ => None,
    }
}

/// Whether asking again can't help. 408 and 429 ask for patience, and 416 is
/// answered to a partial file that is as long as the whole.
fn is_final(status: u16) -> bool {
    (400..500).contains(&status) && ![408, 416, 429].contains(&status)
}

/// Removes a file that is not what the server announced, with its link.
fn discard(link: &Path) -> Result<(), LlamaError> {
    let blob = fs::canonicalize(link).map_err(LlamaError::io(link))?;
    for path in [blob.as_path(), link] {
        if path.exists() || path.is_symlink() {
            fs::remove_file(path).map_err(LlamaError::io(path))?;
        }
    }
    Ok(())
}

/// What an attempt has seen.
#[derive(Default)]
struct Seen {
    size: Cell<Option<u64>>,
    /// Bytes that came in this attempt.
    received: Cell<u64>,
}

impl Seen {
    /// Whether a file has the size that the server announced.
    fn is_whole(&self, path: &Path) -> bool {
        let size = self.size.get();
        fs::metadata(path).is_ok_and(|file| size.is_none_or(|size| file.len() == size))
    }
}

/// Passes hf-hub's reports on.
struct Watch<'a> {
    file: &'a str,
    seen: &'a Seen,
    progress: &'a mut dyn FnMut(&Download<'_>),
    /// Bytes in the file; unknown until hf-hub's first update, which tells
    /// where a resumed download begins.
    done: Option<u64>,
}

impl Progress for Watch<'_> {
    fn init(&mut self, size: usize, _filename: &str) {
        self.seen.size.set(Some(size as u64));
        self.done = None;
    }

    fn update(&mut self, bytes: usize) {
        let bytes = bytes as u64;
        let done = match self.done {
            None => bytes,
            Some(done) => {
                self.seen.received.set(self.seen.received.get() + bytes);
                done + bytes
            }
        };
        self.done = Some(done);
        (self.progress)(&Download {
            file: self.file,
            done,
            size: self.seen.size.get().unwrap_or(done),
        });
    }

    fn finish(&mut self) {}
}
