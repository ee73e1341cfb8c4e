//! One SQLite file, open for reading by SQL that nobody vouches for.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::budget::Tripped;
use crate::gate::{Gate, MAX_HEAP_BYTES, MAX_VALUE_BYTES};
use crate::heap::{self, HEAP};
use crate::lexer::{single_statement, tokens};
use crate::{Budget, QueryError, Rows, SqlError, Value, file};

/// A SQLite database file, opened so that no query can change, lock or leave it.
///
/// The file is opened with `mode=ro` and `immutable=1`: SQLite takes no lock,
/// writes nothing and creates no file beside it, also for a database in
/// write-ahead mode and in a folder that cannot be written. In return the file
/// must stay as it is while it is open, and changes that still wait in a `-wal`
/// file or a hot `-journal` would be overlooked; [`Database::open`] refuses such
/// a file instead.
///
/// A `Database` can be sent to another thread but not shared; open one per thread.
///
/// ```
/// use anneal_sql::{Budget, Database, QueryError, Value};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("one.sqlite");
/// rusqlite::Connection::open(&path)?.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (2.5)")?;
///
/// let database = Database::open(&path)?;
/// let rows = database.query("SELECT x * 2, 'a' FROM t; -- done", &Budget::default())?;
/// assert_eq!(rows.rows(), [[Value::Integer(5), Value::Text("a".into())]]);
/// assert_eq!(
///     database.query("SELECT 1; SELECT 2", &Budget::default()),
///     Err(QueryError::SeveralStatements)
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Database {
    pub(crate) path: PathBuf,
    pub(crate) connection: Connection,
    pub(crate) gate: Arc<Gate>,
}

impl Database {
    /// Opens `path` for reading.
    ///
    /// # Errors
    /// A missing file, something else than a SQLite database, a truncated one,
    /// changes that wait in a side file, or a schema that SQLite cannot read;
    /// each names the path.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SqlError> {
        let path = path.as_ref().to_owned();
        file::check(&path)?;
        let unreadable = |source| SqlError::Unreadable {
            path: path.clone(),
            source,
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let address = file::uri(&path)?;
        let open = || {
            let _shared = HEAP.read().unwrap_or_else(PoisonError::into_inner);
            let mut connection = Connection::open_with_flags(address, flags)?;
            let gate = Gate::close(&mut connection)?;
            Ok((connection, gate))
        };
        let (connection, gate) = open().map_err(unreadable)?;
        let database = Self {
            path: path.clone(),
            connection,
            gate,
        };
        database.check_schema()?;
        database.connect_virtual_tables()?;
        Ok(database)
    }

    /// The file; `:memory:` for one that was built from a context.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs one `SELECT` (or `WITH … SELECT`, `VALUES`) within `budget`.
    ///
    /// Semicolons and comments around the statement are allowed. Text is decoded
    /// lossily: bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// A verdict on the query; see [`QueryError`].
    pub fn query(&self, sql: &str, budget: &Budget) -> Result<Rows, QueryError> {
        let statement = single_statement(sql)?;
        let shared = HEAP.read().unwrap_or_else(PoisonError::into_inner);
        let result = self.attempt(statement, budget, 0);
        drop(shared);
        if !matches!(result, Err(QueryError::OverMemory { .. })) {
            return result;
        }
        // SQLite counts the memory of all threads as one, so it may have been
        // another query's. The verdict must not depend on the neighbours: try alone,
        // and from an empty page cache, so that it does not depend on the past either.
        let _alone = HEAP.write().unwrap_or_else(PoisonError::into_inner);
        // Nothing to release is no failure of the query.
        let _ = self.connection.release_memory();
        self.attempt(statement, budget, heap::used())
    }

    /// Runs SQL of this crate, past the gate.
    pub(crate) fn own_query<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, SqlError> {
        let shared = HEAP.read().unwrap_or_else(PoisonError::into_inner);
        let result = self.gate.open_for(|| work(&self.connection));
        drop(shared);
        result.map_err(|source| SqlError::Unreadable {
            path: self.path.clone(),
            source,
        })
    }

    fn attempt(&self, statement: &str, budget: &Budget, others: usize) -> Result<Rows, QueryError> {
        self.gate.meter.start(budget, others);
        let result = self.run(statement, budget);
        // Also after a success: a refusal must never pass on to the next query.
        let refused = self.gate.take_refused();
        match (result, refused) {
            (_, Some(what)) => Err(QueryError::Forbidden { what }),
            (Ok(rows), None) => Ok(rows),
            (Err(Failure::Verdict(verdict)), None) => Err(verdict),
            (Err(Failure::Sqlite(error)), None) => Err(self.verdict(&error, budget)),
        }
    }

