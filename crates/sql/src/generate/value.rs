//! What SQLite stores and how it compares, as far as planting rows needs it.
//!
//! A witness row must satisfy the gold's conditions, so the generator decides them itself:
//! affinity (<https://www.sqlite.org/datatype3.html>, 3 and 4.2), the order of the storage
//! classes, and LIKE with its two wild cards, blind to case for ASCII letters only.

use std::cmp::Ordering;

use crate::{Affinity, Value};

/// `value` as a column of this affinity stores it.
pub(super) fn stored(value: &Value, affinity: Affinity) -> Value {
    match (affinity, value) {
        (Affinity::Text, Value::Integer(number)) => Value::Text(number.to_string()),
        (Affinity::Text, Value::Real(number)) => Value::Text(format!("{number:?}")),
        (Affinity::Integer | Affinity::Numeric, Value::Text(text)) => {
            number(text).map_or_else(|| value.clone(), |found| whole(&found))
        }
        (Affinity::Integer | Affinity::Numeric, Value::Real(_)) => whole(value),
        (Affinity::Real, Value::Integer(number)) => Value::Real(*number as f64),
        (Affinity::Real, Value::Text(text)) => match number(text) {
            Some(Value::Integer(number)) => Value::Real(number as f64),
            Some(found) => found,
            None => value.clone(),
        },
        _ => value.clone(),
    }
}

/// The number that `text` is, if the whole of it is one.
pub(super) fn number(text: &str) -> Option<Value> {
    let text = text.trim();
    // Rust would also read "inf" and "nan".
    let plain =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    if text.is_empty() || !text.bytes().all(plain) {
        return None;
    }
    match text.parse() {
        Ok(number) => Some(Value::Integer(number)),
        Err(_) => text
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .map(Value::Real),
    }
}

fn whole(value: &Value) -> Value {
    match value {
        Value::Real(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            Value::Integer(*number as i64)
        }
        other => other.clone(),
    }
}

/// The order of two values that are not NULL: numbers, then text, then blobs; `None` with a NULL.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    let class = |value: &Value| match value {
        Value::Null => None,
        Value::Integer(_) | Value::Real(_) => Some(1),
        Value::Text(_) => Some(2),
        Value::Blob(_) => Some(3),
    };
    let (first, second) = (class(left)?, class(right)?);
    Some(first.cmp(&second).then_with(|| {
        match (left, right) {
            (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Value::Blob(a), Value::Blob(b)) => a.cmp(b),
            _ => real(left)
                .partial_cmp(&real(right))
                .unwrap_or(Ordering::Equal),
        }
    }))
}

/// A number as a float; 0 for anything else.
pub(super) fn real(value: &Value) -> f64 {
    match value {
        Value::Integer(number) => *number as f64,
        Value::Real(number) => *number,
        _ => 0.0,
    }
}

/// SQLite's LIKE without an escape character.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut from) = (0, 0);
    // Where to go on after a mismatch: the last `%`, and one more character under it.
    let mut back: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some('%') => {
                back = Some((at + 1, from));
                at += 1;
            }
            Some(&wanted) if wanted == '_' || wanted.eq_ignore_ascii_case(&text[from]) => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((after, under)) = back else {
                    return false;
                };
                back = Some((after, under + 1));
                (at, from) = (after, under + 1);
            }
        }
    }
    pattern[at..].iter().all(|&rest| rest == '%')
}

/// What a value is tested for, as the gold writes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// `= < <= > >= <>`: the orders that pass.
    Compare(&'static [Ordering], Value),
    Between(Value, Value),
    In(Vec<Value>),
    Like(String),
    Null,
}

