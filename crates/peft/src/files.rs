//! The names of PEFT's two files, and writing a file whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use crate::PeftError;

/// The settings.
pub(crate) const CONFIG_FILE: &str = "adapter_config.json";
/// The tensors.
pub(crate) const WEIGHTS_FILE: &str = "adapter_model.safetensors";

/// Reads a whole file.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, PeftError> {
    fs::read(file).map_err(|source| PeftError::Read {
        file: file.into(),
        source,
    })
}

/// Writes `bytes` beside `file` and renames the result, so that a reader, or a
/// crash, never meets half a file.
pub(crate) fn write_atomically(file: &Path, bytes: &[u8]) -> Result<(), PeftError> {
    let mut temporary = file.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = Path::new(&temporary);
    let written = write_synced(temporary, bytes).and_then(|()| fs::rename(temporary, file));
    written.map_err(|source| {
        // The first failure is the one to tell; what is left behind is only litter.
        let _ = fs::remove_file(temporary);
        PeftError::Write {
            file: file.into(),
            source,
        }
    })
}

/// Writes a file and waits until the disk has it.
fn write_synced(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut out = File::create(file)?;
    out.write_all(bytes)?;
    out.sync_all()
}
