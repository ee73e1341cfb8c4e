//! An empty database in memory, built from the CREATE TABLE text of a data set's row.
//!
//! Such a text is as hostile as a query: whoever wrote the data set wrote it. It may create tables and
//! nothing else; the same gate and budget hold as for queries ([`Database`]).

use std::path::PathBuf;
use std::sync::PoisonError;

use rusqlite::{Connection, OpenFlags};

use crate::gate::{Gate, MAX_SQL_BYTES};
use crate::heap::{self, HEAP};
use crate::lexer::{Token, tokens};
use crate::{Budget, Database, QueryError};

/// Why a context builds no database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The text as a whole: nothing in it, too long, a NUL character.
    #[error("the context: {source}")]
    Text {
        /// What is wrong with it.
        source: QueryError,
    },
    /// One of its statements.
    #[error("statement {number} of the context: {source}")]
    Statement {
        /// Which, from 1.
        number: usize,
        /// SQLite's verdict, or what the statement is not allowed to use.
        source: QueryError,
    },
}

impl ContextError {
    /// The verdict without the place.
    #[must_use]
    pub fn verdict(&self) -> &QueryError {
        match self {
            Self::Text { source } | Self::Statement { source, .. } => source,
        }
    }
}

impl Database {
    /// Builds an empty database in memory from `context`, CREATE TABLE statements with semicolons between.
    ///
    /// Allowed are tables of every kind but virtual ones and those made from a query, with their
    /// constraints; `budget`'s operations, memory and time are those of all statements together. Its path is
    /// `:memory:`.
    ///
    /// # Errors
    /// The first statement that fails; see [`ContextError`].
    ///
    /// # Example
    /// ```
    /// use anneal_sql::{Budget, Complaint, Database};
    ///
    /// let budget = Budget::default();
    /// let database = Database::from_context("CREATE TABLE pet (name TEXT); CREATE TABLE city (x)", &budget)?;
    /// assert!(database.query("SELECT name FROM pet", &budget)?.is_empty());
    /// let error = database.query("SELECT age FROM pet", &budget).unwrap_err();
    /// assert_eq!(error.complaint(), Complaint::UnknownColumn);
    ///
    /// let error = Database::from_context("CREATE TABLE pet (name TEXT); DROP TABLE pet", &budget).unwrap_err();
    /// assert_eq!(error.to_string(), "statement 2 of the context: the query is not allowed to use changes of the schema");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_context(context: &str, budget: &Budget) -> Result<Self, ContextError> {
        let statements = statements(context).map_err(|source| ContextError::Text { source })?;
        Self::from_statements(&statements, budget)
    }

    /// The database that these statements make; alone in SQLite's heap if it must.
    pub(crate) fn from_statements(
        statements: &[&str],
        budget: &Budget,
    ) -> Result<Self, ContextError> {
        let shared = HEAP.read().unwrap_or_else(PoisonError::into_inner);
        let result = Self::build(statements, budget, 0);
        drop(shared);
        let over = |error: &ContextError| matches!(error.verdict(), QueryError::OverMemory { .. });
        if !result.as_ref().is_err_and(over) {
            return result;
        }
        // As for queries: the memory may have been another thread's.
        let _alone = HEAP.write().unwrap_or_else(PoisonError::into_inner);
        Self::build(statements, budget, heap::used())
    }

    fn build(statements: &[&str], budget: &Budget, others: usize) -> Result<Self, ContextError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let mut connection = Connection::open_in_memory_with_flags(flags)?;
            let gate = Gate::close(&mut connection)?;
            Ok((connection, gate))
        };
        let (connection, gate) = open().map_err(|error: rusqlite::Error| ContextError::Text {
            source: QueryError::Sqlite {
                message: error.to_string(),
            },
        })?;
        let database = Self {
            path: PathBuf::from(":memory:"),
            connection,
            gate,
        };
        database.gate.meter.start(budget, others);
        for (index, statement) in statements.iter().enumerate() {
            let result = database
                .gate
                .create_tables(|| database.connection.prepare(statement)?.raw_execute());
            // A refusal is the cause of the error that SQLite reports.
            let failed = match (result, database.gate.take_refused()) {
                (_, Some(what)) => Some(QueryError::Forbidden { what }),
                (Err(error), None) => Some(database.verdict(&error, budget)),
                (Ok(_), None) => None,
            };
            if let Some(source) = failed {
                return Err(ContextError::Statement {
                    number: index + 1,
                    source,
                });
            }
        }
        Ok(database)
    }
}

/// The statements of `context`, without semicolons and what stands around them.
fn statements(context: &str) -> Result<Vec<&str>, QueryError> {
    if context.len() > MAX_SQL_BYTES {
        return Err(QueryError::TooLong {
            found: context.len(),
            limit: MAX_SQL_BYTES,
        });
    }
    if let Some(at) = context.find('\0') {
        let message = format!("a NUL character at byte {at}");
        return Err(QueryError::Sqlite { message });
    }
    let mut statements = Vec::new();
    let mut span: Option<(usize, usize)> = None;
    for token in tokens(context).filter(Token::is_code) {
        if token.text == ";" {
            statements.extend(span.take().map(|(start, end)| &context[start..end]));
        } else {
            span = Some((span.map_or(token.start, |(start, _)| start), token.end()));
        }
    }
    statements.extend(span.map(|(start, end)| &context[start..end]));
    match statements.is_empty() {
        true => Err(QueryError::Empty),
        false => Ok(statements),
    }
}
