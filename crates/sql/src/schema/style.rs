//! How a schema is written.

use serde::{Deserialize, Serialize};

/// The kinds of text for a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaForm {
    /// CREATE TABLE statements in one line: `CREATE TABLE film (id INTEGER, title TEXT); CREATE TABLE …`.
    /// Comments and values have no place in it.
    CreateTable,
    /// CREATE TABLE statements, a line for each column, with comments and values behind `--`.
    Commented,
    /// M-Schema as XiYan-SQL writes it.
    MSchema,
    /// A line `film(id, title)` for each table. Comments and values have no place in it.
    Compact,
}

/// Which types are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypeStyle {
    /// None.
    Omitted,
    /// One of `INTEGER`, `REAL`, `TEXT` and `BLOB`, as [`schema_text`](crate::schema_text) says.
    Simple,
    /// As declared, where SQLite takes the type as it is written; otherwise the simple one.
    Declared,
}

/// A form and what it shows. [`SchemaForm::style`] gives the usual one.
///
/// ```
/// use anneal_sql::{Schema, SchemaForm, SchemaStyle, TypeStyle};
/// let schema = Schema::parse("CREATE TABLE film (id INT PRIMARY KEY, title VARCHAR(20))")?;
/// let style = SchemaStyle { types: TypeStyle::Declared, keys: true, ..SchemaForm::CreateTable.style() };
/// assert_eq!(schema.render(&style), "CREATE TABLE film (id INT PRIMARY KEY, title VARCHAR(20))");
/// # Ok::<(), anneal_sql::SchemaError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaStyle {
    /// The form.
    pub form: SchemaForm,
    /// The types.
    pub types: TypeStyle,
    /// Whether primary keys are shown.
    pub keys: bool,
    /// Whether NOT NULL and UNIQUE are shown (in the two CREATE TABLE forms).
    pub constraints: bool,
    /// Whether foreign keys are shown.
    pub foreign_keys: bool,
    /// Whether the schema's own comments are shown.
    pub comments: bool,
    /// Whether the user's descriptions are shown.
    pub descriptions: bool,
    /// How many sample values a column shows at most.
    pub samples: usize,
    /// Whether the smallest and the largest value are shown.
    pub ranges: bool,
}

impl SchemaForm {
    /// The usual style of a form.
    ///
    /// | | types | keys, foreign keys | comments, descriptions | samples | ranges |
    /// |---|---|---|---|---|---|
    /// | `CreateTable` | simple | no | no | 0 | no |
    /// | `Commented` | simple | yes | yes | 3 | yes |
    /// | `MSchema` | declared | yes | yes | 3 | no |
    /// | `Compact` | none | foreign keys | no | 0 | no |
    ///
    /// Constraints are off in all.
    #[must_use]
    pub fn style(self) -> SchemaStyle {
        let rich = matches!(self, Self::Commented | Self::MSchema);
        SchemaStyle {
            form: self,
            types: match self {
                Self::CreateTable | Self::Commented => TypeStyle::Simple,
                Self::MSchema => TypeStyle::Declared,
                Self::Compact => TypeStyle::Omitted,
            },
            keys: rich,
            constraints: false,
            foreign_keys: rich || self == Self::Compact,
            comments: rich,
            descriptions: rich,
            samples: if rich { 3 } else { 0 },
            ranges: self == Self::Commented,
        }
    }
}
