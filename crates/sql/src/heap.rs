//! How much memory SQLite holds, and who may use it now.

use std::sync::RwLock;

/// Held for reading by everything that uses SQLite here, for writing by a query
/// that must have its heap alone.
pub(crate) static HEAP: RwLock<()> = RwLock::new(());

/// Bytes that SQLite holds in this process, over all connections and threads.
///
/// SQLite offers this figure to C alone: no pragma and no SQL function gives it, and
/// rusqlite does not wrap it. This is the only unsafe place of the crate.
#[expect(unsafe_code, reason = "a counter that only the C interface gives")]
pub(crate) fn used() -> usize {
    // SAFETY: the function takes no pointer, has no precondition, and may be called
    // from any thread at any time (https://www.sqlite.org/c3ref/memory_highwater.html);
    // it initialises nothing and reads a counter under SQLite's own lock.
    let bytes = unsafe { rusqlite::ffi::sqlite3_memory_used() };
    usize::try_from(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_in_memory_takes_what_it_holds() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let before = used();
        connection
            .execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(8000000))")
            .unwrap();
        // Other tests use SQLite at the same time, but none of them frees megabytes.
        assert!(used() > before + 4_000_000, "{before} {}", used());
    }
}
