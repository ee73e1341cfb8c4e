//! What a file was, so that a later run can tell whether it still is.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::DataError;
use crate::hex::sha256_of;

/// A file's name, size and hash, as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFingerprint {
    /// The file, as it was named.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// SHA-256 of them, in hexadecimal.
    pub sha256: String,
}

impl FileFingerprint {
    /// Reads the whole file once, block by block.
    ///
    /// # Errors
    /// [`DataError::Read`].
    ///
    /// ```
    /// use anneal_data::FileFingerprint;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("a");
    /// std::fs::write(&path, "abc")?;
    /// let print = FileFingerprint::of(&path)?;
    /// assert_eq!(print.bytes, 3);
    /// assert_eq!(&print.sha256[..16], "ba7816bf8f01cfea");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let failure = |source| DataError::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failure)?;
        let (bytes, sha256) = sha256_of(file).map_err(failure)?;
        Ok(Self {
            path: path.to_owned(),
            bytes,
            sha256,
        })
    }
}