impl Test {
    /// Whether a stored value of a column of this affinity passes; a NULL passes nothing but [`Test::Null`].
    pub(super) fn passes(&self, value: &Value, affinity: Affinity, negated: bool) -> bool {
        if let Self::Null = self {
            return matches!(value, Value::Null) != negated;
        }
        let against = |literal: &Value| order(value, &stored(literal, affinity));
        let known = match self {
            Self::Compare(orders, literal) => against(literal).map(|found| orders.contains(&found)),
            Self::Between(low, high) => against(low)
                .zip(against(high))
                .map(|(low, high)| low != Ordering::Less && high != Ordering::Greater),
            Self::In(list) => (!matches!(value, Value::Null)).then(|| {
                list.iter()
                    .any(|literal| against(literal) == Some(Ordering::Equal))
            }),
            Self::Like(pattern) => match stored(value, Affinity::Text) {
                Value::Text(text) => Some(like(pattern, &text)),
                _ => None,
            },
            Self::Null => None,
        };
        known.is_some_and(|known| known != negated)
    }

    /// The literals in it.
    pub(super) fn literals(&self) -> Vec<Value> {
        match self {
            Self::Compare(_, literal) => vec![literal.clone()],
            Self::Between(low, high) => vec![low.clone(), high.clone()],
            Self::In(list) => list.clone(),
            Self::Like(pattern) => vec![Value::Text(core(pattern))],
            Self::Null => Vec::new(),
        }
    }
}

/// A LIKE pattern without its wild cards: the shortest text that passes.
pub(super) fn core(pattern: &str) -> String {
    pattern.replace('%', "").replace('_', "q")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_is_sqlites() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let mut differing = 0;
        for pattern in [
            "", "%", "a%", "%a", "%a%", "_a%", "a_", "%ab%b_", "A", "%%_",
        ] {
            for text in ["", "a", "A", "ab", "aab", "xabyb", "xabybz", "éa", "ba"] {
                let expected: bool = connection
                    .query_row("SELECT ?1 LIKE ?2", [text, pattern], |row| row.get(0))
                    .unwrap();
                assert_eq!(like(pattern, text), expected, "{text} LIKE {pattern}");
                differing += usize::from(expected);
            }
        }
        assert!((20..70).contains(&differing), "{differing}");
    }

    #[test]
    fn storing_and_comparing_are_sqlites() {
        let values = [
            Value::Integer(10),
            Value::Integer(9),
            Value::Real(9.5),
            Value::Real(9.0),
            Value::Text("9".into()),
            Value::Text("10".into()),
            Value::Text("9.0".into()),
            Value::Text("nan".into()),
            Value::Text("abc".into()),
        ];
        let literal = |value: &Value| match value {
            Value::Integer(number) => number.to_string(),
            Value::Real(number) => format!("{number:?}"),
            Value::Text(text) => format!("'{text}'"),
            _ => unreachable!(),
        };
        for (affinity, declared) in [
            (Affinity::Integer, "INT"),
            (Affinity::Text, "VARCHAR"),
            (Affinity::Blob, ""),
            (Affinity::Real, "REAL"),
            (Affinity::Numeric, "DECIMAL"),
        ] {
            for value in &values {
                for other in &values {
                    let connection = rusqlite::Connection::open_in_memory().unwrap();
                    let (kept, more): (String, bool) = connection
                        .execute_batch(&format!(
                            "CREATE TABLE t (x {declared}); INSERT INTO t VALUES ({})",
                            literal(value)
                        ))
                        .and_then(|()| {
                            let sql = format!("SELECT typeof(x), x > {} FROM t", literal(other));
                            connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
                        })
                        .unwrap();
                    let ours = stored(value, affinity);
                    let kind = match ours {
                        Value::Integer(_) => "integer",
                        Value::Real(_) => "real",
                        _ => "text",
                    };
                    assert_eq!(kind, kept, "{value:?} in {declared}");
                    let test = Test::Compare(&[Ordering::Greater], other.clone());
                    assert_eq!(
                        test.passes(&ours, affinity, false),
                        more,
                        "{value:?} > {other:?} in {declared}"
                    );
                }
            }
        }
    }
}
