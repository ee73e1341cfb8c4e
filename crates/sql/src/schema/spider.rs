//! Spider's `tables.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{Column, ForeignKey, Schema, SchemaError, Table};

/// One database in the file. Columns are counted over all tables, the first being `*` of table -1.
#[derive(Deserialize)]
struct Entry {
    db_id: String,
    table_names_original: Vec<String>,
    #[serde(default)]
    table_names: Vec<String>,
    column_names_original: Vec<(i64, String)>,
    #[serde(default)]
    column_names: Vec<(i64, String)>,
    #[serde(default)]
    column_types: Vec<String>,
    #[serde(default)]
    primary_keys: Vec<Key>,
    #[serde(default)]
    foreign_keys: Vec<(usize, usize)>,
}

/// A column, or the columns of a composite key (BIRD, and newer copies of Spider).
#[derive(Deserialize)]
#[serde(untagged)]
enum Key {
    One(usize),
    Several(Vec<usize>),
}

/// The schemas in a `tables.json` of Spider or of one of its kin (BIRD, KaggleDBQA), by `db_id`.
///
/// Types are the file's (`text`, `number`, `time`, `boolean`, `others`) with SQLite's words for the first two:
/// `TEXT`, `NUMERIC`, and `DATETIME`, `BOOLEAN`; `others` is no type. The names in natural language
/// become descriptions where they say more than the name: where they differ by more than case, blanks and underscores. Of two keys for one
/// table, Spider's form for a composite key is not told from two keys: they are one composite key. Foreign keys have one
/// column each.
///
/// # Errors
/// A file that cannot be read or is not of this form; a count that points nowhere, lists of unequal length, a `db_id`, table or column
/// twice: with the file, the `db_id` and the field.
///
/// # Example
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("tables.json");
/// std::fs::write(&path, r#"[{"db_id": "film", "table_names_original": ["film"], "table_names": ["film"],
///   "column_names_original": [[-1, "*"], [0, "Film_ID"], [0, "Gross"]],
///   "column_names": [[-1, "*"], [0, "film id"], [0, "gross in dollar"]],
///   "column_types": ["text", "number", "number"], "primary_keys": [1], "foreign_keys": []}]"#)?;
/// let film = &anneal_sql::spider_schemas(&path)?["film"].tables[0];
/// assert_eq!(film.primary_key, ["Film_ID"]);
/// assert_eq!(film.columns[0].description, None);
/// assert_eq!(film.columns[1].description.as_deref(), Some("gross in dollar"));
/// assert_eq!(film.columns[1].declared_type, "NUMERIC");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn spider_schemas(path: impl AsRef<Path>) -> Result<BTreeMap<String, Schema>, SchemaError> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|source| SchemaError::Io {
        path: path.to_owned(),
        source,
    })?;
    let entries: Vec<Entry> =
        serde_json::from_slice(&bytes).map_err(|source| SchemaError::Json {
            path: path.to_owned(),
            source,
        })?;
    let mut schemas = BTreeMap::new();
    for entry in entries {
        let db_id = entry.db_id.clone();
        let spider = |wrong: Wrong| SchemaError::Spider {
            path: path.to_owned(),
            db_id: db_id.clone(),
            field: wrong.field,
            found: wrong.found,
            expected: wrong.expected,
        };
        let schema = entry.schema().map_err(spider)?;
        if schemas.insert(db_id.clone(), schema).is_some() {
            return Err(spider(wrong("db_id".into(), "it twice", "each once")));
        }
    }
    Ok(schemas)
}

struct Wrong {
    field: String,
    found: String,
    expected: String,
}

fn wrong(field: String, found: impl ToString, expected: impl ToString) -> Wrong {
    Wrong {
        field,
        found: found.to_string(),
        expected: expected.to_string(),
    }
}

