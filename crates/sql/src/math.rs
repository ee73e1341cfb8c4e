//! SQLite's mathematical functions, which its bundled library lacks.
//!
//! They are an option of SQLite's build (`SQLITE_ENABLE_MATH_FUNCTIONS`) that cannot be set from `Cargo.toml`; most
//! other builds have it, Python's and the command line's among them, so queries use them. What they
//! give is that of <https://www.sqlite.org/lang_mathfunc.html>: NULL for an argument that is no number, and outside a
//! function's domain. `libm` computes them, so that the last digit is the same on every machine.

use std::f64::consts::PI;

use rusqlite::functions::Context;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use crate::functions::flags;

/// A function of one number.
type One = fn(f64) -> f64;

const ROUNDING: [(&str, One); 4] = [
    ("ceil", libm::ceil),
    ("ceiling", libm::ceil),
    ("floor", libm::floor),
    ("trunc", libm::trunc),
];

const OF_ONE: [(&str, One); 16] = [
    ("acos", libm::acos),
    ("acosh", libm::acosh),
    ("asin", libm::asin),
    ("asinh", libm::asinh),
    ("atan", libm::atan),
    ("atanh", libm::atanh),
    ("cos", libm::cos),
    ("cosh", libm::cosh),
    ("degrees", |x| x * (180.0 / PI)),
    ("exp", libm::exp),
    ("radians", |x| x * (PI / 180.0)),
    ("sin", libm::sin),
    ("sinh", libm::sinh),
    ("sqrt", libm::sqrt),
    ("tan", libm::tan),
    ("tanh", libm::tanh),
];

const LOGARITHMS: [(&str, One); 4] = [
    ("ln", libm::log),
    ("log", libm::log10),
    ("log10", libm::log10),
    ("log2", libm::log2),
];

type Two = fn(f64, f64) -> f64;

const OF_TWO: [(&str, Two); 4] = [
    ("atan2", libm::atan2),
    ("mod", libm::fmod),
    ("pow", libm::pow),
    ("power", libm::pow),
];

/// Adds the functions; a result that is not a number is NULL in SQLite.
pub(crate) fn register(connection: &Connection) -> Result<()> {
    for (name, function) in ROUNDING {
        connection.create_scalar_function(name, 1, flags(), move |context| {
            Ok(match number(context, 0) {
                // An integer stays one.
                Value::Real(x) => Value::Real(function(x)),
                other => other,
            })
        })?;
    }
    for (name, function) in OF_ONE {
        connection.create_scalar_function(name, 1, flags(), move |context| {
            Ok(real(context, 0).map(function))
        })?;
    }
    for (name, function) in LOGARITHMS {
        connection.create_scalar_function(name, 1, flags(), move |context| {
            Ok(positive(context, 0).map(function))
        })?;
    }
    connection.create_scalar_function("log", 2, flags(), |context| {
        let base = positive(context, 0)
            .map(libm::log)
            .filter(|&base| base > 0.0);
        Ok(base
            .zip(positive(context, 1))
            .map(|(base, x)| libm::log(x) / base))
    })?;
    for (name, function) in OF_TWO {
        connection.create_scalar_function(name, 2, flags(), move |context| {
            let both = real(context, 0).zip(real(context, 1));
            Ok(both.map(|(x, y)| function(x, y)))
        })?;
    }
    connection.create_scalar_function("pi", 0, flags(), |_| Ok(PI))
}

/// The argument as a number, by SQLite's rule for text; NULL if it is none.
fn number(context: &Context<'_>, index: usize) -> Value {
    match context.get_raw(index) {
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(text) => parse(text),
        ValueRef::Null | ValueRef::Blob(_) => Value::Null,
    }
}

fn parse(text: &[u8]) -> Value {
    let space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r');
    let text = std::str::from_utf8(text)
        .unwrap_or_default()
        .trim_matches(space);
    // Rust would also read "inf" and "nan".
    let plain = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    if !text.bytes().all(plain) {
        return Value::Null;
    }
    match (text.parse(), text.parse()) {
        (Ok(whole), _) => Value::Integer(whole),
        (_, Ok(number)) => Value::Real(number),
        _ => Value::Null,
    }
}

fn real(context: &Context<'_>, index: usize) -> Option<f64> {
    match number(context, index) {
        Value::Integer(value) => Some(value as f64),
        Value::Real(value) => Some(value),
        _ => None,
    }
}

