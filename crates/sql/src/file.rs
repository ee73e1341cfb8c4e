//! A look at a database file before SQLite opens it.
//!
//! SQLite itself answers "unable to open" or "malformed" only when it touches a
//! bad page, perhaps in the middle of a run; the header tells more, and earlier.
//! Layout: <https://www.sqlite.org/fileformat2.html>, sections 1.3 and 3.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::SqlError;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEADER: usize = 100;
/// First bytes of a rollback journal that still has to be played back.
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// Refuses a file that is no whole SQLite database, or whose changes lie partly beside it.
pub(crate) fn check(path: &Path) -> Result<(), SqlError> {
    let metadata = std::fs::metadata(path).map_err(|error| io(path, error))?;
    let not_a_database = |found: String| SqlError::NotADatabase {
        path: path.to_owned(),
        found,
    };
    if metadata.is_dir() {
        return Err(not_a_database("a folder".into()));
    }
    let header = head(path, HEADER)?;
    if header.is_empty() {
        return Err(not_a_database("an empty file".into()));
    }
    let start = &header[..header.len().min(MAGIC.len())];
    if !MAGIC.starts_with(start) {
        return Err(not_a_database(format!("\"{}\"", start.escape_ascii())));
    }
    let truncated = |expected: u64| SqlError::Truncated {
        path: path.to_owned(),
        found: metadata.len(),
        expected,
    };
    if header.len() < HEADER {
        return Err(truncated(HEADER as u64));
    }
    let expected = promised_length(&header);
    if metadata.len() < expected {
        return Err(truncated(expected));
    }
    pending_changes(path)
}

/// The `file:` address under which SQLite opens `path` without locks and without writing.
///
/// `immutable=1` makes SQLite skip locks, journals and shared memory, so that
/// nothing appears beside the file either.
pub(crate) fn uri(path: &Path) -> Result<String, SqlError> {
    let absolute = std::path::absolute(path).map_err(|error| io(path, error))?;
    let mut uri = String::from("file://");
    let bytes = absolute.as_os_str().as_encoded_bytes();
    if bytes.first() != Some(&b'/') {
        uri.push('/');
    }
    for &byte in bytes {
        match byte {
            b'\\' if cfg!(windows) => uri.push('/'),
            b'/' | b':' | b'.' | b'_' | b'-' => uri.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?mode=ro&immutable=1");
    Ok(uri)
}

/// Page size times page count, or 0 where the header's count is not kept up to date.
fn promised_length(header: &[u8]) -> u64 {
    let word = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    // Writers before SQLite 3.7 leave the count stale; then the two counters differ.
    if word(24) != word(92) {
        return 0;
    }
    let page_size = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    page_size * u64::from(word(28))
}

fn pending_changes(path: &Path) -> Result<(), SqlError> {
    let pending = |pending: PathBuf| SqlError::PendingChanges {
        path: path.to_owned(),
        pending,
    };
    let wal = beside(path, "-wal");
    if std::fs::metadata(&wal).is_ok_and(|metadata| metadata.len() > 0) {
        return Err(pending(wal));
    }
    let journal = beside(path, "-journal");
    if head(&journal, JOURNAL_MAGIC.len()).is_ok_and(|bytes| bytes == JOURNAL_MAGIC) {
        return Err(pending(journal));
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn head(path: &Path, length: usize) -> Result<Vec<u8>, SqlError> {
    let mut bytes = Vec::with_capacity(length);
    File::open(path)
        .and_then(|file| file.take(length as u64).read_to_end(&mut bytes))
        .map_err(|error| io(path, error))?;
    Ok(bytes)
}

fn io(path: &Path, source: std::io::Error) -> SqlError {
    let path = path.to_owned();
    if source.kind() == ErrorKind::NotFound {
        SqlError::Missing { path }
    } else {
        SqlError::Io { path, source }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_add_options_to_its_address() {
        let found = uri(Path::new("/data/a b?mode=rw#x%41.sqlite")).unwrap();
        assert_eq!(
            found,
            "file:///data/a%20b%3Fmode%3Drw%23x%2541.sqlite?mode=ro&immutable=1"
        );
    }
}
