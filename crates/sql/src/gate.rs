//! What hostile SQL may reach inside SQLite: limits, defensive settings, and the authorizer.
//!
//! Lists of forbidden keywords are bypassed sooner or later; SQLite's authorizer
//! is asked about every single action of a statement while it is compiled, so an
//! allow-list there holds. The file is opened read-only besides.
//! See <https://www.sqlite.org/security.html>.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;

use crate::budget::{Meter, STEP};
use crate::{functions, math};

/// The longest query that is read, in bytes.
pub const MAX_SQL_BYTES: usize = 64 << 10;

/// The longest text, blob or row inside SQLite, in bytes.
///
/// It also bounds the time of a single operation, which nothing can interrupt. Functions
/// that are quadratic in it in SQLite (`instr`, `replace`, `trim(x, y)`) are replaced by
/// linear ones of the same results, `json_patch` is forbidden. A column with larger
/// values does no harm until a query reads it.
pub const MAX_VALUE_BYTES: usize = 256 << 10;

/// The most memory that SQLite may hold in this process, over all connections, in bytes.
///
/// SQLite has this limit once per process: the first [`Database`](crate::Database)
/// sets it, for every other user of the same SQLite library in the process too.
pub const MAX_HEAP_BYTES: usize = 512 << 20;

/// Functions that reach outside the database, or cannot be stopped. SQLite's library
/// lacks most of the former (they belong to its shell), or has them switched off; named all the same.
const FORBIDDEN_FUNCTIONS: [&str; 10] = [
    "load_extension",
    "readfile",
    "writefile",
    "edit",
    "fts3_tokenizer",
    "lsdir",
    "fsdir",
    "sqlite_log",
    // Quadratic in its arguments, and no reading query needs them.
    "json_patch",
    "jsonb_patch",
];

const LIMITS: [(Limit, i32); 9] = [
    (Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES as i32),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, MAX_SQL_BYTES as i32),
    // Recursion in SQLite's C code goes as deep as the expression.
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 500),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 100),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 250),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 100),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// One connection's guard: its meter, and what its authorizer has refused.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) meter: Meter,
    /// The crate's own queries (schema) pass the authorizer.
    own_query: AtomicBool,
    /// Tables may be created, in a database of our own.
    creating: AtomicBool,
    refused: Mutex<Option<String>>,
    /// Tables and columns that statements read, where somebody asks for them.
    reads: Mutex<Option<Vec<(String, String)>>>,
}

impl Gate {
    /// Hardens `connection` and puts a gate before it.
    pub(crate) fn close(connection: &mut Connection) -> rusqlite::Result<Arc<Self>> {
        for (limit, value) in LIMITS {
            connection.set_limit(limit, value)?;
        }
        for (setting, on) in [
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            (DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
        ] {
            connection.set_db_config(setting, on)?;
        }
        // Large sorts stay in memory, where the heap limit holds them, instead of
        // filling the disk. A pragma that answers with a row needs `query_row`.
        connection.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;")?;
        connection.query_row(
            &format!("PRAGMA hard_heap_limit = {MAX_HEAP_BYTES}"),
            [],
            |_| Ok(()),
        )?;

        functions::register(connection)?;
        math::register(connection)?;

        let gate = Arc::new(Self {
            meter: Meter::new(),
            own_query: AtomicBool::new(false),
            creating: AtomicBool::new(false),
            refused: Mutex::new(None),
            reads: Mutex::new(None),
        });
        let ticking = Arc::clone(&gate);
        connection.progress_handler(STEP as i32, Some(move || ticking.meter.tick()))?;
        let asked = Arc::clone(&gate);
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            asked.authorize(&context.action)
        }))?;
        Ok(gate)
    }

    /// Runs `work` past the authorizer and without limits. Only for SQL of this crate.
    pub(crate) fn open_for<T>(&self, work: impl FnOnce() -> T) -> T {
        self.meter.lift();
        self.own_query.store(true, Ordering::Relaxed);
        let result = work();
        self.own_query.store(false, Ordering::Relaxed);
        result
    }

    /// Runs `work` while tables may be created, and nothing else; the meter goes on.
    pub(crate) fn create_tables<T>(&self, work: impl FnOnce() -> T) -> T {
        self.creating.store(true, Ordering::Relaxed);
        let result = work();
        self.creating.store(false, Ordering::Relaxed);
        result
    }

    /// Does `work`; also the tables and columns that its statements read. A table of which no column is read has
    /// an empty column.
    pub(crate) fn reads_of<T>(&self, work: impl FnOnce() -> T) -> (T, Vec<(String, String)>) {
        let lock = || self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        *lock() = Some(Vec::new());
        let result = work();
        let reads = lock().take();
        (result, reads.unwrap_or_default())
    }

    /// What was refused since the last call.
    pub(crate) fn take_refused(&self) -> Option<String> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn authorize(&self, action: &AuthAction<'_>) -> Authorization {
        if self.own_query.load(Ordering::Relaxed) {
            return Authorization::Allow;
        }
        if let AuthAction::Read {
            table_name,
            column_name,
        } = action
            && let Some(reads) = &mut *self.reads.lock().unwrap_or_else(PoisonError::into_inner)
        {
            reads.push(((*table_name).to_owned(), (*column_name).to_owned()));
        }
        let allowed = match self.creating.load(Ordering::Relaxed) {
            true => creates_tables(action),
            false => reads(action),
        };
        if allowed {
            return Authorization::Allow;
        }
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        // The first refusal is the cause; SQLite may ask on.
        refused.get_or_insert_with(|| describe(action));
        Authorization::Deny
    }
}

