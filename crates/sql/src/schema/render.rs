//! A schema as CREATE TABLE text and in the compact form.

use super::portable::sqlite_type;
use super::text::{quote, simple_type};
use super::{Column, ForeignKey, Schema, SchemaForm, SchemaStyle, Table, TypeStyle, mschema};
use crate::Value;

impl Schema {
    /// The schema as text.
    ///
    /// Whatever names, comments and values hold, they stay where they belong: names are quoted, and
    /// comments and values never leave their line. The two CREATE TABLE forms are SQL that SQLite takes and
    /// reads back with the same names and keys; keys that name a column that is not there are left out.
    ///
    /// # Example
    /// ```
    /// use anneal_sql::{Schema, SchemaForm};
    /// let schema = Schema::parse(
    ///     "CREATE TABLE film (id INT PRIMARY KEY, \"Home Town\" VARCHAR(20) -- of the director
    ///      , market INT REFERENCES market(id)); CREATE TABLE market (id INT)",
    /// )?;
    /// let text = |form: SchemaForm| schema.render(&form.style());
    /// assert_eq!(
    ///     text(SchemaForm::CreateTable),
    ///     r#"CREATE TABLE film (id INTEGER, "Home Town" TEXT, market INTEGER); CREATE TABLE market (id INTEGER)"#
    /// );
    /// assert_eq!(
    ///     text(SchemaForm::Commented),
    ///     r#"CREATE TABLE film (
    ///   id INTEGER PRIMARY KEY,
    ///   "Home Town" TEXT, -- of the director
    ///   market INTEGER,
    ///   FOREIGN KEY (market) REFERENCES market (id)
    /// );
    /// CREATE TABLE market (
    ///   id INTEGER
    /// );"#
    /// );
    /// assert_eq!(
    ///     text(SchemaForm::MSchema),
    ///     "【DB_ID】 Anonymous\n【Schema】\n# Table: film\n[\n(id:INT, Primary Key),\n(Home Town:VARCHAR, of the director),\n(market:INT)\n]\n\
    ///      \x23 Table: market\n[\n(id:INT)\n]\n【Foreign keys】\nfilm.market=market.id"
    /// );
    /// assert_eq!(
    ///     text(SchemaForm::Compact),
    ///     "film(id, \"Home Town\", market)\nmarket(id)\nfilm.market = market.id"
    /// );
    /// # Ok::<(), anneal_sql::SchemaError>(())
    /// ```
    #[must_use]
    pub fn render(&self, style: &SchemaStyle) -> String {
        match style.form {
            SchemaForm::CreateTable => {
                let tables = self.tables.iter().map(|table| one_line(table, style));
                tables.collect::<Vec<_>>().join("; ")
            }
            SchemaForm::Commented => {
                let tables = self.tables.iter().map(|table| commented(table, style));
                let head = note(
                    None,
                    self.description.as_deref().filter(|_| style.descriptions),
                );
                let head = head.map(|text| format!("-- {text}"));
                head.into_iter()
                    .chain(tables)
                    .collect::<Vec<_>>()
                    .join("\n")
            }
            SchemaForm::MSchema => mschema::render(self, style),
            SchemaForm::Compact => compact(self, style),
        }
    }
}

/// `CREATE TABLE film (id INTEGER, title TEXT)`
pub(super) fn one_line(table: &Table, style: &SchemaStyle) -> String {
    let parts = columns(table, style).chain(constraints(table, style));
    let parts: Vec<String> = parts.collect();
    format!("CREATE TABLE {} ({})", quote(&table.name), parts.join(", "))
}

