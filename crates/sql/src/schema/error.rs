//! What can go wrong with schemas.

use std::path::PathBuf;

use crate::{ContextError, SqlError};

/// A schema that cannot be read from text or from a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The text is longer than [`MAX_SCHEMA_TEXT_BYTES`](crate::MAX_SCHEMA_TEXT_BYTES).
    #[error("the text is {found} bytes long, at most {limit} are read")]
    TooLong {
        /// Its length in bytes.
        found: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// No CREATE TABLE in it.
    #[error("the text creates no table")]
    NoTables,
    /// A quote or comment that nothing closes, so that a CREATE TABLE has become part of a string.
    #[error(
        "line {line}: nothing closes the quote or comment that begins here, and a CREATE TABLE stands in a string; is there an odd quote before?"
    )]
    Unclosed {
        /// The line where it begins, from 1.
        line: usize,
    },
    /// A CREATE TABLE that no dialect takes.
    #[error("statement {number}, line {line}: no dialect takes this CREATE TABLE: {message}")]
    Statement {
        /// Which statement, from 1.
        number: usize,
        /// The line where it begins, from 1.
        line: usize,
        /// The words of the parser that came furthest, with the line and column in the text.
        message: String,
    },
    /// A statement too large to be parsed safely.
    #[error("statement {number}, line {line}: found {found} {unit}, at most {limit} are read")]
    StatementTooLarge {
        /// Which statement, from 1.
        number: usize,
        /// The line where it begins, from 1.
        line: usize,
        /// What was counted.
        found: usize,
        /// The limit.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// A CREATE TABLE without a column, such as one from a query.
    #[error("statement {number}, line {line}: table {table:?} has no columns in the text")]
    NoColumns {
        /// Which statement, from 1.
        number: usize,
        /// The line where it begins, from 1.
        line: usize,
        /// The table.
        table: String,
    },
    /// A second table of the same name.
    #[error("statement {number}, line {line}: table {table:?} is there already")]
    DuplicateTable {
        /// Which statement, from 1.
        number: usize,
        /// The line where it begins, from 1.
        line: usize,
        /// The table.
        table: String,
    },
    /// A second column of the same name.
    #[error("statement {number}, line {line}: table {table:?} has the column {column:?} twice")]
    DuplicateColumn {
        /// Which statement, from 1.
        number: usize,
        /// The line where it begins, from 1.
        line: usize,
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A context that neither SQLite nor any other dialect takes.
    #[error("SQLite does not take the context ({sqlite}), nor does another dialect ({parser})")]
    Neither {
        /// SQLite's reason.
        sqlite: ContextError,
        /// The other dialects' reason.
        parser: Box<SchemaError>,
    },
    /// SQLite cannot read a database's schema.
    #[error(transparent)]
    Database(#[from] SqlError),
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A file that is no list of schemas in JSON.
    #[error("{}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The parser's reason, with line and column.
        source: serde_json::Error,
    },
    /// A schema in Spider's `tables.json` that contradicts itself.
    #[error("{}: db_id {db_id:?}, {field}: found {found}, expected {expected}", path.display())]
    Spider {
        /// The file.
        path: PathBuf,
        /// The database.
        db_id: String,
        /// The field and the place in it.
        field: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
}

/// A selection that a schema cannot fulfil.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// No such table.
    #[error("there is no table {name:?}{}", near(nearest))]
    Table {
        /// The name as asked for.
        name: String,
        /// The tables with the most similar names, nearest first.
        nearest: Vec<String>,
    },
    /// No such column.
    #[error("table {table:?} has no column {name:?}{}", near(nearest))]
    Column {
        /// The table.
        table: String,
        /// The name as asked for.
        name: String,
        /// The columns with the most similar names, nearest first.
        nearest: Vec<String>,
    },
    /// An empty list of columns, which would leave a table that SQL cannot write.
    #[error(
        "no columns of table {table:?} are selected: found an empty list, expected columns, or none given for the whole table"
    )]
    NoColumns {
        /// The table.
        table: String,
    },
}

fn near(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!("; the nearest: {}", names.join(", ")),
    }
}
