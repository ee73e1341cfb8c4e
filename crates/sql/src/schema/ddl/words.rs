//! Words of a statement as people mean them: names without quotes, comments without marks.

use crate::lexer::{Kind, Token};

/// SQLite answers with these six in capitals, however they were written.
pub(super) fn standard_type(declared: String) -> String {
    const STANDARD: [&str; 6] = ["ANY", "BLOB", "INT", "INTEGER", "REAL", "TEXT"];
    match STANDARD
        .iter()
        .find(|name| declared.eq_ignore_ascii_case(name))
    {
        Some(name) => (*name).to_owned(),
        None => declared,
    }
}

/// What MySQL's `COMMENT 'x'`, Snowflake's `COMMENT = 'x'` or BigQuery's `description = "x"` says.
pub(super) fn stated(tokens: &[Token<'_>], backslashes: bool) -> Option<String> {
    let at = (0..tokens.len()).find(|&at| {
        let word = tokens[at].is_word("comment") || tokens[at].is_word("description");
        let value = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|next| next.text == "="));
        word && tokens
            .get(value)
            .is_some_and(|next| next.text.starts_with(['\'', '"']))
    })?;
    let value = tokens[at + 1..]
        .iter()
        .find(|token| token.kind == Kind::Quoted)?;
    let text = unquoted(value.text, backslashes);
    Some(text).filter(|text| !text.trim().is_empty())
}

/// A name or string without its quotes.
pub(super) fn unquoted(text: &str, backslashes: bool) -> String {
    let Some(first) = text
        .chars()
        .next()
        .filter(|c| matches!(c, '\'' | '"' | '`' | '['))
    else {
        return text.to_owned();
    };
    let last = if first == '[' { ']' } else { first };
    let inside = text[1..].strip_suffix(last).unwrap_or(&text[1..]);
    let mut plain = String::with_capacity(inside.len());
    let mut rest = inside.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' if backslashes => plain.push(match rest.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(other) => other,
                None => '\\',
            }),
            // The second of a doubled quote.
            _ if c == first && first != '[' => plain.extend(rest.next()),
            _ => plain.push(c),
        }
    }
    plain
}

/// Comments without their marks, in one line.
pub(super) fn joined(comments: &[&str]) -> Option<String> {
    let mut words = Vec::new();
    // `/*!80003 SRID 0 */` is code for some versions of MySQL.
    for comment in comments.iter().filter(|text| !text.starts_with("/*!")) {
        let inside = match comment.strip_prefix("/*") {
            Some(rest) => rest.strip_suffix("*/").unwrap_or(rest),
            None => comment.trim_start_matches(['-', '#']),
        };
        words.extend(
            inside
                .split_whitespace()
                .filter(|word| word.chars().any(|c| !matches!(c, '*' | '-' | '=' | '#'))),
        );
    }
    Some(words.join(" ")).filter(|text| !text.is_empty())
}
