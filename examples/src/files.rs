//! Files that are there whole or not at all.

use std::path::{Path, PathBuf};

use crate::ExampleError;

/// Writes beside the place and renames, so that a reader or a killed process
/// never leaves half a file under the name.
///
/// # Errors
/// [`ExampleError::Io`] if the file can't be written.
pub fn write_whole(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), ExampleError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    std::fs::write(&partial, bytes).map_err(ExampleError::io(&partial))?;
    std::fs::rename(&partial, path).map_err(ExampleError::io(path))
}

/// Writes a value as JSON, whole or not at all.
///
/// # Errors
/// [`ExampleError::Io`] if the file can't be written.
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), ExampleError> {
    let mut text = serde_json::to_string_pretty(value).map_err(ExampleError::json(path))?;
    text.push('\n');
    write_whole(path, text)
}