fn commented(table: &Table, style: &SchemaStyle) -> String {
    let shown = |text: &Option<String>, on: bool| text.clone().filter(|_| on);
    let notes = table.columns.iter().map(|column| {
        let mut parts: Vec<String> = note(
            shown(&column.comment, style.comments).as_deref(),
            shown(&column.description, style.descriptions).as_deref(),
        )
        .into_iter()
        .collect();
        let samples: Vec<String> = column
            .samples
            .iter()
            .filter_map(literal)
            .take(style.samples)
            .collect();
        if !samples.is_empty() {
            parts.push(format!("examples: {}", samples.join(", ")));
        }
        if let Some((low, high)) = column.range.as_ref().filter(|_| style.ranges)
            && let (Some(low), Some(high)) = (literal(low), literal(high))
        {
            parts.push(format!("range: {low} to {high}"));
        }
        parts.join("; ")
    });
    let rest = constraints(table, style)
        .into_iter()
        .map(|text| (text, String::new()));
    let lines: Vec<(String, String)> = columns(table, style).zip(notes).chain(rest).collect();
    let head = note(
        shown(&table.comment, style.comments).as_deref(),
        shown(&table.description, style.descriptions).as_deref(),
    );
    let mut text = format!("CREATE TABLE {} (", quote(&table.name));
    text.extend(head.map(|head| format!(" -- {head}")));
    for (index, (line, note)) in lines.iter().enumerate() {
        text.push_str("\n  ");
        text.push_str(line);
        if index + 1 < lines.len() {
            text.push(',');
        }
        if !note.is_empty() {
            text.push_str(" -- ");
            text.push_str(note);
        }
    }
    text.push_str("\n);");
    text
}

fn compact(schema: &Schema, style: &SchemaStyle) -> String {
    let mut lines: Vec<String> = schema
        .tables
        .iter()
        .map(|table| {
            let columns: Vec<String> = columns(table, style).collect();
            let key = match style.keys && table.primary_key.len() > 1 {
                true => format!(", PRIMARY KEY ({})", list(&table.primary_key)),
                false => String::new(),
            };
            format!("{}({}{key})", quote(&table.name), columns.join(", "))
        })
        .collect();
    if style.foreign_keys {
        for table in &schema.tables {
            for key in table.foreign_keys.iter().filter(|key| is_sound(key, table)) {
                let there = schema.references(key);
                for (index, column) in key.columns.iter().enumerate() {
                    let here = format!("{}.{}", quote(&table.name), quote(column));
                    lines.push(match there.get(index) {
                        Some(column) => format!("{here} = {}.{}", quote(&key.table), quote(column)),
                        None => format!("{here} = {}", quote(&key.table)),
                    });
                }
            }
        }
    }
    lines.join("\n")
}

impl Schema {
    /// The columns that a foreign key points to, also where it does not name them; none if nobody knows.
    pub(super) fn references<'a>(&'a self, key: &'a ForeignKey) -> &'a [String] {
        if !key.references.is_empty() {
            return &key.references;
        }
        let there = self
            .table(&key.table)
            .map(|table| table.primary_key.as_slice());
        there
            .filter(|there| there.len() == key.columns.len())
            .unwrap_or_default()
    }
}

/// `name TYPE`, with `PRIMARY KEY` behind the column that is the key alone.
fn columns<'a>(table: &'a Table, style: &'a SchemaStyle) -> impl Iterator<Item = String> + 'a {
    let key = match table.primary_key.as_slice() {
        [key] if style.keys => table.place(key),
        _ => None,
    };
    table
        .columns
        .iter()
        .enumerate()
        .map(move |(index, column)| {
            let mut text = quote(&column.name);
            let kind = type_text(column, style.types);
            if !kind.is_empty() {
                text.push(' ');
                text.push_str(&kind);
            }
            if style.constraints && column.not_null {
                text.push_str(" NOT NULL");
            }
            if key == Some(index) {
                text.push_str(" PRIMARY KEY");
            }
            text
        })
}

