//! Generated rows into SQLite.

use rusqlite::Connection;
use rusqlite::limits::Limit;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use super::data::Row;
use crate::{Affinity, Budget, Column, ContextError, Database, Schema, SqlError, Table, Value};

/// `CREATE TABLE` for each table, with keys and NOT NULL.
///
/// Foreign keys are left out: the rows keep them, and SQLite needs not check.
pub(super) fn tables(schema: &Schema) -> Vec<String> {
    schema.tables.iter().map(create).collect()
}

fn create(table: &Table) -> String {
    let mut parts: Vec<String> = table.columns.iter().map(column).collect();
    let mut key = |word: &str, names: &[String]| {
        if !names.is_empty() {
            let names: Vec<String> = names.iter().map(|name| quote(name)).collect();
            parts.push(format!("{word} ({})", names.join(", ")));
        }
    };
    key("PRIMARY KEY", &table.primary_key);
    for names in &table.unique {
        key("UNIQUE", names);
    }
    format!("CREATE TABLE {} ({})", quote(&table.name), parts.join(", "))
}

fn column(column: &Column) -> String {
    let not_null = if column.not_null { " NOT NULL" } else { "" };
    format!("{} {}{not_null}", quote(&column.name), declared(column))
}

/// The declared type, if it is nothing but one; otherwise a type of the same affinity.
fn declared(column: &Column) -> &str {
    let text = column.declared_type.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '(' | ')' | ',');
    let open = text.find('(').unwrap_or(text.len());
    let (name, size) = text.split_at(open);
    let digits = |c: char| c.is_ascii_digit() || matches!(c, ' ' | ',');
    let sized = size.is_empty()
        || size
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            .is_some_and(|size| !size.trim().is_empty() && size.chars().all(digits));
    let words = name.split_whitespace().all(|word| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && TYPE_WORDS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(word))
    });
    if text.chars().all(plain) && sized && words {
        return text;
    }
    match column.affinity() {
        Affinity::Integer => "INT",
        Affinity::Text => "TEXT",
        Affinity::Blob => "",
        Affinity::Real => "REAL",
        Affinity::Numeric => "NUMERIC",
    }
}

/// Words that may stand in a type; others could be constraints.
const TYPE_WORDS: [&str; 36] = [
    "INT",
    "INTEGER",
    "TINYINT",
    "SMALLINT",
    "MEDIUMINT",
    "BIGINT",
    "INT2",
    "INT4",
    "INT8",
    "UNSIGNED",
    "BIG",
    "CHARACTER",
    "CHAR",
    "VARCHAR",
    "VARYING",
    "NCHAR",
    "NATIVE",
    "NVARCHAR",
    "VARCHAR2",
    "TEXT",
    "CLOB",
    "BLOB",
    "REAL",
    "DOUBLE",
    "PRECISION",
    "FLOAT",
    "NUMERIC",
    "NUMBER",
    "DECIMAL",
    "BOOL",
    "BOOLEAN",
    "DATE",
    "DATETIME",
    "TIME",
    "TIMESTAMP",
    "YEAR",
];

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// An empty database with these tables.
pub(super) fn empty(tables: &[String]) -> Result<Database, ContextError> {
    let statements: Vec<&str> = tables.iter().map(String::as_str).collect();
    // No stopwatch: what is made must not depend on the machine's load.
    let budget = Budget {
        wall: None,
        ..Budget::default()
    };
    Database::from_statements(&statements, &budget)
}

/// A value as a parameter.
struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(value) => ValueRef::Integer(*value),
            Value::Real(value) => ValueRef::Real(*value),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Replaces everything in `database` by these rows, in their order or `reversed`. A row that SQLite
/// does not take is left out of `rows` too, so that both orders hold the same.
pub(super) fn insert(
    database: &Database,
    schema: &Schema,
    rows: &mut [Vec<Row>],
    reversed: bool,
) -> Result<(), SqlError> {
    database.own_query(|connection| {
        // One statement for a row, also for tables with more columns than a query may have parameters.
        let limit = connection.limit(Limit::SQLITE_LIMIT_VARIABLE_NUMBER)?;
        connection.set_limit(Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 32_766)?;
        let result = insert_all(connection, schema, rows, reversed);
        connection.set_limit(Limit::SQLITE_LIMIT_VARIABLE_NUMBER, limit)?;
        result
    })
}

fn insert_all(
    connection: &Connection,
    schema: &Schema,
    rows: &mut [Vec<Row>],
    reversed: bool,
) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN")?;
    for (table, rows) in schema.tables.iter().zip(rows) {
        let name = quote(&table.name);
        connection
            .prepare_cached(&format!("DELETE FROM {name}"))?
            .execute([])?;
        if rows.is_empty() {
            continue;
        }
        let marks = vec!["?"; table.columns.len()].join(",");
        let mut statement =
            connection.prepare_cached(&format!("INSERT OR IGNORE INTO {name} VALUES ({marks})"))?;
        let mut taken = Vec::with_capacity(rows.len());
        let mut order: Vec<usize> = (0..rows.len()).collect();
        if reversed {
            order.reverse();
        }
        for &at in &order {
            // A datatype mismatch is an error even under IGNORE.
            taken.push(
                statement
                    .execute(rusqlite::params_from_iter(rows[at].iter().map(Bound)))
                    .is_ok_and(|count| count == 1),
            );
        }
        if reversed {
            taken.reverse();
        }
        let mut taken = taken.into_iter();
        rows.retain(|_| taken.next().unwrap_or(false));
    }
    connection.execute_batch("COMMIT")
}
