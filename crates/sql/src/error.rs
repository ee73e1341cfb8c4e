//! What can go wrong: with a database file ([`SqlError`]), and with one query ([`QueryError`]).
//!
//! They are two types because they end differently: a database that does not
//! open stops a run, a query that fails is a verdict and the run goes on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A database file, or a folder of them, that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    /// No such file.
    #[error("{}: there is no such database file", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Something else than a SQLite database.
    #[error("{}: not a SQLite database: found {found}, expected a file that begins with \"SQLite format 3\"", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// The file is shorter than its header says.
    #[error("{}: the database file is truncated: found {found} bytes, its header promises {expected}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// The length that the header promises, in bytes.
        expected: u64,
    },
    /// Changes of a writer still wait in a side file, so the database file alone is not whole.
    #[error("{}: {} holds changes that are not in the database file yet; close its writer or run `PRAGMA wal_checkpoint(TRUNCATE)` first", path.display(), pending.display())]
    PendingChanges {
        /// The database file.
        path: PathBuf,
        /// Its write-ahead log or hot journal.
        pending: PathBuf,
    },
    /// The schema is not UTF-8, as SQLite requires of it.
    #[error("{}: the schema entry of `{name}` is not valid UTF-8", path.display())]
    SchemaEncoding {
        /// The file.
        path: PathBuf,
        /// The table, index, view or trigger, decoded lossily.
        name: String,
    },
    /// SQLite cannot read the file.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// A database id that would leave the folder of databases.
    #[error("the database id {db_id:?} is not a plain folder name")]
    DatabaseId {
        /// The id as found.
        db_id: String,
    },
}

/// Why a query has no result. This is a verdict on the query, and part of reports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum QueryError {
    /// Nothing but white space, comments and semicolons.
    #[error("the query is empty")]
    Empty,
    /// More than one statement.
    #[error("the query holds several statements, expected one")]
    SeveralStatements,
    /// The text is longer than [`MAX_SQL_BYTES`](crate::MAX_SQL_BYTES).
    #[error("the query is {found} bytes long, at most {limit} are read")]
    TooLong {
        /// Length of the text in bytes.
        found: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The query leaves values open (`?`, `:name`) that nobody gives.
    #[error("the query has {count} parameters without a value")]
    Parameters {
        /// How many.
        count: usize,
    },
    /// The query does something else than read: a write, `ATTACH`, `PRAGMA`, a file function.
    #[error("the query is not allowed to use {what}")]
    Forbidden {
        /// What it asked for.
        what: String,
    },
    /// SQLite's own complaint: syntax, unknown names, wrong arguments, an overflow.
    #[error("{message}")]
    Sqlite {
        /// SQLite's message.
        message: String,
    },
    /// More virtual-machine operations than the budget.
    #[error("the query took more than {limit} operations")]
    OverOperations {
        /// The budget.
        limit: u64,
    },
    /// More rows than the budget.
    #[error("the result has more than {limit} rows")]
    OverRows {
        /// The budget.
        limit: usize,
    },
    /// A result larger than the budget, or one value larger than
    /// [`MAX_VALUE_BYTES`](crate::MAX_VALUE_BYTES).
    #[error("a value or the result is larger than {limit} bytes")]
    OverBytes {
        /// The limit that was passed, in bytes.
        limit: usize,
    },
    /// More memory inside SQLite than the budget, or than [`MAX_HEAP_BYTES`](crate::MAX_HEAP_BYTES).
    #[error("the query needs more than {limit} bytes of memory")]
    OverMemory {
        /// The limit in bytes.
        limit: usize,
    },
    /// Longer than the budget's wall time.
    #[error("the query took more than {limit_ms} ms")]
    OverTime {
        /// The budget in milliseconds.
        limit_ms: u64,
    },
}
