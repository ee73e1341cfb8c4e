//! Checks that several themes need.

use crate::ExampleError;

pub(super) fn required<T>(setting: &'static str, value: Option<T>) -> Result<T, ExampleError> {
    let missing = || ExampleError::Missing {
        setting,
        key: setting.replace('-', "_"),
    };
    value.ok_or_else(missing)
}

pub(super) fn refuse(setting: &'static str, found: &str, expected: &str) -> ExampleError {
    ExampleError::Setting {
        setting,
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}

pub(super) fn at_least_1(setting: &'static str, value: usize) -> Result<usize, ExampleError> {
    match value {
        0 => Err(refuse(setting, "0", "at least 1")),
        value => Ok(value),
    }
}

/// A number at least 0, or above it, and finite.
pub(super) fn not_negative(setting: &'static str, value: f64) -> Result<f64, ExampleError> {
    match value.is_finite() && value >= 0.0 {
        true => Ok(value),
        false => Err(refuse(setting, &value.to_string(), "a number from 0 up")),
    }
}

/// A part of a whole: at least 0, below 1.
pub(super) fn share(setting: &'static str, value: f64) -> Result<f64, ExampleError> {
    match (0.0..1.0).contains(&value) {
        true => Ok(value),
        false => Err(refuse(
            setting,
            &value.to_string(),
            "at least 0 and below 1",
        )),
    }
}

/// One of several words; the first is the default.
pub(super) fn word<T: Copy>(
    setting: &'static str,
    given: Option<&str>,
    words: &[(&str, T)],
) -> Result<T, ExampleError> {
    let given = given.unwrap_or(words[0].0);
    let known = words.iter().find(|(word, _)| *word == given);
    known.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let expected = match names.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
            None => String::new(),
        };
        refuse(setting, given, &expected)
    })
}
