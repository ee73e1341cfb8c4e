//! A folder that may be made again, and no other.

use std::path::Path;

use crate::folders::{Held, LOCK, hold};
use crate::{ExampleError, require_empty, write_whole};

/// What says that a folder is ours.
const MARK: &str = "made-by-quickstart.txt";

/// Empties a folder of an earlier quickstart, or makes a new one.
///
/// # Errors
/// [`ExampleError::NotEmpty`] for a folder that holds something else, [`ExampleError::OutputHeld`] while another
/// quickstart is writing into it.
pub(super) fn renew(folder: &Path) -> Result<Held, ExampleError> {
    if !folder.join(MARK).is_file() {
        require_empty(folder)?;
    }
    let held = hold(folder)?;
    // The mark stays: what a killed run leaves is still known as ours.
    for entry in std::fs::read_dir(folder).map_err(ExampleError::io(folder))? {
        let path = entry.map_err(ExampleError::io(folder))?.path();
        if path.ends_with(MARK) || path.ends_with(LOCK) {
            continue;
        }
        let removed = match path.is_dir() && !path.is_symlink() {
            true => std::fs::remove_dir_all(&path),
            false => std::fs::remove_file(&path),
        };
        removed.map_err(ExampleError::io(&path))?;
    }
    let text = "Anneal's quickstart wrote this folder, and empties it when it runs again.\n";
    write_whole(&folder.join(MARK), text)?;
    Ok(held)
}
