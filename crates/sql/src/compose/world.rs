//! What is known of a database before questions are composed: words, kinds of columns, values, links.

use std::collections::HashMap;

use super::english::{noun_for, plural, singular, words};
use super::lexicon::{Lexicon, Noun};
use super::links::{Link, links};
use crate::schema::quote;
use crate::{Budget, Column, Database, Schema, Table, Value};

/// What can be asked about a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It tells rows apart, or names another table's row.
    Key,
    /// A number that can be summed and compared.
    Number,
    /// A year: compared, not summed.
    Year,
    /// Dates as ISO writes them, which sort as text.
    Date,
    /// Texts.
    Text,
    /// Mixed values, bytes, flags, or nothing at all: not asked about.
    Other,
}

#[derive(Debug)]
pub(super) struct ColumnFacts {
    /// The name as SQL.
    pub(super) sql: String,
    pub(super) noun: Noun,
    pub(super) kind: Kind,
    /// Different values, NULL not counted.
    pub(super) distinct: usize,
    pub(super) nulls: usize,
    /// Whether every row has a value of its own.
    pub(super) unique: bool,
    /// Values that a question can name, and how often they occur, the most frequent first.
    pub(super) values: Vec<(Value, usize)>,
    /// What is said in place of a value.
    pub(super) said: Vec<(Value, String)>,
}

#[derive(Debug)]
pub(super) struct TableFacts {
    /// The name as SQL.
    pub(super) sql: String,
    pub(super) noun: Noun,
    pub(super) rows: usize,
    pub(super) columns: Vec<ColumnFacts>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) tables: Vec<TableFacts>,
    pub(super) links: Vec<Link>,
}

impl World {
    pub(super) fn read(
        schema: &Schema,
        database: &Database,
        lexicon: &Lexicon,
        budget: &Budget,
    ) -> Self {
        let nouns = table_nouns(schema, lexicon);
        let tables: Vec<TableFacts> = schema
            .tables
            .iter()
            .zip(nouns)
            .map(|(table, noun)| table_facts(schema, table, noun, database, lexicon, budget))
            .collect();
        let links = links(schema, &tables, database, budget);
        Self { tables, links }
    }
}

/// Words for the tables; where two would be called the same, their own names.
fn table_nouns(schema: &Schema, lexicon: &Lexicon) -> Vec<Noun> {
    let mut nouns: Vec<Noun> = schema
        .tables
        .iter()
        .map(|table| {
            lexicon
                .of_table(&table.name)
                .cloned()
                .unwrap_or_else(|| noun_of(&words(&table.name).join(" "), &table.name))
        })
        .collect();
    own_names(&mut nouns, |at| schema.tables[at].name.clone());
    nouns
}

/// The noun that a phrase makes; `name` itself where there is no word in it.
fn noun_of(phrase: &str, name: &str) -> Noun {
    let phrase = match phrase.chars().any(char::is_alphanumeric) {
        true => phrase.to_owned(),
        false => format!("\"{name}\""),
    };
    let one = singular(&phrase);
    Noun {
        many: plural(&one),
        one,
    }
}

fn own_names(nouns: &mut [Noun], name: impl Fn(usize) -> String) {
    let mut seen: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, noun) in nouns.iter().enumerate() {
        seen.entry(noun.one.clone()).or_default().push(at);
    }
    for at in seen.into_values().filter(|same| same.len() > 1).flatten() {
        let name = format!("\"{}\"", name(at));
        nouns[at] = Noun {
            one: name.clone(),
            many: name,
        };
    }
}

fn table_facts(
    schema: &Schema,
    table: &Table,
    noun: Noun,
    database: &Database,
    lexicon: &Lexicon,
    budget: &Budget,
) -> TableFacts {
    let sql = quote(&table.name);
    let rows = database
        .query(&format!("SELECT count(*) FROM {sql}"), budget)
        .ok()
        .and_then(|rows| count(rows.rows().first()?.first()?))
        .unwrap_or(0);
    let mut nouns = column_nouns(table, &noun, lexicon);
    own_names(&mut nouns, |at| table.columns[at].name.clone());
    let columns = table.columns.iter().zip(nouns).map(|(column, noun)| {
        let key = is_key(schema, table, column);
        let mut facts = column_facts(&sql, column, noun, rows, key, database, budget);
        facts.said = lexicon.of_values(&table.name, &column.name).to_vec();
        facts
    });
    let columns = columns.collect();
    TableFacts {
        sql,
        noun,
        rows,
        columns,
    }
}

/// `singer_name` of a singer is its name, unless another column is called that.
fn column_nouns(table: &Table, noun: &Noun, lexicon: &Lexicon) -> Vec<Noun> {
    let whole: Vec<String> = table
        .columns
        .iter()
        .map(|column| noun_for(&words(&column.name).join(" ")).to_owned())
        .collect();
    let first = |phrase: &str| phrase.split(' ').next().unwrap_or("").to_owned();
    let short: Vec<&str> = whole
        .iter()
        .map(|phrase| {
            let start = first(phrase);
            // `crs_credit` of a course, if it is no accident.
            let shared = whole.iter().filter(|other| first(other) == start).count() > 1;
            let rest = match phrase.strip_prefix(&noun.one) {
                Some(rest) => rest.strip_prefix(' '),
                None if shared && abbreviates(&start, &noun.one) => phrase
                    .strip_prefix(&start)
                    .and_then(|rest| rest.strip_prefix(' ')),
                None => None,
            };
            rest.filter(|rest| rest.len() > 2 || *rest == "id")
                .unwrap_or(phrase)
        })
        .collect();
    (0..whole.len())
        .map(|at| {
            let alone = short.iter().filter(|other| **other == short[at]).count() == 1;
            let phrase = if alone { short[at] } else { whole[at].as_str() };
            let column = &table.columns[at];
            match lexicon.of_column(&table.name, &column.name) {
                Some(noun) => noun.clone(),
                None => column_noun(phrase, &column.name),
            }
        })
        .collect()
}

