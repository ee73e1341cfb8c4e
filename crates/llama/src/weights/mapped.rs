//! A file's bytes, mapped into memory.

use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::LlamaError;

/// A read-only mapping: a tensor is paged in when it is converted, so that a
/// model is never in memory twice.
#[derive(Debug)]
pub(crate) struct MappedFile {
    pub(crate) path: PathBuf,
    map: Mmap,
}

impl MappedFile {
    pub(crate) fn open(path: &Path) -> Result<Self, LlamaError> {
        let io = |source| LlamaError::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        #[expect(
            unsafe_code,
            reason = "a mapping is undefined only if another process shrinks the file meanwhile; weights are not edited in place"
        )]
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        Ok(Self {
            path: path.to_owned(),
            map,
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }
}
