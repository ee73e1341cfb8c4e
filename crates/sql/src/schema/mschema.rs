//! M-Schema, the form that XiYan-SQL models are trained on.
//!
//! Format: XiYan-SQL (arXiv 2411.08599) and `m_schema.py` of its M-Schema project, `to_mschema` with its defaults.

use super::render::{is_sound, note, number, single_line, type_text};
use super::{Column, Schema, SchemaStyle, Table, TypeStyle};
use crate::Value;

/// ```text
/// 【DB_ID】 name
/// 【Schema】
/// # Table: film, what it is
/// [
/// (id:INTEGER, its number, Primary Key, Examples: [1, 2, 3]),
/// (title:TEXT)
/// ]
/// 【Foreign keys】
/// film.market=market.id
/// ```
///
/// Three things are ours: a column without a type is `(name)`, where SQLAlchemy says `NULL`; ranges, where they are
/// switched on, follow the examples as `Range: [1, 9]`; and names and values that hold a sign of the form (a value: a comma or a bracket) are quoted.
/// Compared on 137 databases of Spider with the same samples, 6,783 lines: 42 differ by such quotes, one by a trailing blank in
/// a type, one by the last digit of a number; seven databases have values with line breaks, which the original leaves in.
pub(super) fn render(schema: &Schema, style: &SchemaStyle) -> String {
    let name = schema
        .name
        .as_deref()
        .map_or_else(|| "Anonymous".into(), |name| plain_text(&single_line(name)));
    let mut lines = vec![format!("【DB_ID】 {name}"), "【Schema】".into()];
    let about = schema.description.as_deref().filter(|_| style.descriptions);
    lines.extend(note(None, about).map(|text| format!("# {}", plain_text(&text))));
    for table in &schema.tables {
        let text = note(
            table.comment.as_deref().filter(|_| style.comments),
            table.description.as_deref().filter(|_| style.descriptions),
        );
        let text = text.map_or_else(String::new, |text| format!(", {}", plain_text(&text)));
        lines.push(format!("# Table: {}{text}", bare(&table.name)));
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|column| field(column, table, style))
            .collect();
        lines.push(format!("[\n{}\n]", columns.join(",\n")));
    }
    let keys = foreign_keys(schema);
    if style.foreign_keys && !keys.is_empty() {
        lines.push("【Foreign keys】".into());
        lines.extend(keys);
    }
    lines.join("\n")
}

fn field(column: &Column, table: &Table, style: &SchemaStyle) -> String {
    let declared = type_text(column, style.types);
    let kind = declared
        .split('(')
        .next()
        .unwrap_or_default()
        .trim()
        .to_uppercase();
    let mut text = format!("({}", bare(&column.name));
    if !kind.is_empty() {
        text.push_str(&format!(":{kind}"));
    }
    let words = note(
        column.comment.as_deref().filter(|_| style.comments),
        column.description.as_deref().filter(|_| style.descriptions),
    );
    text.extend(words.map(|words| format!(", {}", plain_text(&words))));
    if style.keys && table.primary_key.contains(&column.name) {
        text.push_str(", Primary Key");
    }
    let is_date = |kind: &str| matches!(kind, "DATE" | "TIME" | "DATETIME" | "TIMESTAMP");
    let shown = match style.types {
        TypeStyle::Omitted => column.declared_type.to_uppercase(),
        _ => kind,
    };
    let examples = examples(&column.samples, style.samples, is_date(&shown));
    if !examples.is_empty() {
        text.push_str(&format!(", Examples: [{}]", examples.join(", ")));
    }
    if let Some((low, high)) = column.range.as_ref().filter(|_| style.ranges)
        && let (Some(low), Some(high)) = (plain_value(low), plain_value(high))
    {
        text.push_str(&format!(", Range: [{low}, {high}]"));
    }
    text.push(')');
    text
}

/// The values that XiYan-SQL shows: none where one is an address of mail or web, or is longer than 50 characters;
/// the first where one is longer than 20, and of a date.
fn examples(samples: &[Value], most: usize, is_date: bool) -> Vec<String> {
    let raw = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        value => number(value),
    };
    let texts: Vec<String> = samples.iter().filter_map(raw).collect();
    let address = |text: &String| {
        let mail = text.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && host.contains('.') && !text.contains(' ')
        });
        mail || text.contains("http://") || text.contains("https://")
    };
    let shown = texts.iter().take(most);
    let count = match shown.map(|text| text.chars().count()).max() {
        None => 0,
        _ if texts.iter().any(address) => 0,
        Some(_) if is_date => 1,
        Some(51..) => 0,
        Some(21..) => 1,
        Some(_) => most,
    };
    samples.iter().filter_map(plain_value).take(count).collect()
}

fn plain_value(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) if text.is_empty() => None,
        Value::Text(text) if is_plain_value(text) => Some(text.clone()),
        Value::Text(text) => Some(format!("'{}'", single_line(text).replace('\'', "''"))),
        value => number(value),
    }
}

fn foreign_keys(schema: &Schema) -> Vec<String> {
    let mut lines = Vec::new();
    for table in &schema.tables {
        for key in table.foreign_keys.iter().filter(|key| is_sound(key, table)) {
            let there = schema.references(key);
            for (index, column) in key.columns.iter().enumerate() {
                let target = there
                    .get(index)
                    .map_or_else(String::new, |column| format!(".{}", bare(column)));
                lines.push(format!(
                    "{}.{}={}{target}",
                    bare(&table.name),
                    bare(column),
                    bare(&key.table)
                ));
            }
        }
    }
    lines
}

/// A name as it is, or in double quotes where it holds a sign of the form.
fn bare(name: &str) -> String {
    match is_plain(name) {
        true => name.to_owned(),
        false => format!("\"{}\"", single_line(name).replace('"', "\"\"")),
    }
}

/// Comments may hold parentheses; only the heads of sections stand for themselves.
fn plain_text(text: &str) -> String {
    text.replace('【', "[").replace('】', "]")
}

/// Whether a value cannot be taken for several or for the end of the list.
fn is_plain_value(text: &str) -> bool {
    const SIGNS: [char; 5] = [',', '[', ']', '【', '】'];
    single_line(text) == text && !text.contains(SIGNS) && !text.starts_with('\'')
}

fn is_plain(text: &str) -> bool {
    const SIGNS: [char; 13] = [
        '(', ')', '[', ']', '【', '】', ',', ':', '=', '"', '\'', '\\', '#',
    ];
    !text.is_empty() && single_line(text) == text && !text.contains(SIGNS)
}
