//! Python's methods on strings that the engine's own Python layer lacks or answers otherwise.

use minijinja::value::{Tuple, Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};
use minijinja_contrib::pycompat::unknown_method_callback;

/// Answers a method call as Python would, or hands it on to the engine's Python layer.
pub(super) fn call(
    state: &mut State,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    if value.kind() == ValueKind::String
        && let Some(text) = value.as_str()
        && let Some(answer) = string_method(text, method, args)
    {
        return answer;
    }
    unknown_method_callback(state, value, method, args)
}

/// White space to Python's `str`: Unicode's, and the four separators of ASCII.
pub(crate) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// `None` for a method, or a way to call it, that the engine's layer answers as Python does.
fn string_method(text: &str, method: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    let no_args = args.is_empty();
    Some(match method {
        "strip" if no_args => Ok(text.trim_matches(is_space).into()),
        "lstrip" if no_args => Ok(text.trim_start_matches(is_space).into()),
        "rstrip" if no_args => Ok(text.trim_end_matches(is_space).into()),
        "split" if no_args => Ok(text
            .split(is_space)
            .filter(|part| !part.is_empty())
            .map(Value::from)
            .collect::<Vec<_>>()
            .into()),
        "rsplit" => rsplit(text, args),
        "partition" => partition(text, args, false),
        "rpartition" => partition(text, args, true),
        "removeprefix" => from_args(args)
            .map(|(prefix,): (&str,)| text.strip_prefix(prefix).unwrap_or(text).into()),
        "removesuffix" => from_args(args)
            .map(|(suffix,): (&str,)| text.strip_suffix(suffix).unwrap_or(text).into()),
        "index" => from_args(args).and_then(|(part,): (&str,)| {
            let at = text
                .find(part)
                .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "substring not found"))?;
            Ok(Value::from(text[..at].chars().count()))
        }),
        "ljust" => pad(text, args, |missing| (0, missing)),
        "rjust" => pad(text, args, |missing| (missing, 0)),
        _ => return None,
    })
}

/// The widest that a template may pad or indent to. One that asks for more would take the memory of
/// the whole program, which no error could be made of.
const WIDEST: usize = 1 << 16;

/// Refuses a width over [`WIDEST`].
pub(super) fn check_width(width: usize) -> Result<(), Error> {
    if width <= WIDEST {
        return Ok(());
    }
    let message = format!("a width of {width} characters; the most is {WIDEST}");
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

fn rsplit(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (separator, most): (Option<&str>, Option<i64>) = from_args(args)?;
    // A negative count is no limit.
    let most = most.and_then(|most| usize::try_from(most).ok());
    let mut parts: Vec<Value> = match (separator, most) {
        (Some(""), _) => {
            return Err(Error::new(ErrorKind::InvalidOperation, "empty separator"));
        }
        (Some(separator), Some(most)) => text
            .rsplitn(most.saturating_add(1), separator)
            .map(Value::from)
            .collect(),
        (Some(separator), None) => text.rsplit(separator).map(Value::from).collect(),
        (None, most) => words_from_the_end(text, most.unwrap_or(usize::MAX)),
    };
    parts.reverse();
    Ok(parts.into())
}

/// At most `most` words, the last first, and then what is left.
fn words_from_the_end(text: &str, most: usize) -> Vec<Value> {
    let mut words = Vec::new();
    let mut rest = text.trim_end_matches(is_space);
    while !rest.is_empty() {
        if words.len() == most {
            words.push(rest.into());
            break;
        }
        let word = rest.rsplit(is_space).next().unwrap_or(rest);
        words.push(word.into());
        rest = rest[..rest.len() - word.len()].trim_end_matches(is_space);
    }
    words
}

fn partition(text: &str, args: &[Value], from_the_end: bool) -> Result<Value, Error> {
    let (separator,): (&str,) = from_args(args)?;
    if separator.is_empty() {
        return Err(Error::new(ErrorKind::InvalidOperation, "empty separator"));
    }
    let cut = if from_the_end {
        text.rsplit_once(separator)
    } else {
        text.split_once(separator)
    };
    let parts = match (cut, from_the_end) {
        (Some((before, after)), _) => [before, separator, after],
        (None, false) => [text, "", ""],
        (None, true) => ["", "", text],
    };
    Ok(Value::from(Tuple::from(parts.map(Value::from).to_vec())))
}

/// Fills up to a width; `share` says how many of the missing characters stand before and after.
fn pad(
    text: &str,
    args: &[Value],
    share: impl Fn(usize) -> (usize, usize),
) -> Result<Value, Error> {
    let (width, fill): (i64, Option<&str>) = from_args(args)?;
    let width = usize::try_from(width).unwrap_or(0);
    check_width(width)?;
    let missing = width.saturating_sub(text.chars().count());
    let (before, after) = share(missing);
    let fill = fill.unwrap_or(" ");
    let (before, after) = (fill.repeat(before), fill.repeat(after));
    Ok(format!("{before}{text}{after}").into())
}