/// Whether a query may do this.
fn reads(action: &AuthAction<'_>) -> bool {
    match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => true,
        AuthAction::Function { function_name } => is_harmless(function_name),
        // FTS5 asks for it whenever a full-text table is read; it only tells
        // whether the file has changed. A query's own PRAGMA is refused elsewhere.
        AuthAction::Pragma {
            pragma_name: "data_version",
            pragma_value: None,
        } => true,
        _ => false,
    }
}

/// Whether CREATE TABLE does this: it writes SQLite's own tables, which a statement of the context
/// cannot name itself (`SQLITE_DBCONFIG_DEFENSIVE`), and makes indices for its constraints.
fn creates_tables(action: &AuthAction<'_>) -> bool {
    match action {
        AuthAction::CreateTable { .. } | AuthAction::CreateTempTable { .. } => true,
        AuthAction::Insert { table_name } | AuthAction::Update { table_name, .. } => {
            matches!(*table_name, "sqlite_master" | "sqlite_temp_master")
        }
        // Constraints read columns; to read rows takes a SELECT.
        AuthAction::Read { .. } => true,
        // `sqlite_autoindex_…`; CREATE INDEX cannot give an index such a name.
        AuthAction::CreateIndex { index_name, .. }
        | AuthAction::CreateTempIndex { index_name, .. } => index_name.starts_with("sqlite_"),
        AuthAction::Function { function_name } => is_harmless(function_name),
        _ => false,
    }
}

fn is_harmless(function: &str) -> bool {
    !FORBIDDEN_FUNCTIONS
        .iter()
        .any(|name| name.eq_ignore_ascii_case(function))
}

/// The refused action in the words of SQL.
fn describe(action: &AuthAction<'_>) -> String {
    match action {
        AuthAction::Function { function_name } => format!("the function {function_name}"),
        AuthAction::Pragma { pragma_name, .. } => format!("PRAGMA {pragma_name}"),
        AuthAction::Select => "SELECT".into(),
        AuthAction::Attach { .. } => "ATTACH".into(),
        AuthAction::Detach { .. } => "DETACH".into(),
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => "transactions".into(),
        AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name }
            if table_name.starts_with("sqlite_") =>
        {
            "changes of the schema".into()
        }
        AuthAction::Insert { table_name } => format!("INSERT into {table_name}"),
        AuthAction::Update { table_name, .. } => format!("UPDATE of {table_name}"),
        AuthAction::Delete { table_name } => format!("DELETE from {table_name}"),
        AuthAction::Analyze { .. } => "ANALYZE".into(),
        AuthAction::Reindex { .. } => "REINDEX".into(),
        _ => "changes of the schema".into(),
    }
}
