//! Output folders: new ones, and ones that nobody else is writing into.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::ExampleError;

/// The file that a lock is on; alone it is nothing.
pub(crate) const LOCK: &str = ".lock";

/// Refuses a folder that holds something; one that is empty, or not there yet, will do.
///
/// # Errors
/// [`ExampleError::NotEmpty`], also for a file of that name; [`ExampleError::Io`] if it can't be read.
pub fn require_empty(folder: &Path) -> Result<(), ExampleError> {
    let taken = match folder.is_dir() {
        true => {
            let mut entries = std::fs::read_dir(folder).map_err(ExampleError::io(folder))?;
            entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != LOCK))
        }
        false => folder.exists(),
    };
    match taken {
        true => Err(ExampleError::NotEmpty {
            path: folder.to_owned(),
        }),
        false => Ok(()),
    }
}

/// A folder that this process alone writes into, for as long as this value lives.
///
/// The lock is the operating system's, on the file `.lock` there: it is gone with the process that held it,
/// killed or not, and the file that stays means nothing.
#[derive(Debug)]
pub struct Held {
    _file: File,
}

/// Makes the folder and takes its lock.
///
/// # Errors
/// [`ExampleError::OutputHeld`] while another process holds it, [`ExampleError::Io`] if it can't be made.
pub fn hold(folder: &Path) -> Result<Held, ExampleError> {
    std::fs::create_dir_all(folder).map_err(ExampleError::io(folder))?;
    let path = folder.join(LOCK);
    let file = File::create(&path).map_err(ExampleError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(Held { _file: file }),
        Err(TryLockError::WouldBlock) => Err(ExampleError::OutputHeld {
            path: folder.to_owned(),
        }),
        // Some network file systems know no locks; a run there is worth more than the lock.
        Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
            Ok(Held { _file: file })
        }
        Err(TryLockError::Error(error)) => Err(ExampleError::io(&path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_folder_or_none_will_do() {
        let folder = tempfile::tempdir().unwrap();
        require_empty(folder.path()).unwrap();
        require_empty(&folder.path().join("new")).unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        for taken in [folder.path(), &file] {
            let error = require_empty(taken).unwrap_err();
            assert!(error.to_string().starts_with(&taken.display().to_string()));
            assert!(error.to_string().contains("something already"), "{error}");
        }
    }

    #[test]
    fn a_folder_has_one_writer_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out");
        let held = hold(&output).unwrap();
        let error = hold(&output).unwrap_err().to_string();
        let place = output.display().to_string();
        assert!(
            error.starts_with(&place) && error.contains("another"),
            "{error}"
        );
        drop(held);
        hold(&output).unwrap();
    }
}
