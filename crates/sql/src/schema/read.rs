//! The schema of a SQLite file, by SQLite's own reading.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::ddl::table_comments;
use super::{Column, ForeignKey, Schema, Table};
use crate::{Database, SqlError};

impl Schema {
    /// Reads the schema of `database`.
    ///
    /// Tables stand in the order of their creation; SQLite's own tables, views and the shadow tables
    /// of virtual tables are left out, and columns that `SELECT *` hides. Unique sets are those of constraints
    /// and of whole unique indices. Comments are taken from the text that created the table, as
    /// [`Schema::parse`] does. The name is the file's, without its ending.
    ///
    /// # Errors
    /// If SQLite cannot read the schema.
    ///
    /// # Example
    /// ```
    /// use anneal_sql::{Budget, Database, Schema};
    /// let database = Database::from_context(
    ///     "CREATE TABLE film (id INTEGER PRIMARY KEY, -- its number
    ///                         market REFERENCES market, UNIQUE (market, id)); CREATE TABLE market (id)",
    ///     &Budget::default(),
    /// )?;
    /// let schema = Schema::read(&database)?;
    /// let film = &schema.tables[0];
    /// assert_eq!(film.primary_key, ["id"]);
    /// assert_eq!(film.unique, [["market", "id"]]);
    /// assert_eq!(film.foreign_keys[0].table, "market");
    /// assert_eq!(film.columns[0].comment.as_deref(), Some("its number"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(database: &Database) -> Result<Self, SqlError> {
        let file = database.path();
        let named = (file.as_os_str() != ":memory:")
            .then(|| file.file_stem())
            .flatten();
        let tables = database.own_query(|connection| {
            let mut tables = Vec::new();
            for (name, sql) in names(connection)? {
                tables.push(table(connection, name, &sql)?);
            }
            Ok(tables)
        })?;
        Ok(Self {
            name: named.map(|name| name.to_string_lossy().into_owned()),
            description: None,
            tables,
        })
    }
}

/// Names and texts of the tables.
fn names(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let select = |schema: &str, catalogue: &str| {
        format!(
            "SELECT name, sql FROM {catalogue}
             WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
               AND name NOT IN (SELECT name FROM pragma_table_list WHERE schema = '{schema}' AND type = 'shadow')
             ORDER BY rowid"
        )
    };
    let mut found = Vec::new();
    for (schema, catalogue) in [("main", "sqlite_schema"), ("temp", "sqlite_temp_schema")] {
        let mut statement = connection.prepare(&select(schema, catalogue))?;
        let names =
            statement.query_map([], |row| Ok((text(row.get_ref(0)?), text(row.get_ref(1)?))))?;
        for name in names {
            found.push(name?);
        }
    }
    Ok(found)
}

fn table(connection: &Connection, name: String, sql: &str) -> rusqlite::Result<Table> {
    let mut key = Vec::new();
    let mut columns = Vec::new();
    let mut statement = connection.prepare(
        "SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid",
    )?;
    let mut rows = statement.query([&name])?;
    while let Some(row) = rows.next()? {
        let column = Column {
            name: text(row.get_ref(0)?),
            declared_type: single_blanks(&text(row.get_ref(1)?)),
            not_null: row.get(2)?,
            ..Column::default()
        };
        match row.get::<_, i64>(3)? {
            0 => {}
            place => key.push((place, column.name.clone())),
        }
        columns.push(column);
    }
    key.sort();
    let mut table = Table {
        columns,
        primary_key: key.into_iter().map(|(_, name)| name).collect(),
        unique: unique(connection, &name)?,
        foreign_keys: foreign_keys(connection, &name)?,
        name,
        ..Table::default()
    };
    table_comments(&mut table, sql);
    table.tidy();
    Ok(table)
}

/// The columns of each unique index but the primary key's, oldest first.
fn unique(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Vec<String>>> {
    let mut statement = connection.prepare(
        "SELECT name FROM pragma_index_list(?1)
         WHERE \"unique\" AND origin <> 'pk' AND NOT partial ORDER BY seq DESC",
    )?;
    let indices: Vec<String> = statement
        .query_map([table], |row| Ok(text(row.get_ref(0)?)))?
        .collect::<Result<_, _>>()?;
    let mut columns =
        connection.prepare("SELECT name FROM pragma_index_info(?1) ORDER BY seqno")?;
    let mut found = Vec::new();
    for index in indices {
        // An expression has no name.
        let names: Option<Vec<String>> = columns
            .query_map([index], |row| row.get::<_, Option<String>>(0))?
            .collect::<Result<_, _>>()?;
        found.extend(names);
    }
    Ok(found)
}

/// The foreign keys in the order of their text; SQLite counts them from the last.
fn foreign_keys(connection: &Connection, table: &str) -> rusqlite::Result<Vec<ForeignKey>> {
    let mut statement = connection.prepare(
        "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1) ORDER BY id DESC, seq",
    )?;
    let mut rows = statement.query([table])?;
    let mut found: Vec<(i64, ForeignKey)> = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        if found.last().is_none_or(|(last, _)| *last != id) {
            let key = ForeignKey {
                columns: Vec::new(),
                table: text(row.get_ref(1)?),
                references: Vec::new(),
            };
            found.push((id, key));
        }
        if let Some((_, key)) = found.last_mut() {
            key.columns.push(text(row.get_ref(2)?));
            key.references.extend(row.get::<_, Option<String>>(3)?);
        }
    }
    Ok(found.into_iter().map(|(_, key)| key).collect())
}

fn single_blanks(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    }
}