    fn run(&self, statement: &str, budget: &Budget) -> Result<Rows, Failure> {
        let forbidden = |what: &str| QueryError::Forbidden { what: what.into() };
        // The authorizer refuses pragmas too, all but one that virtual tables need.
        if tokens(statement)
            .next()
            .is_some_and(|first| first.is_word("pragma"))
        {
            return Err(forbidden("PRAGMA").into());
        }
        let mut prepared = self.connection.prepare(statement)?;
        if prepared.is_explain() != 0 {
            return Err(forbidden("EXPLAIN").into());
        }
        if !prepared.readonly() || prepared.column_count() == 0 {
            return Err(forbidden("anything but a SELECT").into());
        }
        if prepared.parameter_count() > 0 {
            let count = prepared.parameter_count();
            return Err(QueryError::Parameters { count }.into());
        }
        let columns: Vec<String> = prepared.column_names().map(str::to_owned).collect();
        let mut bytes: usize = columns.iter().map(String::len).sum();
        let mut collected = Vec::new();
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next()? {
            if collected.len() == budget.rows {
                return Err(QueryError::OverRows { limit: budget.rows }.into());
            }
            let mut values = Vec::with_capacity(columns.len());
            for column in 0..columns.len() {
                let value = decode(row.get_ref(column)?);
                bytes += value.cost();
                if bytes > budget.bytes {
                    return Err(QueryError::OverBytes {
                        limit: budget.bytes,
                    }
                    .into());
                }
                values.push(value);
            }
            collected.push(values);
        }
        Ok(Rows::new(columns, collected))
    }

    /// SQLite's error code in the crate's terms.
    pub(crate) fn verdict(&self, error: &rusqlite::Error, budget: &Budget) -> QueryError {
        match self.gate.meter.tripped() {
            Some(Tripped::Operations) => {
                let limit = budget.operations;
                return QueryError::OverOperations { limit };
            }
            Some(Tripped::Time) => {
                let wall = budget.wall.unwrap_or_default();
                let limit_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
                return QueryError::OverTime { limit_ms };
            }
            Some(Tripped::Memory) => {
                let limit = budget.memory;
                return QueryError::OverMemory { limit };
            }
            None => {}
        }
        match (error, error.sqlite_error_code()) {
            (rusqlite::Error::MultipleStatement, _) => QueryError::SeveralStatements,
            (_, Some(ErrorCode::TooBig)) => QueryError::OverBytes {
                limit: MAX_VALUE_BYTES,
            },
            (_, Some(ErrorCode::OutOfMemory)) => QueryError::OverMemory {
                limit: MAX_HEAP_BYTES,
            },
            (rusqlite::Error::SqlInputError { msg, .. }, _)
            | (rusqlite::Error::SqliteFailure(_, Some(msg)), _) => QueryError::Sqlite {
                message: msg.clone(),
            },
            _ => QueryError::Sqlite {
                message: error.to_string(),
            },
        }
    }

    /// Reads the whole schema once: SQLite parses it here, and names that are not
    /// UTF-8 would reach the authorizer's callback, which cannot take them.
    fn check_schema(&self) -> Result<(), SqlError> {
        let damaged = self.own_query(|connection| {
            let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema")?;
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next()? {
                for column in 0..2 {
                    if let ValueRef::Text(bytes) = row.get_ref(column)?
                        && std::str::from_utf8(bytes).is_err()
                    {
                        let name = row.get_ref(0)?.as_bytes().unwrap_or_default();
                        return Ok(Some(String::from_utf8_lossy(name).into_owned()));
                    }
                }
            }
            Ok(None)
        })?;
        match damaged {
            None => Ok(()),
            Some(name) => Err(SqlError::SchemaEncoding {
                path: self.path.clone(),
                name,
            }),
        }
    }

    /// Connects virtual tables now: some modules (R-tree) prepare their writing
    /// statements when they connect, which the authorizer would refuse later.
    fn connect_virtual_tables(&self) -> Result<(), SqlError> {
        self.own_query(|connection| {
            let mut statement = connection.prepare(
                "SELECT format('SELECT 1 FROM \"%w\" LIMIT 0', name) FROM sqlite_schema
                 WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL%'",
            )?;
            let selects = statement.query_map([], |row| row.get::<_, String>(0))?;
            for select in selects {
                // A table whose module is not there cannot be read; the others can.
                let _ = connection.prepare(&select?);
            }
            Ok(())
        })
    }
}

/// An error inside a query before it is put in the crate's terms.
enum Failure {
    Verdict(QueryError),
    Sqlite(rusqlite::Error),
}

impl From<QueryError> for Failure {
    fn from(verdict: QueryError) -> Self {
        Self::Verdict(verdict)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn decode(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}
