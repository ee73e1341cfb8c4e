//! The Jinja environment that transformers gives to chat templates.

use std::time::SystemTime;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Rest;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, escape_formatter};
use minijinja_contrib::globals::{cycler, joiner};

use super::{clock, filters, json, methods, number};

/// The name of the one template in an environment.
pub(super) const NAME: &str = "chat_template";

/// What `raise_exception` was called with.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refusal(String);

/// An environment without a template and without a clock.
pub(super) fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    environment.set_syntax(syntax.trim_blocks(true).lstrip_blocks(true).build()?);
    // Printing an undefined name gives nothing, an attribute of one is an error: jinja2's `Undefined`.
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_unknown_method_callback(methods::call);
    environment.set_formatter(|out, state, value| match float(value) {
        Some(number) => Ok(out.write_str(&number::python_float(number))?),
        None => escape_formatter(out, state, value),
    });
    // The engine's own, which jinja2 has not: a template may ask whether it is there.
    environment.remove_global("debug");
    environment.add_function("cycler", |items: Rest<Value>| cycler(items.0));
    environment.add_function("joiner", joiner);
    filters::add(&mut environment);
    environment.add_filter("tojson", json::tojson);
    environment.add_function(
        "raise_exception",
        |message: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, "raise_exception")
                .with_source(Refusal(message)))
        },
    );
    Ok(environment)
}

/// The number, if `value` is one that is not whole by its type.
fn float(value: &Value) -> Option<f64> {
    (value.is_number() && !value.is_integer())
        .then(|| f64::try_from(value.clone()).ok())
        .flatten()
}

/// Makes `strftime_now` tell `time`.
pub(super) fn set_clock(environment: &mut Environment<'static>, time: SystemTime) {
    environment.add_function("strftime_now", move |format: String| {
        clock::strftime(time, &format)
    });
}

/// The message of `raise_exception`, if that is what ended the template.
pub(super) fn refusal(error: &Error) -> Option<String> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(Refusal(message)) = current.downcast_ref() {
            return Some(message.clone());
        }
        cause = current.source();
    }
    None
}

/// The engine's words without the template's name and line, which our own errors bring.
pub(crate) fn describe(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}
