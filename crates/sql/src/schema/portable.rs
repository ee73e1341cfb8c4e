//! A schema of another dialect as SQL that SQLite takes.

use super::render::{is_sqlite_type, one_line};
use super::text::simple_type;
use super::{Schema, SchemaForm, SchemaStyle, TypeStyle};

/// Types whose first word means something else to SQLite, or nothing: the word and SQLite's type for it.
const FOREIGN: [(&str, &str); 31] = [
    ("STRING", "TEXT"),
    ("UUID", "TEXT"),
    ("UNIQUEIDENTIFIER", "TEXT"),
    ("JSON", "TEXT"),
    ("JSONB", "TEXT"),
    ("XML", "TEXT"),
    ("ENUM", "TEXT"),
    ("SET", "TEXT"),
    ("INTERVAL", "TEXT"),
    ("POINT", "TEXT"),
    ("MULTIPOINT", "TEXT"),
    ("INET", "TEXT"),
    ("CIDR", "TEXT"),
    ("TSVECTOR", "TEXT"),
    ("VARIANT", "TEXT"),
    ("OBJECT", "TEXT"),
    ("ARRAY", "TEXT"),
    ("STRUCT", "TEXT"),
    ("MAP", "TEXT"),
    ("LIST", "TEXT"),
    ("GEOMETRY", "TEXT"),
    ("GEOGRAPHY", "TEXT"),
    ("SERIAL", "INTEGER"),
    ("BIGSERIAL", "INTEGER"),
    ("SMALLSERIAL", "INTEGER"),
    ("BYTEA", "BLOB"),
    ("BYTES", "BLOB"),
    ("BINARY", "BLOB"),
    ("VARBINARY", "BLOB"),
    ("IMAGE", "BLOB"),
    ("RAW", "BLOB"),
];

impl Schema {
    /// CREATE TABLE statements for SQLite, a line each, with keys, foreign keys, NOT NULL and UNIQUE.
    ///
    /// For a schema from another dialect: SQLite gives a column its affinity by the letters of the type, and so
    /// would take BigQuery's STRING for a number and an INTERVAL for an integer. Such types are replaced
    /// by the one of SQLite that holds their values: text (`STRING`, `UUID`, `JSON`, `ENUM`, `INTERVAL`, arrays …),
    /// integer (`SERIAL`), blob (`BYTEA`, `VARBINARY` …). Other types stay where SQLite takes them as they are written, and become
    /// `INTEGER`, `REAL`, `TEXT` or `BLOB` where not (`int(11) unsigned`). What SQLite itself read
    /// ([`Schema::read`]) is better built from its own text.
    ///
    /// Keys that name columns that are not there are left out.
    ///
    /// # Example
    /// ```
    /// use anneal_sql::{Budget, Database, Schema};
    /// let schema = Schema::parse(
    ///     "CREATE TABLE [dbo].[Film] ([Id] [int] IDENTITY(1,1) NOT NULL, [Kind] [xml] NULL,
    ///        CONSTRAINT [PK] PRIMARY KEY CLUSTERED ([Id] ASC)) ON [PRIMARY]\nGO",
    /// )?;
    /// let text = schema.sqlite_text();
    /// assert_eq!(text, "CREATE TABLE Film (Id INT NOT NULL PRIMARY KEY, Kind TEXT);");
    /// assert!(Database::from_context(&text, &Budget::default()).is_ok());
    /// # Ok::<(), anneal_sql::SchemaError>(())
    /// ```
    #[must_use]
    pub fn sqlite_text(&self) -> String {
        let style = SchemaStyle {
            types: TypeStyle::Declared,
            keys: true,
            constraints: true,
            foreign_keys: true,
            ..SchemaForm::CreateTable.style()
        };
        let mut lines = Vec::with_capacity(self.tables.len());
        for table in &self.tables {
            let mut table = table.clone();
            for column in &mut table.columns {
                column.declared_type = sqlite_type(&column.declared_type);
            }
            lines.push(format!("{};", one_line(&table, &style)));
        }
        lines.join("\n")
    }
}

/// A type that SQLite reads back.
pub(super) fn sqlite_type(declared: &str) -> String {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let word = declared.split(|c| !letters(c)).next().unwrap_or_default();
    let foreign = FOREIGN
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(word));
    match foreign {
        // An array of anything.
        _ if declared.contains(['[', '<']) => "TEXT".into(),
        Some((_, kind)) => (*kind).into(),
        None if is_sqlite_type(declared) => declared.to_owned(),
        None => simple_type(declared).into(),
    }
}
