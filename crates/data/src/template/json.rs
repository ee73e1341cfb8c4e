//! The `tojson` filter as transformers defines it: Python's `json.dumps` with `ensure_ascii=False`.
//!
//! The engine's own filter escapes `<`, `>`, `&` and `'` for HTML, which a model has never seen.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, Value};

use super::methods::check_width;
use super::number::python_float;

struct Style {
    ensure_ascii: bool,
    indent: Option<usize>,
    item_separator: String,
    key_separator: String,
    sort_keys: bool,
}

/// `value|tojson(ensure_ascii=false, indent=none, separators=none, sort_keys=false)`.
pub(super) fn tojson(value: Value, options: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    check_width(indent.unwrap_or(0))?;
    let separators: Option<(String, String)> = match options.get::<Option<Value>>("separators")? {
        Some(pair) if !pair.is_none() => Some((
            pair.get_item_by_index(0)?.to_string(),
            pair.get_item_by_index(1)?.to_string(),
        )),
        _ => None,
    };
    // json.dumps drops the space after a comma where lines end there.
    let default = if indent.is_some() { "," } else { ", " };
    let (item_separator, key_separator) =
        separators.unwrap_or_else(|| (default.to_owned(), ": ".to_owned()));
    let style = Style {
        ensure_ascii: options
            .get::<Option<bool>>("ensure_ascii")?
            .unwrap_or(false),
        indent,
        item_separator,
        key_separator,
        sort_keys: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
    };
    options.assert_all_used()?;
    let mut out = String::new();
    write(&mut out, &value, &style, 0)?;
    Ok(out)
}

fn write(out: &mut String, value: &Value, style: &Style, depth: usize) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => write_number(out, value),
        ValueKind::String => write_text(out, &value.to_string(), style)?,
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter()?.collect::<Vec<_>>();
            write_items(out, ['[', ']'], &items, style, depth, |out, item| {
                write(out, item, style, depth + 1)
            })?;
        }
        ValueKind::Map => {
            let mut keys = value.try_iter()?.collect::<Vec<_>>();
            if style.sort_keys {
                keys.sort_by_key(Value::to_string);
            }
            write_items(out, ['{', '}'], &keys, style, depth, |out, key| {
                write_key(out, key, style)?;
                out.push_str(&style.key_separator);
                write(out, &value.get_item(key)?, style, depth + 1)
            })?;
        }
        other => {
            return Err(Error::new(
                ErrorKind::InvalidOperation,
                format!("a value of kind {other} is not JSON serializable"),
            ));
        }
    }
    Ok(())
}

fn write_number(out: &mut String, value: &Value) {
    match f64::try_from(value.clone()) {
        Ok(number) if !value.is_integer() && number.is_finite() => {
            out.push_str(&python_float(number));
        }
        // json.dumps writes what is no JSON, as JavaScript spells it.
        Ok(number) if number.is_nan() => out.push_str("NaN"),
        Ok(number) if number.is_infinite() => {
            out.push_str(if number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            });
        }
        _ => out.push_str(&value.to_string()),
    }
}

/// A key is a text; a number, a truth value and none become one in JSON's spelling.
fn write_key(out: &mut String, key: &Value, style: &Style) -> Result<(), Error> {
    if key.kind() == ValueKind::String {
        return write_text(out, &key.to_string(), style);
    }
    out.push('"');
    write(out, key, style, 0)?;
    out.push('"');
    Ok(())
}

fn write_items(
    out: &mut String,
    [open, close]: [char; 2],
    items: &[Value],
    style: &Style,
    depth: usize,
    mut write_one: impl FnMut(&mut String, &Value) -> Result<(), Error>,
) -> Result<(), Error> {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(&style.item_separator);
        }
        new_line(out, style, depth + 1);
        write_one(out, item)?;
    }
    if !items.is_empty() {
        new_line(out, style, depth);
    }
    out.push(close);
    Ok(())
}

fn new_line(out: &mut String, style: &Style, depth: usize) {
    if let Some(indent) = style.indent {
        out.push('\n');
        out.push_str(&" ".repeat(indent * depth));
    }
}

fn write_text(out: &mut String, text: &str, style: &Style) -> Result<(), Error> {
    // serde_json escapes what json.dumps escapes: quotes, backslashes and control characters.
    let quoted = serde_json::to_string(text).map_err(|error| {
        Error::new(ErrorKind::InvalidOperation, "cannot quote a string").with_source(error)
    })?;
    for character in quoted.chars() {
        if style.ensure_ascii && !character.is_ascii() {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(character);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::ChatTemplate;

    /// Expected values: the `tojson` of transformers 5.23.0 in jinja2 3.1.6 on the same templates.
    #[test]
    fn json_is_written_as_python_writes_it() {
        let cases = [
            (
                r#"{{ {'b': [1, 2.5, true, none], 'a': "<é>&'\n\\"} | tojson }}"#,
                r#"{"b": [1, 2.5, true, null], "a": "<é>&'\n\\"}"#,
            ),
            (
                "{{ {'b': [1, {}], 'a': []} | tojson(indent=2) }}",
                "{\n  \"b\": [\n    1,\n    {}\n  ],\n  \"a\": []\n}",
            ),
            (
                "{{ {'b': 1, 'a': '𝒜'} | tojson(sort_keys=true, ensure_ascii=true, separators=(',', ':')) }}",
                r#"{"a":"\ud835\udc9c","b":1}"#,
            ),
        ];
        for (source, expected) in cases {
            let template = ChatTemplate::new(source, None, None).unwrap();
            assert_eq!(template.render(&[], false).unwrap(), expected, "{source}");
        }
    }

    #[test]
    fn widths_that_no_memory_holds_are_refused() {
        for source in [
            "{{ 'a'.ljust(99999999999999) }}",
            "{{ 'a'.rjust(99999999999999) }}",
            "{{ [1] | tojson(indent=99999999999999) }}",
        ] {
            let template = ChatTemplate::new(source, None, None).unwrap();
            assert_eq!(
                template.render(&[], false).unwrap_err().to_string(),
                "chat template line 1 failed: invalid operation: a width of 99999999999999 characters; the most is 65536",
                "{source}"
            );
        }
    }

    #[test]
    fn an_undefined_value_is_not_json() {
        let template = ChatTemplate::new("{{ nothing | tojson }}", None, None).unwrap();
        let text = template.render(&[], false).unwrap_err().to_string();
        assert!(
            text.contains("undefined is not JSON serializable"),
            "{text}"
        );
    }
}
