//! What all shapes draw and write with.

use super::english::{enumerate, is_person, plural, singular, with_article};
use super::links::Link;
use super::world::{ColumnFacts, Kind, TableFacts, World};
use crate::Value;
use crate::generate::random::Random;

/// A question with its query, not yet run.
pub(super) struct Draft {
    pub(super) question: String,
    pub(super) sql: String,
    /// Queries that must give the same rows in the same order: other readings of the question, ties broken otherwise.
    pub(super) same: Vec<String>,
    /// Queries that must give other rows: without a condition that the question names.
    pub(super) differ: Vec<String>,
}

impl Draft {
    pub(super) fn new(question: String, sql: String) -> Self {
        Self {
            question,
            sql,
            same: Vec::new(),
            differ: Vec::new(),
        }
    }

    pub(super) fn differs(mut self, sql: String) -> Self {
        self.differ.push(sql);
        self
    }

    pub(super) fn same(mut self, sql: String) -> Self {
        self.same.push(sql);
        self
    }
}

pub(super) struct Pen<'a> {
    pub(super) world: &'a World,
    pub(super) random: Random,
}

impl<'a> Pen<'a> {
    pub(super) fn one<'t>(&mut self, items: &[&'t str]) -> &'t str {
        self.random.one(items).copied().unwrap_or("")
    }

    /// One of the templates, its `{…}` filled. Capital letters begin it.
    pub(super) fn say(&mut self, templates: &[&str], parts: &[(&str, &str)]) -> String {
        let template = self.one(templates);
        fill(template, parts)
    }

    /// A table with rows.
    pub(super) fn table(&mut self) -> Option<&'a TableFacts> {
        let with_rows: Vec<&TableFacts> = self
            .world
            .tables
            .iter()
            .filter(|table| table.rows > 0)
            .collect();
        self.random.one(&with_rows).copied()
    }

    pub(super) fn link(&mut self, fits: impl Fn(&Link) -> bool) -> Option<&'a Link> {
        let fitting: Vec<&Link> = self.world.links.iter().filter(|link| fits(link)).collect();
        self.random.one(&fitting).copied()
    }

    /// A column of `table` that fits.
    pub(super) fn column(
        &mut self,
        table: &'a TableFacts,
        fits: impl Fn(&ColumnFacts) -> bool,
    ) -> Option<&'a ColumnFacts> {
        let fitting: Vec<&ColumnFacts> =
            table.columns.iter().filter(|column| fits(column)).collect();
        self.random.one(&fitting).copied()
    }

    /// A column that a person would want to see: a text rather than a number, a number rather than a key.
    pub(super) fn shown(&mut self, table: &'a TableFacts) -> Option<&'a ColumnFacts> {
        let kinds: &[Kind] = match self.random.below(10) {
            0..6 => &[Kind::Text],
            6..9 => &[Kind::Text, Kind::Number, Kind::Year, Kind::Date],
            _ => &[Kind::Key, Kind::Text, Kind::Number],
        };
        self.column(table, |column| kinds.contains(&column.kind))
            .or_else(|| self.column(table, |column| column.kind != Kind::Other))
    }

    /// A column by which rows are known, each by a value of its own: a name before other texts, a text before a key.
    pub(super) fn label(&mut self, table: &'a TableFacts) -> Option<&'a ColumnFacts> {
        let named = |column: &ColumnFacts| {
            ["name", "title"]
                .iter()
                .any(|end| column.noun.one.ends_with(end))
        };
        self.column(table, |column| {
            column.unique && column.kind == Kind::Text && named(column)
        })
        .or_else(|| self.column(table, |column| column.unique && column.kind == Kind::Text))
        .or_else(|| self.column(table, |column| column.unique && column.kind == Kind::Key))
    }

    /// One to `most` different columns to show, in the order of the table.
    pub(super) fn several(
        &mut self,
        table: &'a TableFacts,
        count: usize,
    ) -> Option<Vec<&'a ColumnFacts>> {
        let mut chosen: Vec<&ColumnFacts> = Vec::new();
        for _ in 0..count * 3 {
            let column = self.shown(table)?;
            if chosen.len() < count && !chosen.iter().any(|other| std::ptr::eq(*other, column)) {
                chosen.push(column);
            }
        }
        (chosen.len() == count).then_some(chosen)
    }

    /// One column, mostly, or two.
    pub(super) fn one_or_two(&mut self, table: &'a TableFacts) -> Option<Vec<&'a ColumnFacts>> {
        let count = if self.random.percent(70) { 1 } else { 2 };
        self.several(table, count)
            .or_else(|| self.several(table, 1))
    }

    /// `names and ages`, or, of two columns, `name and age`.
    pub(super) fn columns(&mut self, columns: &[&ColumnFacts]) -> String {
        let many = columns.len() == 1 || self.random.percent(40);
        let names: Vec<String> = columns
            .iter()
            .map(|column| {
                if many {
                    &column.noun.many
                } else {
                    &column.noun.one
                }
                .clone()
            })
            .collect();
        enumerate(&names, "and")
    }

    /// A request for columns of several rows, `of` saying which.
    pub(super) fn list(&mut self, columns: &[&ColumnFacts], of: &str) -> String {
        let columns = self.columns(columns);
        self.say(
            &[
                "What are the {c} of {t}?",
                "List the {c} of {t}.",
                "Show the {c} of {t}.",
                "Find the {c} of {t}.",
                "Return the {c} of {t}.",
                "Give me the {c} of {t}.",
                "Tell me the {c} of {t}.",
                "Please list the {c} of {t}.",
                "I would like to see the {c} of {t}.",
            ],
            &[("c", &columns), ("t", of)],
        )
    }

    /// `all singers`, or some of them.
    pub(super) fn all(&mut self, table: &TableFacts) -> String {
        self.say(
            &["all {t}", "all the {t}", "the {t}", "all {t}"],
            &[("t", &table.noun.many)],
        )
    }

    /// Several rows of a table with what is said about them.
    pub(super) fn those(&mut self, table: &TableFacts, clause: &str) -> String {
        self.say(
            &["{t} {w}", "all {t} {w}", "the {t} {w}", "{t} {w}"],
            &[("t", &table.noun.many), ("w", clause)],
        )
    }

    /// The words for a value.
    pub(super) fn value(&mut self, column: &ColumnFacts, value: &Value) -> String {
        if let Some((_, words)) = column.said.iter().find(|(known, _)| known == value) {
            return words.clone();
        }
        match value {
            Value::Text(text) => {
                let plain = text.chars().all(|c| c.is_alphanumeric() || c == ' ')
                    && text.chars().count() > 1;
                if plain && self.random.percent(50) {
                    text.clone()
                } else {
                    format!("\"{text}\"")
                }
            }
            value => literal(value),
        }
    }

    /// A small number in digits or letters.
    pub(super) fn number(&mut self, number: usize) -> String {
        const LETTERS: [&str; 11] = [
            "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        ];
        match LETTERS.get(number) {
            Some(letters) if self.random.percent(50) => (*letters).to_owned(),
            _ => number.to_string(),
        }
    }
}

/// The template with `{name}` replaced by its part. Parts are taken as they are, whatever they hold.
fn fill(template: &str, parts: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(
            parts
                .iter()
                .find(|(part, _)| *part == name)
                .map_or("", |(_, part)| *part),
        );
        rest = after;
    }
    text.push_str(rest);
    text
}

/// The value as SQL.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        // Never drawn: bytes cannot be said.
        Value::Blob(_) => "x''".to_owned(),
    }
}

/// Whether a column's name is a plural: `goals`.
pub(super) fn is_plural(phrase: &str) -> bool {
    let one = singular(phrase);
    one != phrase && plural(&one) == phrase
}

/// `an age`, `goals`.
pub(super) fn an(phrase: &str) -> String {
    match is_plural(phrase) {
        true => phrase.to_owned(),
        false => with_article(phrase),
    }
}

/// `is` or `are`, by the name of a column.
pub(super) fn is(phrase: &str) -> &'static str {
    if is_plural(phrase) { "are" } else { "is" }
}

/// `who` for people, `that` for other rows.
pub(super) fn who(table: &TableFacts) -> &'static str {
    if is_person(&table.noun.one) {
        "who"
    } else {
        "that"
    }
}
