//! A file's bytes, mapped into memory or already there.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::LlamaError;

/// A file's bytes and its path, for messages.
#[derive(Debug)]
pub(crate) struct FileBytes {
    pub(crate) path: PathBuf,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// Read by the system where it is looked at.
    Mapped(Mmap),
    /// What a program already holds, as a download.
    Held(Vec<u8>),
}

impl FileBytes {
    /// Maps a file: a tensor is paged in when it is converted, so that a model
    /// is never in memory twice.
    pub(crate) fn open(path: &Path) -> Result<Self, LlamaError> {
        let file = File::open(path).map_err(LlamaError::io(path))?;
        #[expect(
            unsafe_code,
            reason = "a mapping is undefined only if another process shrinks the file meanwhile; weights are not edited in place"
        )]
        let map = unsafe { Mmap::map(&file) }.map_err(LlamaError::io(path))?;
        Ok(Self {
            path: path.to_owned(),
            content: Content::Mapped(map),
        })
    }

    /// Bytes that are in memory; the path is for messages alone.
    pub(crate) fn held(path: &Path, bytes: Vec<u8>) -> Self {
        Self {
            path: path.to_owned(),
            content: Content::Held(bytes),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Mapped(map) => map,
            Content::Held(bytes) => bytes,
        }
    }

    /// Gives a range's pages back to the system: pages that were looked at
    /// count as this process's memory for as long as the mapping lives.
    pub(crate) fn release(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Content::Mapped(map) = &self.content {
            #[expect(
                unsafe_code,
                reason = "dropping pages loses data only where they were written; this mapping is read-only and backed by the file, so they are read again when looked at"
            )]
            let dropped = unsafe {
                map.unchecked_advise_range(
                    memmap2::UncheckedAdvice::DontNeed,
                    range.start,
                    range.len(),
                )
            };
            // Advice that is refused costs memory, not correctness.
            drop(dropped);
        }
        #[cfg(not(unix))]
        let _ = range;
    }
}
