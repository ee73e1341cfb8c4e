//! Text functions of SQLite that are quadratic there, in linear time.
//!
//! SQLite looks at its progress callback only where a program jumps back, so a row of
//! function calls cannot be interrupted: 1,900 times `instr` over two long texts in one
//! SELECT list run for eight minutes, and one `trim(x, y)` alone for three. These functions give what
//! SQLite's own give, and take time in proportion to their arguments.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Error, ffi};

use crate::gate::MAX_VALUE_BYTES;

/// How all functions of this crate are registered: indices, views and generated columns of existing files
/// may use them, also where the schema is not trusted.
pub(crate) fn flags() -> FunctionFlags {
    FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS
}

/// Puts the functions in the place of SQLite's own.
pub(crate) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function("instr", 2, flags(), |context| instr(context))?;
    connection.create_scalar_function("replace", 3, flags(), |context| replace(context))?;
    connection.create_scalar_function("trim", 2, flags(), |context| trim(context, true, true))?;
    connection.create_scalar_function("ltrim", 2, flags(), |context| trim(context, true, false))?;
    connection.create_scalar_function("rtrim", 2, flags(), |context| trim(context, false, true))
}

/// A text of SQLite, which need not be UTF-8.
struct Text(Vec<u8>);

impl ToSql for Text {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(&self.0)))
    }
}

/// The place of the second argument in the first, from 1, in characters; in bytes if both are blobs.
fn instr(context: &Context<'_>) -> rusqlite::Result<Option<i64>> {
    let (first, second) = (context.get_raw(0), context.get_raw(1));
    let blobs = matches!((first, second), (ValueRef::Blob(_), ValueRef::Blob(_)));
    let (Some(text), Some(part)) = (bytes(first)?, bytes(second)?) else {
        return Ok(None);
    };
    let place = match part.first() {
        // SQLite looks only where a character begins, which the first byte always does.
        Some(&byte) if !blobs && continues(byte) => usize::from(text.starts_with(&part)),
        _ => {
            let (wide, part) = searchable(&text, &part);
            wide.find(&*part).map_or(0, |at| {
                // A widened text has a character for each byte.
                let at = match wide {
                    Cow::Borrowed(_) => at,
                    Cow::Owned(_) => wide[..at].chars().count(),
                };
                let begins =
                    |&(place, byte): &(usize, &u8)| blobs || place == 0 || !continues(*byte);
                1 + text[..at].iter().enumerate().filter(begins).count()
            })
        }
    };
    Ok(Some(i64::try_from(place).unwrap_or_default()))
}

/// The first argument with the third in the place of each occurrence of the second.
fn replace(context: &Context<'_>) -> rusqlite::Result<Option<Text>> {
    let (Some(text), Some(part)) = (bytes(context.get_raw(0))?, bytes(context.get_raw(1))?) else {
        return Ok(None);
    };
    // As in SQLite before it looks at the third argument, which may be NULL. A part that begins
    // with a NUL character is empty there.
    if part.first().is_none_or(|&byte| byte == 0) {
        return Ok(Some(Text(text.into_owned())));
    }
    let Some(other) = bytes(context.get_raw(2))? else {
        return Ok(None);
    };
    let (wide, wide_part) = searchable(&text, &part);
    let count = wide.matches(&*wide_part).count();
    let length = text.len() - count * part.len() + count.saturating_mul(other.len());
    // Before anything of that length is built.
    if length > MAX_VALUE_BYTES {
        return Err(Error::SqliteFailure(
            ffi::Error::new(ffi::SQLITE_TOOBIG),
            None,
        ));
    }
    let mut result = Vec::with_capacity(length);
    for (index, between) in wide.split(&*wide_part).enumerate() {
        if index > 0 {
            result.extend_from_slice(&other);
        }
        match wide {
            Cow::Borrowed(_) => result.extend_from_slice(between.as_bytes()),
            // Back to the bytes that these characters stand for.
            Cow::Owned(_) => result.extend(between.chars().map(|c| c as u8)),
        }
    }
    Ok(Some(Text(result)))
}

