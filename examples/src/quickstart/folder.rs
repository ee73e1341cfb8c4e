//! A folder that may be made again, and no other.

use std::path::Path;

use crate::{ExampleError, write_whole};

/// What says that a folder is ours.
const MARK: &str = "made-by-quickstart.txt";

/// Empties a folder of an earlier quickstart, or makes a new one.
///
/// # Errors
/// [`ExampleError::NotEmpty`] for a folder that holds something else.
pub(super) fn renew(folder: &Path) -> Result<(), ExampleError> {
    if folder.exists() {
        let ours = folder.join(MARK).is_file();
        let refused = ExampleError::io(folder);
        if !ours {
            let empty = std::fs::read_dir(folder).map_err(refused)?.next().is_none();
            if !empty {
                return Err(ExampleError::NotEmpty {
                    path: folder.to_owned(),
                });
            }
        } else {
            // The mark goes last: what a killed run leaves is still known as ours.
            for entry in std::fs::read_dir(folder).map_err(refused)? {
                let path = entry.map_err(ExampleError::io(folder))?.path();
                if path.ends_with(MARK) {
                    continue;
                }
                let removed = match path.is_dir() && !path.is_symlink() {
                    true => std::fs::remove_dir_all(&path),
                    false => std::fs::remove_file(&path),
                };
                removed.map_err(ExampleError::io(&path))?;
            }
        }
    }
    std::fs::create_dir_all(folder).map_err(ExampleError::io(folder))?;
    let text = "Anneal's quickstart wrote this folder, and empties it when it runs again.\n";
    write_whole(&folder.join(MARK), text)
}
