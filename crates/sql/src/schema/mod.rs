//! What a database is made of: tables, columns, keys, and what is known about their contents.

mod affinity;
mod ddl;
mod describe;
mod error;
mod fit;
mod keep;
mod mschema;
mod names;
mod portable;
mod read;
mod render;
mod sample;
mod spider;
mod style;
mod text;
mod used;

use serde::{Deserialize, Serialize};

pub use affinity::Affinity;
pub use ddl::MAX_SCHEMA_TEXT_BYTES;
pub use describe::{DescriptionError, Descriptions};
pub use error::{NameError, SchemaError};
pub use fit::{FitError, Fitted, LeftOut};
pub use keep::Selection;
pub use sample::{LongText, Samples};
pub use spider::spider_schemas;
pub use style::{SchemaForm, SchemaStyle, TypeStyle};
pub use text::schema_text;
pub(crate) use text::{is_reserved, quote};
pub use used::UsedByError;

use crate::Value;

/// The tables of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// The database's name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the database is about, in a user's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The tables in the order of their source.
    pub tables: Vec<Table>,
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name, unquoted.
    pub name: String,
    /// A comment in the schema itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What a user says about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The columns in order.
    pub columns: Vec<Column>,
    /// The names of the primary key's columns; empty without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub primary_key: Vec<String>,
    /// Sets of columns that are unique besides the primary key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unique: Vec<Vec<String>>,
    /// The foreign keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign_keys: Vec<ForeignKey>,
}

/// A column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name, unquoted.
    pub name: String,
    /// The declared type as written (`VARCHAR(20)`); empty without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub declared_type: String,
    /// Whether NULL is forbidden.
    #[serde(default)]
    pub not_null: bool,
    /// A comment in the schema itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What a user says about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Some of its values, most frequent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Value>,
    /// Its smallest and largest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<(Value, Value)>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The columns here.
    pub columns: Vec<String>,
    /// The table that they point to.
    pub table: String,
    /// The columns there; empty for its primary key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
}
