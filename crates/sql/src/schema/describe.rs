//! What users say about tables and columns, in a TOML file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::render::note;
use super::{NameError, Schema};

/// Descriptions of a database, its tables and columns.
///
/// ```toml
/// description = "Films and the markets that they were shown in."
///
/// [tables.film]
/// description = "One row for each film."
///
/// [tables.film.columns]
/// gross = "in US dollars"
/// "Home Town" = "where the director was born"
/// ```
#[derive(Debug, Clone, Default)]
pub struct Descriptions {
    content: Content,
    /// Where each line begins.
    lines: Vec<usize>,
    path: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    description: Option<String>,
    #[serde(default)]
    tables: BTreeMap<Spanned<String>, TableContent>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableContent {
    description: Option<String>,
    #[serde(default)]
    columns: BTreeMap<Spanned<String>, String>,
}

/// Descriptions that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Not TOML, or not of this form.
    #[error("{}line {line}: {message}", place(path))]
    Toml {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// The line, from 1.
        line: usize,
        /// The parser's reason.
        message: String,
    },
    /// A table or column that the schema does not have.
    #[error("{}line {line}: {source}", place(path))]
    Name {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// The line, from 1.
        line: usize,
        /// What is missing.
        source: NameError,
    },
}

fn place(path: &Option<PathBuf>) -> String {
    path.as_ref()
        .map_or_else(String::new, |path| format!("{}, ", path.display()))
}

impl Descriptions {
    /// Reads descriptions from TOML text; see [`Descriptions`] for the form.
    ///
    /// # Errors
    /// Text that is not TOML, and keys that are none of `description`, `tables`, `columns`.
    pub fn parse(text: &str) -> Result<Self, DescriptionError> {
        Self::from_text(text, None)
    }

    /// Reads descriptions from a TOML file.
    ///
    /// # Errors
    /// As [`Descriptions::parse`], and a file that cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, DescriptionError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| DescriptionError::Io {
            path: path.to_owned(),
            source,
        })?;
        Self::from_text(&text, Some(path.to_owned()))
    }

    /// A TOML file for `schema` to be filled in: an entry for each table and column, with what is said so far or an empty text.
    ///
    /// Declared types and comments stand beside as comments. It parses back; a description that is left empty says nothing.
    ///
    /// ```
    /// use anneal_sql::{Descriptions, Schema};
    /// let mut schema = Schema::parse("CREATE TABLE film (\"Home Town\" TEXT -- of the director\n)")?;
    /// let text = Descriptions::template(&schema);
    /// assert_eq!(
    ///     text,
    ///     "description = \"\"\n\n[tables.\"film\"]\ndescription = \"\"\n\n[tables.\"film\".columns]\n\"Home Town\" = \"\" # TEXT; of the director\n"
    /// );
    /// schema.describe(&Descriptions::parse(&text)?)?;
    /// assert_eq!(schema.tables[0].columns[0].description, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn template(schema: &Schema) -> String {
        let said = |text: &Option<String>| basic(text.as_deref().unwrap_or_default());
        let mut text = format!("description = {}\n", said(&schema.description));
        for table in &schema.tables {
            let name = basic(&table.name);
            text.push_str(&format!(
                "\n[tables.{name}]\ndescription = {}\n\n[tables.{name}.columns]\n",
                said(&table.description)
            ));
            for column in &table.columns {
                text.push_str(&format!(
                    "{} = {}",
                    basic(&column.name),
                    said(&column.description)
                ));
                let kind = Some(column.declared_type.as_str());
                if let Some(note) = note(kind, column.comment.as_deref()) {
                    text.push_str(&format!(" # {note}"));
                }
                text.push('\n');
            }
        }
        text
    }

    fn from_text(text: &str, path: Option<PathBuf>) -> Result<Self, DescriptionError> {
        let breaks = text
            .bytes()
            .enumerate()
            .filter(|&(_, byte)| byte == b'\n')
            .map(|(at, _)| at + 1);
        let mut descriptions = Self {
            content: Content::default(),
            lines: std::iter::once(0).chain(breaks).collect(),
            path,
        };
        descriptions.content = toml::from_str(text).map_err(|error| DescriptionError::Toml {
            path: descriptions.path.clone(),
            line: descriptions.line(error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
        Ok(descriptions)
    }

    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|&start| start <= at)
    }
}

/// A text as TOML's basic string.
fn basic(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl Schema {
    /// Puts descriptions into the schema, in place of those that are there; names in any case. Empty ones change nothing.
    ///
    /// # Errors
    /// A table or column that the schema does not have, with its line and the nearest names. The schema
    /// then stays as it was.
    ///
    /// # Example
    /// ```
    /// use anneal_sql::{Descriptions, Schema};
    /// let mut schema = Schema::parse("CREATE TABLE film (gross REAL)")?;
    /// let descriptions = Descriptions::parse("[tables.film.columns]\ngross = 'in US dollars'")?;
    /// schema.describe(&descriptions)?;
    /// assert_eq!(schema.tables[0].columns[0].description.as_deref(), Some("in US dollars"));
    ///
    /// let error = schema.describe(&Descriptions::parse("[tables.films]")?).unwrap_err();
    /// assert_eq!(error.to_string(), "line 1: there is no table \"films\"; the nearest: film");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn describe(&mut self, descriptions: &Descriptions) -> Result<(), DescriptionError> {
        let misnamed = |name: &Spanned<String>, source| DescriptionError::Name {
            path: descriptions.path.clone(),
            line: descriptions.line(name.span().start),
            source,
        };
        let mut described = self.clone();
        let content = &descriptions.content;
        let says = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        if says(&content.description) {
            described.description.clone_from(&content.description);
        }
        for (name, about) in &content.tables {
            let place = self
                .table_place(name.get_ref())
                .map_err(|source| misnamed(name, source))?;
            let table = &mut described.tables[place];
            if says(&about.description) {
                table.description.clone_from(&about.description);
            }
            for (name, text) in &about.columns {
                let place = table
                    .column_place(name.get_ref())
                    .map_err(|source| misnamed(name, source))?;
                if !text.is_empty() {
                    table.columns[place].description = Some(text.clone());
                }
            }
        }
        *self = described;
        Ok(())
    }
}
