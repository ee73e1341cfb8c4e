//! Spider's tokens: words, with each quoted text as one token and `!=`, `>=`, `<=` joined.

use std::collections::HashMap;

use super::SpiderError;
use super::words::words;
use crate::MAX_SQL_BYTES;

/// The tokens of `sql`, as `tokenize` of `process_sql.py` makes them.
///
/// Both quotes become `"`, and the second one always closes the first: `"it's"` is three quotes. A token with a `"`
/// in it is a quoted text, in its own case; all others are in lower case.
pub(super) fn tokens(sql: &str) -> Result<Vec<String>, SpiderError> {
    if sql.len() > MAX_SQL_BYTES {
        return Err(SpiderError::TooLong {
            found: sql.len(),
            limit: MAX_SQL_BYTES,
        });
    }
    let sql = sql.replace('\'', "\"");
    let found = sql.matches('"').count();
    if !found.is_multiple_of(2) {
        return Err(SpiderError::OddQuotes { found });
    }
    let (bare, quoted) = take_quoted(&sql);
    let tokens = words(&bare)
        .into_iter()
        .map(|word| match quoted.get(&word) {
            Some(&text) => text.to_owned(),
            None => word,
        })
        .collect();
    Ok(joined(tokens))
}

/// The text with a name in place of each quoted part, and the parts by their names.
///
/// The names are those of the script (positions in characters), because a query can hold such a name as well.
fn take_quoted(sql: &str) -> (String, HashMap<String, &str>) {
    let mut bare = String::with_capacity(sql.len());
    let mut quoted = HashMap::new();
    let mut position = 0;
    for (number, part) in sql.split('"').enumerate() {
        let length = part.chars().count();
        if number % 2 == 0 {
            bare.push_str(part);
            position += length;
        } else {
            let name = format!("__val_{}_{}__", position, position + length + 1);
            bare.push_str(&name);
            // The part with its quotes: it lies inside the text, so both are there.
            let start = part.as_ptr() as usize - sql.as_ptr() as usize;
            quoted.insert(name, &sql[start - 1..start + part.len() + 1]);
            position += length + 2;
        }
    }
    (bare, quoted)
}

/// `!`, `>` or `<` before `=` becomes one token with it.
fn joined(tokens: Vec<String>) -> Vec<String> {
    let mut joined: Vec<String> = Vec::with_capacity(tokens.len());
    for token in tokens {
        match joined.last_mut() {
            Some(last) if token == "=" && matches!(last.as_str(), "!" | ">" | "<") => {
                last.push('=')
            }
            _ => joined.push(token),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_texts_are_tokens_and_operators_are_joined() {
        let tokens = tokens("SELECT A FROM t WHERE b != 'It is' AND c>= \"é\" AND d='x'").unwrap();
        assert_eq!(
            tokens.join("|"),
            "select|a|from|t|where|b|!=|\"It is\"|and|c|>=|\"é\"|and|d=__val_53_55__"
        );
        assert_eq!(
            super::tokens("'a\"' b"),
            Err(SpiderError::OddQuotes { found: 3 })
        );
    }
}