/// The constraints that stand behind the columns.
fn constraints(table: &Table, style: &SchemaStyle) -> Vec<String> {
    let mut parts = Vec::new();
    if style.keys && table.primary_key.len() > 1 && has(table, &table.primary_key) {
        parts.push(format!("PRIMARY KEY ({})", list(&table.primary_key)));
    }
    if style.constraints {
        let sets = table
            .unique
            .iter()
            .filter(|set| !set.is_empty() && has(table, set));
        parts.extend(sets.map(|set| format!("UNIQUE ({})", list(set))));
    }
    if style.foreign_keys {
        for key in table.foreign_keys.iter().filter(|key| is_sound(key, table)) {
            let mut text = format!(
                "FOREIGN KEY ({}) REFERENCES {}",
                list(&key.columns),
                quote(&key.table)
            );
            if !key.references.is_empty() {
                text.push_str(&format!(" ({})", list(&key.references)));
            }
            parts.push(text);
        }
    }
    parts
}

fn has(table: &Table, names: &[String]) -> bool {
    names.iter().all(|name| table.place(name).is_some())
}

/// Whether SQLite would take the foreign key.
pub(super) fn is_sound(key: &ForeignKey, table: &Table) -> bool {
    let pairs = key.references.is_empty() || key.references.len() == key.columns.len();
    !key.columns.is_empty() && pairs && has(table, &key.columns)
}

fn list(names: &[String]) -> String {
    names
        .iter()
        .map(|name| quote(name))
        .collect::<Vec<_>>()
        .join(", ")
}

pub(super) fn type_text(column: &Column, style: TypeStyle) -> String {
    match style {
        TypeStyle::Omitted => String::new(),
        TypeStyle::Simple if is_sqlite_type(&column.declared_type) => {
            simple_type(&column.declared_type).into()
        }
        // Letters of another dialect's type mean nothing: an `enum('a')` is no NUMber.
        TypeStyle::Simple => simple_type(&sqlite_type(&column.declared_type)).into(),
        TypeStyle::Declared if is_sqlite_type(&column.declared_type) => {
            column.declared_type.clone()
        }
        TypeStyle::Declared => sqlite_type(&column.declared_type),
    }
}

/// Whether SQLite reads `declared` back as a type: names, then at most two numbers in parentheses.
pub(super) fn is_sqlite_type(declared: &str) -> bool {
    let (names, numbers) = match declared.split_once('(') {
        None => (declared, None),
        Some((names, rest)) => (names, Some(rest)),
    };
    let number = |text: &str| {
        let digits = text.trim().trim_start_matches(['+', '-']);
        !digits.is_empty()
            && text.trim().len() <= digits.len() + 1
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let word = |word: &str| quote(word) == word && !word.eq_ignore_ascii_case("generated");
    let mut words = names.split_whitespace().peekable();
    words.peek().is_some()
        && words.all(word)
        && numbers.is_none_or(|numbers| {
            numbers.strip_suffix(')').is_some_and(|inside| {
                inside.split(',').count() <= 2 && inside.split(',').all(number)
            })
        })
}

/// A comment and a description in one line; nothing for none.
pub(super) fn note(comment: Option<&str>, description: Option<&str>) -> Option<String> {
    let comment = comment.map(single_line).filter(|text| !text.is_empty());
    let description = description.map(single_line).filter(|text| !text.is_empty());
    match (comment, description) {
        (Some(comment), Some(description)) if comment != description => {
            Some(format!("{comment}; {description}"))
        }
        (comment, description) => comment.or(description),
    }
}

/// The text without anything that some reader takes for the end of a line.
pub(super) fn single_line(text: &str) -> String {
    let ends = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    text.split(|c: char| ends(c) || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The value as SQL in one line; nothing for NULL and blobs.
fn literal(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(format!("'{}'", single_line(text).replace('\'', "''"))),
        value => number(value),
    }
}

pub(super) fn number(value: &Value) -> Option<String> {
    match value {
        Value::Integer(value) => Some(value.to_string()),
        Value::Real(value) if value.is_infinite() => {
            Some(if *value > 0.0 { "9e999" } else { "-9e999" }.into())
        }
        Value::Real(value) => Some(format!("{value:?}")),
        _ => None,
    }
}
