//! A database that was made: tables with contents, and words for them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anneal_sql::{Column, ForeignKey, Schema, SchemaForm, Table, Value};
use rusqlite::Connection;

use crate::ExampleError;

/// A database.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// Its name, which is that of its file.
    pub name: String,
    /// Its tables; a table comes after those that it points to.
    pub tables: Vec<MadeTable>,
}

/// A table with its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeTable {
    /// Its name.
    pub name: String,
    /// Words for one of its rows and for several.
    pub nouns: Vec<[String; 2]>,
    /// The primary key first, then the others.
    pub columns: Vec<MadeColumn>,
    /// Values in the order of the columns.
    pub rows: Vec<Vec<Value>>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeColumn {
    /// Its name.
    pub name: String,
    /// `INTEGER`, `REAL` or `TEXT`.
    pub sql_type: &'static str,
    /// What people call it.
    pub phrases: Vec<String>,
    /// The table and column that it points to.
    pub reference: Option<[String; 2]>,
}

impl Made {
    /// The schema with its keys.
    pub fn schema(&self) -> Schema {
        Schema {
            name: Some(self.name.clone()),
            tables: self.tables.iter().map(MadeTable::schema).collect(),
            ..Schema::default()
        }
    }

    /// The schema as prompts show it: what [`anneal_sql::schema_text`] writes of the file.
    pub fn context(&self) -> String {
        self.schema().render(&SchemaForm::CreateTable.style())
    }

    /// CREATE TABLE and INSERT statements.
    pub fn script(&self) -> String {
        let mut text = String::new();
        for table in &self.tables {
            table.write(&mut text);
        }
        text
    }

    /// Where the database lies in a folder of databases: `folder/name/name.sqlite`.
    pub fn path(&self, folder: &Path) -> PathBuf {
        folder
            .join(&self.name)
            .join(format!("{}.sqlite", self.name))
    }

    /// Writes the database as an SQLite file to its [`path`](Self::path).
    ///
    /// # Errors
    /// [`ExampleError::Io`] if the folder can't be made,
    /// [`ExampleError::MadeDatabase`] if SQLite refuses.
    pub fn write(&self, folder: &Path) -> Result<(), ExampleError> {
        let path = self.path(folder);
        let folder = folder.join(&self.name);
        std::fs::create_dir_all(&folder).map_err(ExampleError::io(&folder))?;
        let refused = |source| ExampleError::MadeDatabase {
            path: path.clone(),
            source,
        };
        // It is made in one go and read afterwards: a journal would only cost.
        let settings = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;";
        let text = format!("{settings} {} COMMIT;", self.script());
        let database = Connection::open(&path).map_err(refused)?;
        database.execute_batch(&text).map_err(refused)
    }
}

impl MadeTable {
    fn schema(&self) -> Table {
        let column = |column: &MadeColumn| Column {
            name: column.name.clone(),
            declared_type: column.sql_type.to_owned(),
            ..Column::default()
        };
        let points = self.columns.iter().filter_map(|column| {
            let [table, key] = column.reference.clone()?;
            Some(ForeignKey {
                columns: vec![column.name.clone()],
                table,
                references: vec![key],
            })
        });
        Table {
            name: self.name.clone(),
            columns: self.columns.iter().map(column).collect(),
            primary_key: vec![self.columns[0].name.clone()],
            foreign_keys: points.collect(),
            ..Table::default()
        }
    }

    fn write(&self, text: &mut String) {
        let quoted = |name: &str| format!("\"{name}\"");
        let mut parts = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            let key = if index == 0 { " PRIMARY KEY" } else { "" };
            parts.push(format!("{} {}{key}", quoted(&column.name), column.sql_type));
        }
        for column in &self.columns {
            if let Some([table, key]) = &column.reference {
                let (own, table, key) = (quoted(&column.name), quoted(table), quoted(key));
                parts.push(format!("FOREIGN KEY ({own}) REFERENCES {table} ({key})"));
            }
        }
        let name = quoted(&self.name);
        // Writing to a String does not fail.
        let _ = writeln!(text, "CREATE TABLE {name} ({});", parts.join(", "));
        let rows = self.rows.iter().map(|row| {
            let values: Vec<String> = row.iter().map(literal).collect();
            format!("({})", values.join(", "))
        });
        let rows: Vec<String> = rows.collect();
        if !rows.is_empty() {
            let _ = writeln!(text, "INSERT INTO {name} VALUES {};", rows.join(", "));
        }
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Null | Value::Blob(_) => "NULL".to_owned(),
    }
}
