//! Documents that are there whole or not at all, and are read strictly.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::ManifestError;

/// Writes a document as JSON with a last line break: under another name in the same folder, synced, and
/// renamed, so that whoever reads `path` finds the document before or the one after.
pub(super) fn write<T: Serialize>(
    path: &Path,
    what: &'static str,
    document: &T,
) -> Result<(), ManifestError> {
    let serialize = |source| ManifestError::Serialize { what, source };
    let mut text = serde_json::to_string_pretty(document).map_err(serialize)?;
    text.push('\n');
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    // Two processes that write at once do not write into one file.
    name.push(format!(".writing-{}", std::process::id()));
    let writing = path.with_file_name(name);
    let written = write_synced(&writing, text.as_bytes())
        .and_then(|()| fs::rename(&writing, path).map_err(io("rename", &writing)));
    if let Err(error) = written {
        // Half a file is of no use to anyone; what went wrong first is what is told.
        let _ = fs::remove_file(&writing);
        return Err(error);
    }
    // Makes the name durable. Windows cannot sync a folder, and does not need to.
    if cfg!(unix) {
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let open = File::open(folder).map_err(io("open", folder))?;
        open.sync_all().map_err(io("sync", folder))?;
    }
    Ok(())
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), ManifestError> {
    let mut file = File::create(path).map_err(io("write", path))?;
    file.write_all(bytes).map_err(io("write", path))?;
    file.sync_all().map_err(io("sync", path))
}

/// Reads a document whose key `version` must be this one.
pub(super) fn read<T: DeserializeOwned>(path: &Path, version: u32) -> Result<T, ManifestError> {
    /// The version first: another one may have other keys.
    #[derive(serde::Deserialize)]
    struct Version {
        version: Value,
    }
    let text = fs::read(path).map_err(io("read", path))?;
    let found: Version = parse(path, &text)?;
    if found.version != version {
        return Err(ManifestError::Version {
            path: path.to_owned(),
            found: found.version.to_string(),
            expected: version,
        });
    }
    parse(path, &text)
}

fn parse<T: DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T, ManifestError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let document = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let key = match error.path().to_string().as_str() {
            "." => "at the top".to_owned(),
            key => format!("at `{key}`"),
        };
        wrong(path, key, error.into_inner())
    })?;
    let end = deserializer.end();
    end.map_err(|error| wrong(path, "at the end".to_owned(), error))?;
    Ok(document)
}

fn wrong(path: &Path, key: String, source: serde_json::Error) -> ManifestError {
    let path = path.to_owned();
    match source.classify() {
        Category::Eof => ManifestError::Truncated {
            path,
            line: source.line(),
            column: source.column(),
        },
        Category::Data => ManifestError::Key { path, key, source },
        Category::Syntax | Category::Io => ManifestError::Json { path, source },
    }
}

pub(super) fn io(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(std::io::Error) -> ManifestError + use<> {
    let path = path.to_owned();
    move |source| ManifestError::Io {
        action,
        path,
        source,
    }
}
