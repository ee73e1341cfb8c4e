//! Rows as a table for people.

use anneal_sql::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::plain::plain;
use super::{More, Shown};

/// Columns of a terminal that a value takes at most.
const WIDEST: usize = 40;
/// Bytes of a blob that are shown.
const BLOB_BYTES: usize = 8;
/// Between two columns.
const GAP: &str = "  ";

/// The result as an aligned table: names, a line, rows, and how many more there are.
///
/// Numbers stand on the right. Widths are those of a terminal, where `日` takes two columns. Texts and names longer than 40
/// columns are cut and end in `…`; a blob shows its first eight bytes and its length. Nothing in
/// it is obeyed by a terminal.
///
/// # Example
/// ```
/// use anneal_examples::ask::{More, Shown, table};
/// use anneal_sql::Value;
///
/// let row = |name: &str, age| vec![Value::Text(name.into()), age];
/// let shown = Shown {
///     columns: vec!["name".into(), "age".into()],
///     rows: vec![row("Ann", Value::Integer(7)), row("Bartholomew", Value::Null)],
///     more: More::Rows(3),
/// };
/// assert_eq!(
///     table(&shown),
///     "name          age\n\
///      ───────────  ────\n\
///      Ann             7\n\
///      Bartholomew  NULL\n\
///      … 3 more rows\n"
/// );
/// ```
pub fn table(shown: &Shown) -> String {
    let names: Vec<String> = shown
        .columns
        .iter()
        .map(|name| cut(&plain(name, false)))
        .collect();
    let cells: Vec<Vec<String>> = shown
        .rows
        .iter()
        .map(|row| row.iter().map(cell).collect())
        .collect();
    let widths: Vec<usize> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let column = cells.iter().map(|row| row[at].width());
            column.chain([name.width()]).max().unwrap_or(0)
        })
        .collect();
    // A column of numbers alone; NULLs decide nothing.
    let right: Vec<bool> = (0..names.len())
        .map(|at| {
            let mut values = shown.rows.iter().map(|row| &row[at]);
            let number = |value: &Value| matches!(value, Value::Integer(_) | Value::Real(_));
            shown.rows.iter().any(|row| number(&row[at]))
                && values.all(|value| number(value) || matches!(value, Value::Null))
        })
        .collect();
    let line = |cells: &[String]| {
        let parts = cells.iter().zip(&widths).zip(&right);
        let parts = parts.map(|((cell, &width), &right)| {
            let blanks = " ".repeat(width - cell.width());
            match right {
                true => format!("{blanks}{cell}"),
                false => format!("{cell}{blanks}"),
            }
        });
        let joined = parts.collect::<Vec<_>>().join(GAP);
        format!("{}\n", joined.trim_end())
    };
    let rules: Vec<String> = widths
        .iter()
        .map(|&width| "─".repeat(width.max(1)))
        .collect();
    let mut text = line(&names);
    text.push_str(&format!("{}\n", rules.join(GAP)));
    text.extend(cells.iter().map(|row| line(row)));
    match shown.more {
        More::Rows(0) if cells.is_empty() => text.push_str("(no rows)\n"),
        More::Rows(0) => {}
        More::Rows(1) => text.push_str("… 1 more row\n"),
        More::Rows(count) => text.push_str(&format!("… {count} more rows\n")),
        More::Uncounted => text.push_str("… and more rows than are counted\n"),
    }
    text
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) if value.is_infinite() => {
            let sign = if *value < 0.0 { "-" } else { "" };
            format!("{sign}Infinity")
        }
        Value::Real(value) => format!("{value:?}"),
        Value::Text(text) => cut(&plain(text, false)),
        Value::Blob(bytes) => {
            let shown = bytes.iter().take(BLOB_BYTES);
            let hex: String = shown.map(|byte| format!("{byte:02x}")).collect();
            match bytes.len() > BLOB_BYTES {
                true => format!("x'{hex}…' ({} bytes)", bytes.len()),
                false => format!("x'{hex}'"),
            }
        }
    }
}

/// At most [`WIDEST`] columns of `text`.
fn cut(text: &str) -> String {
    if text.width() <= WIDEST {
        return text.to_owned();
    }
    let (mut kept, mut width) = (String::new(), 0);
    for character in text.chars() {
        width += character.width().unwrap_or(0);
        if width > WIDEST - 1 {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn wide_characters_long_texts_blobs_and_control_characters_keep_the_columns_straight() {
        let long = "語".repeat(30);
        let shown = Shown {
            columns: vec!["名前".into(), "b\u{1b}".into(), "value".into()],
            rows: vec![
                vec![
                    text(&long),
                    Value::Blob((0..20).collect()),
                    Value::Real(2.5),
                ],
                vec![text("a\nb"), Value::Blob(vec![255, 0]), Value::Integer(-10)],
                vec![Value::Null, text("x"), Value::Real(f64::NEG_INFINITY)],
            ],
            more: More::Rows(1),
        };
        let table = table(&shown);
        let lines: Vec<&str> = table.lines().collect();
        // 19 characters of two columns, and the mark.
        assert_eq!(
            lines[2],
            format!(
                "{}…  x'0001020304050607…' (20 bytes)        2.5",
                "語".repeat(19)
            )
        );
        assert_eq!(
            lines[3],
            format!(
                "a\\nb{}  x'ff00'                                -10",
                " ".repeat(35)
            )
        );
        assert_eq!(
            lines[4],
            format!(
                "NULL{}  x                                -Infinity",
                " ".repeat(35)
            )
        );
        assert_eq!(lines[5], "… 1 more row");
        assert!(
            lines[0].starts_with("名前") && lines[0].contains("b\\u{1b}"),
            "{table}"
        );
        assert!(
            lines[..5]
                .iter()
                .all(|line| line.width() == lines[1].width()),
            "{table}"
        );
    }

    #[test]
    fn a_result_without_rows_says_so() {
        let shown = |rows, more| {
            let columns = vec!["a".to_owned(), String::new()];
            table(&Shown {
                columns,
                rows,
                more,
            })
        };
        assert_eq!(shown(vec![], More::Rows(0)), "a\n─  ─\n(no rows)\n");
        assert_eq!(shown(vec![], More::Rows(7)), "a\n─  ─\n… 7 more rows\n");
        let rows = vec![vec![text("1"), Value::Integer(1)]];
        assert_eq!(
            shown(rows, More::Uncounted),
            "a\n─  ─\n1  1\n… and more rows than are counted\n"
        );
    }
}