/// The first argument without the characters of the second at its ends.
///
/// As in SQLite the second ends at a NUL, and of two of its characters that fit the first one counts. That is
/// seen only where a text is not UTF-8; "characters" of more than [`LONGEST`] bytes are then left out.
fn trim(context: &Context<'_>, start: bool, end: bool) -> rusqlite::Result<Option<Text>> {
    let (Some(text), Some(set)) = (bytes(context.get_raw(0))?, bytes(context.get_raw(1))?) else {
        return Ok(None);
    };
    let mut set = set.split(|&byte| byte == 0).next().unwrap_or_default();
    let mut order: HashMap<&[u8], usize> = HashMap::new();
    while let Some(&first) = set.first() {
        let more = match first >= 0xc0 {
            true => set[1..].iter().take_while(|&&byte| continues(byte)).count(),
            false => 0,
        };
        let (character, rest) = set.split_at(1 + more);
        let place = order.len();
        if character.len() <= LONGEST {
            order.entry(character).or_insert(place);
        }
        set = rest;
    }
    let first = |fitting: &mut dyn Iterator<Item = &[u8]>| {
        let known = fitting.filter_map(|part| Some((*order.get(part)?, part.len())));
        known.min().map(|(_, length)| length)
    };
    let mut rest: &[u8] = &text;
    while start
        && let Some(length) =
            first(&mut (1..=LONGEST.min(rest.len())).map(|length| &rest[..length]))
    {
        rest = &rest[length..];
    }
    while end
        && let Some(length) =
            first(&mut (1..=LONGEST.min(rest.len())).map(|length| &rest[rest.len() - length..]))
    {
        rest = &rest[..rest.len() - length];
    }
    Ok(Some(Text(rest.to_vec())))
}

/// The longest character of UTF-8, in bytes.
const LONGEST: usize = 4;

/// Whether this byte goes on with a character that began before it.
fn continues(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// Both as texts, in which Rust searches in linear time: as they are, or widened to a character for each byte.
fn searchable<'a>(text: &'a [u8], part: &'a [u8]) -> (Cow<'a, str>, Cow<'a, str>) {
    match (std::str::from_utf8(text), std::str::from_utf8(part)) {
        (Ok(text), Ok(part)) => (text.into(), part.into()),
        _ => {
            let wide = |bytes: &[u8]| bytes.iter().map(|&byte| char::from(byte)).collect();
            (Cow::Owned(wide(text)), Cow::Owned(wide(part)))
        }
    }
}

thread_local! {
    static PRINTER: OnceCell<Connection> = const { OnceCell::new() };
}

/// `value` as text, which need not be UTF-8; `None` for NULL.
fn bytes(value: ValueRef<'_>) -> rusqlite::Result<Option<Cow<'_, [u8]>>> {
    Ok(Some(match value {
        ValueRef::Null => return Ok(None),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Cow::Borrowed(bytes),
        ValueRef::Integer(value) => Cow::Owned(value.to_string().into_bytes()),
        // SQLite's way to write a real is its own; so it is asked.
        ValueRef::Real(value) => Cow::Owned(PRINTER.with(|cell| {
            let connection = match cell.get() {
                Some(connection) => connection,
                None => {
                    let opened = Connection::open_in_memory()?;
                    cell.get_or_init(|| opened)
                }
            };
            let mut statement = connection.prepare_cached("SELECT CAST(?1 AS TEXT)")?;
            statement.query_row([value], |row| Ok(row.get::<_, String>(0)?.into_bytes()))
        })?),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_give_what_sqlites_own_give() {
        let ours = Connection::open_in_memory().unwrap();
        register(&ours).unwrap();
        let theirs = Connection::open_in_memory().unwrap();
        let values = [
            "NULL",
            "''",
            "'a'",
            "'aab'",
            "'abab'",
            "'éa'",
            "'é'",
            "'日本é'",
            "'ab'",
            "'  x '",
            "' '",
            "1",
            "121",
            "-2.50",
            "1e300",
            "0.1",
            "2.0",
            "x'6162'",
            "x'62'",
            "x''",
            "x'c3a962'",
            "x'00'",
            "'a' || char(0) || 'b'",
            "char(0) || 'a'",
            // Not UTF-8.
            "x'ff'",
            "CAST(x'61fe62' AS TEXT)",
            "CAST(x'a961c3a9c3' AS TEXT)",
            "CAST(x'a9' AS TEXT)",
            "CAST(x'c3' AS TEXT)",
        ];
        for one in values {
            for two in values {
                let mut calls: Vec<String> = ["instr", "trim", "ltrim", "rtrim"]
                    .map(|name| format!("{name}({one}, {two})"))
                    .into();
                calls.extend(values.map(|three| format!("replace({one}, {two}, {three})")));
                for call in calls {
                    let sql = format!("SELECT hex({call}), typeof({call})");
                    let result = |connection: &Connection| {
                        connection
                            .query_row(&sql, [], |row| {
                                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
                            })
                            .unwrap()
                    };
                    assert_eq!(result(&ours), result(&theirs), "{call}");
                }
            }
        }
    }
}
