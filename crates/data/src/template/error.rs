//! What can be wrong with a chat template's files and with the text-to-SQL prompt.

use std::path::PathBuf;

/// What went wrong between a template's source and the text it writes.
///
/// A template that fails while it renders a conversation is [`DataError`](crate::DataError)'s.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The file cannot be opened, read, or is no UTF-8.
    #[error("cannot read `{path}`: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is not JSON.
    #[error("`{path}` line {line}: invalid JSON: {message} at column {column}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser said.
        message: String,
    },
    /// A field of the file has the wrong JSON type.
    #[error("`{path}`: field `{field}` must be {expected}, found {found}", path = path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field.
        field: String,
        /// The type that is needed.
        expected: &'static str,
        /// The JSON type that stands there.
        found: &'static str,
    },
    /// Neither the folder nor the file holds a template.
    #[error("`{path}` has no chat template; expected {expected}", path = path.display())]
    NoTemplate {
        /// The folder or the file.
        path: PathBuf,
        /// Where it would stand.
        expected: &'static str,
    },
    /// There are named templates, none of which is the default.
    #[error("`{path}` has no chat template named `default`; there are {names:?}", path = path.display())]
    NoDefault {
        /// The folder or the file.
        path: PathBuf,
        /// The names of those that are there.
        names: Vec<String>,
    },
    /// A template in a file does not parse.
    #[error("`{path}`: chat template line {line}: {message}", path = path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The template's line, from 1; the file's own where the template is a file.
        line: usize,
        /// What the engine said.
        message: String,
    },
    /// No built-in template has this name.
    #[error("no built-in chat template `{name}`; there are {known}")]
    UnknownBuiltIn {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// A built-in template writes a token that the model's files do not name.
    #[error(
        "the built-in chat template {template} writes the model's `{token}`, and none is known"
    )]
    MissingToken {
        /// The template.
        template: &'static str,
        /// The token.
        token: &'static str,
    },
    /// A prompt given as JSON cannot be read as one.
    #[error("the prompt is no JSON object of `system`, `user`, `answer` and `constants`: {source}")]
    PromptJson {
        /// What the parser said, with line and column.
        source: serde_json::Error,
    },
    /// A part of the prompt does not parse.
    #[error("prompt part `{part}` line {line}: {message}")]
    PromptSyntax {
        /// The part.
        part: &'static str,
        /// Its line, from 1.
        line: usize,
        /// What the engine said.
        message: String,
    },
    /// A part of the prompt names a field that it has not.
    #[error("prompt part `{part}` line {line}: no field `{field}`; there are {fields:?}")]
    PromptField {
        /// The part.
        part: &'static str,
        /// The first line that names it, from 1.
        line: usize,
        /// The unknown field.
        field: String,
        /// The fields of this part, constants included.
        fields: Vec<String>,
    },
    /// A constant takes the name of a field.
    #[error(
        "the prompt's constant `{name}` has the name of a row's field or of a function; call it otherwise"
    )]
    PromptConstant {
        /// The name.
        name: String,
    },
    /// The prompt stays the same whatever the field says.
    #[error(
        "prompt part {part} ignores `{field}`: its text stays the same whatever the field says"
    )]
    PromptIgnores {
        /// The part, or both that ask.
        part: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A part of the prompt fails on a row, for instance because it prints a field that the row lacks.
    #[error("prompt part `{part}` line {line} failed: {message}{}", lacking(.absent))]
    PromptRender {
        /// The part.
        part: &'static str,
        /// Its line, from 1.
        line: usize,
        /// What the engine said.
        message: String,
        /// The optional fields that the row has not.
        absent: Vec<&'static str>,
    },
}

fn lacking(absent: &[&str]) -> String {
    if absent.is_empty() {
        return String::new();
    }
    format!(" (the row has no `{}`)", absent.join("`, no `"))
}