/// Whether the few letters of `short` stand in `noun` in their order, from the first on: `crs`, `course`.
fn abbreviates(short: &str, noun: &str) -> bool {
    let mut letters = noun.chars();
    let starts = short.chars().next() == noun.chars().next();
    starts
        && (2..=4).contains(&short.len())
        && short
            .chars()
            .all(|letter| letters.any(|other| other == letter))
}

/// A column's name is not made singular: `goals` of a player are more than one, and so is their name.
fn column_noun(phrase: &str, name: &str) -> Noun {
    match phrase.chars().any(char::is_alphanumeric) {
        true => Noun {
            one: phrase.to_owned(),
            many: plural(phrase),
        },
        false => Noun {
            one: format!("\"{name}\""),
            many: format!("\"{name}\""),
        },
    }
}

fn is_key(schema: &Schema, table: &Table, column: &Column) -> bool {
    let same = |name: &String| name.eq_ignore_ascii_case(&column.name);
    let primary = table.primary_key.iter().any(same)
        && !matches!(
            words(&column.name).last().map(String::as_str),
            Some("name" | "title")
        );
    let pointed = schema
        .tables
        .iter()
        .flat_map(|other| &other.foreign_keys)
        .any(|key| key.table.eq_ignore_ascii_case(&table.name) && key.references.iter().any(same));
    let text = column.affinity() == crate::Affinity::Text;
    primary
        || (pointed && !text)
        || table
            .foreign_keys
            .iter()
            .any(|key| key.columns.iter().any(same))
}

fn count(value: &Value) -> Option<usize> {
    match value {
        Value::Integer(count) => usize::try_from(*count).ok(),
        _ => None,
    }
}

fn column_facts(
    table: &str,
    column: &Column,
    noun: Noun,
    rows: usize,
    key: bool,
    database: &Database,
    budget: &Budget,
) -> ColumnFacts {
    let sql = quote(&column.name);
    let mut facts = ColumnFacts {
        noun,
        kind: Kind::Other,
        distinct: 0,
        nulls: 0,
        unique: false,
        values: Vec::new(),
        said: Vec::new(),
        sql,
    };
    // With the table's name, a column that is not there is an error and no string.
    let name = format!("{table}.{}", facts.sql);
    const ISO: &str = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]*";
    let of_types = format!(
        "SELECT count(v), count(DISTINCT v), total(typeof(v) IN ('integer', 'real')), total(typeof(v) = 'text'), \
         total(v GLOB '{ISO}'), total(typeof(v) = 'integer' AND v BETWEEN 1000 AND 2200), total(v IN (0, 1)) FROM (SELECT {name} AS v FROM {table})"
    );
    let Ok(found) = database.query(&of_types, budget) else {
        return facts;
    };
    let numbers: Vec<usize> = found
        .rows()
        .first()
        .into_iter()
        .flatten()
        .map(as_count)
        .collect();
    let [present, distinct, numeric, text, iso, years, bits] = numbers[..] else {
        return facts;
    };
    facts.nulls = rows - present.min(rows);
    facts.distinct = distinct;
    facts.unique = present == rows && distinct == rows && rows > 0;
    if present == 0 {
        return facts;
    }
    let named = words(&column.name);
    let last = named.last().map_or("", String::as_str);
    let first = named.first().map_or("", String::as_str);
    let label = [
        "id",
        "code",
        "phone",
        "zip",
        "zipcode",
        "postcode",
        "fax",
        "isbn",
        "ssn",
        "telephone",
        "ids",
        "major",
        "minor",
        "advisor",
    ]
    .contains(&last)
        || (last == "number" && named.len() > 1);
    let flag = ["is", "has", "was", "can"].contains(&first)
        || (numeric == present && bits == present && distinct == 2);
    facts.kind = if numeric == present && (key || label) || key && text == present {
        Kind::Key
    } else if flag {
        Kind::Other
    } else if numeric == present && named.iter().any(|word| word == "year") && years == present {
        Kind::Year
    } else if numeric == present {
        Kind::Number
    } else if text == present && iso == present {
        Kind::Date
    } else if text == present {
        Kind::Text
    } else {
        Kind::Other
    };
    let values = format!(
        "SELECT v, count(*) FROM (SELECT {name} AS v FROM {table}) WHERE v IS NOT NULL AND v <> '' AND length(v) <= 40 \
         GROUP BY v ORDER BY count(*) DESC, v LIMIT 200"
    );
    if let Ok(found) = database.query(&values, budget) {
        for row in found.rows() {
            if let [value, times] = &row[..]
                && can_be_said(value)
            {
                facts.values.push((value.clone(), as_count(times)));
            }
        }
    }
    facts
}

fn as_count(value: &Value) -> usize {
    match value {
        Value::Integer(count) => usize::try_from(*count).unwrap_or(0),
        // Totals of zeros and ones, which are exact.
        Value::Real(count) => *count as usize,
        _ => 0,
    }
}

/// Whether a question can hold the value as it is.
fn can_be_said(value: &Value) -> bool {
    match value {
        Value::Text(text) => {
            text.trim() == text
                && !text.contains("  ")
                && text.chars().any(char::is_alphanumeric)
                && !text
                    .chars()
                    .any(|c| c.is_control() || c == '\u{fffd}' || c == '"')
        }
        Value::Integer(_) => true,
        Value::Real(number) => {
            number.is_finite()
                && number.abs() < 1e12
                && (*number == 0.0 || number.abs() >= 1e-4)
                && number.to_string().len() <= 10
        }
        _ => false,
    }
}
