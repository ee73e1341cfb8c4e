//! Filters and tests that jinja2 answers otherwise than the engine does.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

use super::methods::is_space;

/// Puts jinja2's own behaviour in the place of the engine's.
pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("trim", trim);
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    environment.add_test("iterable", is_iterable);
    environment.add_test("sequence", is_sequence);
}

/// `text|trim(chars)`, with Python's idea of white space.
fn trim(value: &Value, chars: Option<&str>) -> String {
    // Whatever is no text is made one, as it would be printed.
    let owned;
    let text = match value.as_str() {
        Some(text) => text,
        None => {
            owned = value.to_string();
            &owned
        }
    };
    match chars {
        Some(chars) => text.trim_matches(|character| chars.contains(character)),
        None => text.trim_matches(is_space),
    }
    .to_owned()
}

/// jinja2 iterates over nothing less than text and over an undefined value, but never over none.
fn is_iterable(value: &Value) -> bool {
    value.is_undefined() || is_sequence(value) || value.kind() == ValueKind::Iterable
}

/// What has a length and items by position or key: text and mappings too.
fn is_sequence(value: &Value) -> bool {
    matches!(
        value.kind(),
        ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Undefined
    )
}

/// `value|int(default=0)`: a text that is no number gives the default.
fn int(value: &Value, default: Option<Value>, options: Kwargs) -> Result<Value, Error> {
    let default = otherwise(default, &options, Value::from(0))?;
    let number = match value.kind() {
        ValueKind::Bool => return Ok(Value::from(i64::from(value.is_true()))),
        ValueKind::Number if value.is_integer() => return Ok(value.clone()),
        ValueKind::Number => f64::try_from(value.clone()).ok(),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default().trim_matches(is_space);
            if let Ok(whole) = text.parse::<i64>() {
                return Ok(Value::from(whole));
            }
            text.parse::<f64>().ok()
        }
        _ => None,
    };
    Ok(match number {
        Some(number) if number.abs() < i64::MAX as f64 => Value::from(number as i64),
        _ => default,
    })
}

/// `value|float(default=0.0)`.
fn float(value: &Value, default: Option<Value>, options: Kwargs) -> Result<Value, Error> {
    let default = otherwise(default, &options, Value::from(0.0))?;
    let number = match value.kind() {
        ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        ValueKind::Number => f64::try_from(value.clone()).ok(),
        ValueKind::String => value
            .as_str()
            .and_then(|text| text.trim_matches(is_space).parse().ok()),
        _ => None,
    };
    Ok(number.map_or(default, Value::from))
}

/// A default given by position, by name, or neither.
fn otherwise(given: Option<Value>, options: &Kwargs, usual: Value) -> Result<Value, Error> {
    let named: Option<Value> = options.get("default")?;
    options.assert_all_used()?;
    match (given, named) {
        (Some(_), Some(_)) => Err(Error::new(
            ErrorKind::TooManyArguments,
            "`default` is given twice",
        )),
        (given, named) => Ok(given.or(named).unwrap_or(usual)),
    }
}