impl Entry {
    fn schema(&self) -> Result<Schema, Wrong> {
        let tables = self.table_names_original.len();
        let columns = self.column_names_original.len();
        for (field, found, expected) in [
            ("table_names", self.table_names.len(), tables),
            ("column_names", self.column_names.len(), columns),
            ("column_types", self.column_types.len(), columns),
        ] {
            if found != 0 && found != expected {
                return Err(wrong(field.into(), format!("{found} entries"), expected));
            }
        }
        let mut schema = Schema {
            name: Some(self.db_id.clone()),
            ..Schema::default()
        };
        for (at, name) in self.table_names_original.iter().enumerate() {
            if schema.table(name).is_some() {
                return Err(wrong(
                    format!("table_names_original[{at}]"),
                    format!("{name:?} again"),
                    "each table once",
                ));
            }
            schema.tables.push(Table {
                name: name.clone(),
                description: self
                    .table_names
                    .get(at)
                    .and_then(|words| says_more(words, name)),
                ..Table::default()
            });
        }
        // Where each column went: table and place there; the star has none.
        let mut places: Vec<Option<(usize, String)>> = Vec::with_capacity(columns);
        for (at, (table, name)) in self.column_names_original.iter().enumerate() {
            let field = || format!("column_names_original[{at}]");
            if *table == -1 {
                places.push(None);
                continue;
            }
            let place = usize::try_from(*table).ok().filter(|&place| place < tables);
            let Some(place) = place else {
                return Err(wrong(
                    field(),
                    format!("table {table}"),
                    format!("one of {tables} tables, or -1"),
                ));
            };
            if schema.tables[place].place(name).is_some() {
                return Err(wrong(
                    field(),
                    format!("{name:?} again"),
                    "each column once",
                ));
            }
            schema.tables[place].columns.push(Column {
                name: name.clone(),
                declared_type: self
                    .column_types
                    .get(at)
                    .map_or_else(String::new, |kind| declared(kind)),
                description: self
                    .column_names
                    .get(at)
                    .and_then(|(_, words)| says_more(words, name)),
                ..Column::default()
            });
            places.push(Some((place, name.clone())));
        }
        self.keys(&mut schema, &places)?;
        Ok(schema)
    }

    fn keys(&self, schema: &mut Schema, places: &[Option<(usize, String)>]) -> Result<(), Wrong> {
        let place = |field: String, column: usize| match places.get(column) {
            Some(Some((table, name))) => Ok((*table, name.clone())),
            Some(None) => Err(wrong(
                field,
                format!("column {column}, which is `*`"),
                "a table's column",
            )),
            None => Err(wrong(
                field,
                format!("column {column}"),
                format!("one of {} columns", places.len()),
            )),
        };
        for (at, key) in self.primary_keys.iter().enumerate() {
            let columns = match key {
                Key::One(column) => std::slice::from_ref(column),
                Key::Several(columns) => columns,
            };
            for &column in columns {
                let (table, name) = place(format!("primary_keys[{at}]"), column)?;
                schema.tables[table].primary_key.push(name);
            }
        }
        for (at, &(from, to)) in self.foreign_keys.iter().enumerate() {
            let (here, column) = place(format!("foreign_keys[{at}]"), from)?;
            let (there, target) = place(format!("foreign_keys[{at}]"), to)?;
            let table = schema.tables[there].name.clone();
            schema.tables[here].foreign_keys.push(ForeignKey {
                columns: vec![column],
                table,
                references: vec![target],
            });
        }
        Ok(())
    }
}

fn declared(kind: &str) -> String {
    match kind {
        "text" => "TEXT".into(),
        "number" => "NUMERIC".into(),
        "time" => "DATETIME".into(),
        "boolean" => "BOOLEAN".into(),
        "others" => String::new(),
        other => other.to_owned(),
    }
}

/// The words, where they are not just the name.
fn says_more(words: &str, name: &str) -> Option<String> {
    let bare = |text: &str| -> String {
        let letters = text.chars().filter(|c| !c.is_whitespace() && *c != '_');
        letters.flat_map(char::to_lowercase).collect()
    };
    (!words.trim().is_empty() && bare(words) != bare(name)).then(|| words.to_owned())
}