fn positive(context: &Context<'_>, index: usize) -> Option<f64> {
    real(context, index).filter(|&value| value > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(sql: &str) -> Value {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        connection
            .query_row(&format!("SELECT {sql}"), [], |row| row.get(0))
            .unwrap()
    }

    /// The values are those of SQLite 3.40 with the option.
    #[test]
    #[expect(clippy::approx_constant, reason = "what SQLite gives, digit by digit")]
    fn values_are_sqlites() {
        for (sql, expected) in [
            ("sqrt(2)", 1.4142135623730951),
            ("pow(2, 0.5)", 1.4142135623730951),
            ("power(9, -1.5)", 0.037037037037037035),
            ("ln(10)", 2.302585092994046),
            ("log(3)", 0.47712125471966244),
            ("log(2, 10)", 3.3219280948873626),
            ("log2(10)", 3.3219280948873626),
            ("log10(7)", 0.8450980400142567),
            ("exp(1.5)", 4.4816890703380645),
            ("sin(1)", 0.8414709848078965),
            ("cos(1)", 0.5403023058681398),
            ("tan(1)", 1.5574077246549023),
            ("asin(0.5)", 0.5235987755982989),
            ("acos(0.5)", 1.0471975511965979),
            ("atan(2)", 1.1071487177940904),
            ("atan2(-1, -2)", -2.677945044588987),
            ("sinh(1)", 1.1752011936438014),
            ("cosh(1)", 1.5430806348152437),
            ("tanh(0.5)", 0.46211715726000974),
            ("asinh(1)", 0.881373587019543),
            ("acosh(2)", 1.3169578969248166),
            ("atanh(0.5)", 0.5493061443340548),
            ("degrees(1)", 57.29577951308232),
            ("radians(30)", 0.5235987755982988),
            ("pi()", 3.141592653589793),
            ("mod(7.5, 2)", 1.5),
            ("mod(-7, 3)", -1.0),
        ] {
            let Value::Real(found) = ask(sql) else {
                panic!("{sql}");
            };
            assert!(
                (found - expected).abs() <= 4.0 * f64::EPSILON * expected.abs(),
                "{sql}: {found}"
            );
        }
    }

    #[test]
    fn exact_ones_and_types_are_sqlites() {
        for (sql, expected) in [
            ("sqrt(16)", Value::Real(4.0)),
            ("ceil(1.2)", Value::Real(2.0)),
            ("ceiling(-1.2)", Value::Real(-1.0)),
            ("floor(-1.2)", Value::Real(-2.0)),
            ("floor(7)", Value::Integer(7)),
            ("trunc(-1.7)", Value::Real(-1.0)),
            ("ceil('2.5')", Value::Real(3.0)),
            ("ceil(' 3' || char(9, 11))", Value::Integer(3)),
            ("pow('2', '3')", Value::Real(8.0)),
            ("exp(1e4)", Value::Real(f64::INFINITY)),
            ("floor('1e2')", Value::Real(100.0)),
            ("floor('5.')", Value::Real(5.0)),
            ("floor('.5')", Value::Real(0.0)),
            ("floor('1e999')", Value::Real(f64::INFINITY)),
            ("mod(5, 3)", Value::Real(2.0)),
            (
                "ceil(9007199254740993)",
                Value::Integer(9_007_199_254_740_993),
            ),
        ] {
            assert_eq!(ask(sql), expected, "{sql}");
        }
    }

    #[test]
    fn no_number_and_no_result_are_null() {
        for sql in [
            "sqrt(-1)",
            "sqrt(NULL)",
            "sqrt('x')",
            "sqrt('')",
            "sqrt(x'34')",
            "ceil('1x')",
            "ceil(NULL)",
            "ln(0)",
            "ln(-1)",
            "log(1, 5)",
            "log(0.5, 5)",
            "log(2, 0)",
            "log(NULL, 2)",
            "acos(2)",
            "mod(1, 0)",
            "pow(-1, 0.5)",
            "pow(1, NULL)",
            "pow(NULL, 0)",
            "atan2('a', 1)",
            "acosh(0.5)",
            "floor('inf')",
            "floor('nan')",
            "log('a')",
            "floor('.')",
            "floor('1e')",
            "floor('1 2')",
            "floor('0x10')",
        ] {
            assert_eq!(ask(sql), Value::Null, "{sql}");
        }
    }
}
