//! The prompt's templates, compiled once and tried on rows that are made up.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, UndefinedBehavior, Value};

use super::fields::{Answer, Fields};
use super::parts::PromptParts;
use crate::template::describe;
use crate::{Message, TemplateError};

const SYSTEM: &str = "system";
const USER: &str = "user";
const ANSWER: &str = "answer";

/// Two texts that differ in every character but not in their length: a part that uses a field writes
/// different text for them, whatever it does with it.
const TRIALS: [&str; 2] = ["abcdefgh", "STUVWXYZ"];

#[derive(Debug)]
pub(super) struct Compiled {
    environment: Environment<'static>,
    /// The system text where it is the same for every row.
    fixed_system: Option<String>,
}

impl Compiled {
    /// Compiles and tries `parts`.
    pub(super) fn new(parts: &PromptParts) -> Result<Self, TemplateError> {
        let mut compiled = Self {
            environment: environment(&parts.constants)?,
            fixed_system: None,
        };
        let sources = [
            (SYSTEM, &parts.system),
            (USER, &parts.user),
            (ANSWER, &parts.answer),
        ];
        let mut system_varies = false;
        for (part, source) in sources {
            let used = compiled.add(part, source, &parts.constants)?;
            system_varies |= part == SYSTEM && used;
        }
        compiled.try_out()?;
        if !system_varies {
            let fields = Fields::new("", "");
            let text = compiled.render(SYSTEM, fields.values(), Vec::new)?;
            compiled.fixed_system = Some(text);
        }
        Ok(compiled)
    }

    /// Compiles one part; says whether it uses a row's field.
    fn add(
        &mut self,
        part: &'static str,
        source: &str,
        constants: &BTreeMap<String, String>,
    ) -> Result<bool, TemplateError> {
        let syntax = |error: Error| TemplateError::PromptSyntax {
            part,
            line: error.line().unwrap_or(0),
            message: describe(&error),
        };
        self.environment
            .add_template_owned(part, source.to_owned())
            .map_err(syntax)?;
        let used = self
            .environment
            .get_template(part)
            .map_err(syntax)?
            .undeclared_variables(false);
        let own: &[&str] = if part == ANSWER { &["sql"] } else { &[] };
        let fields = || Fields::NAMES.iter().chain(own).copied();
        let known = |name: &str| {
            fields().any(|field| field == name)
                || self.environment.globals().any(|(global, _)| global == name)
        };
        // In the order of the text, so that the message is the same each time.
        let unknown = used.iter().filter(|name| !known(name));
        let first = unknown.min_by_key(|name| (line_of(source, name), (*name).clone()));
        if let Some(field) = first {
            return Err(TemplateError::PromptField {
                part,
                line: line_of(source, field),
                field: field.clone(),
                fields: fields()
                    .map(str::to_owned)
                    .chain(constants.keys().cloned())
                    .collect(),
            });
        }
        Ok(fields().any(|field| used.contains(field)))
    }

    /// Renders made-up rows, with and without the optional fields, and compares.
    fn try_out(&self) -> Result<(), TemplateError> {
        let [one, other] = TRIALS;
        for optional in [Some("optional"), None] {
            let base = Fields {
                db_id: optional,
                difficulty: optional,
                ..Fields::new(one, one)
            };
            let asked = |fields: Fields<'_>| match self.prompt(&fields) {
                // A part that prints an optional field fails on rows without it, as it should.
                Err(_) if optional.is_none() => Ok(None),
                result => result.map(Some),
            };
            let first = asked(base)?;
            let changed = [
                (
                    "question",
                    Fields {
                        question: other,
                        ..base
                    },
                ),
                (
                    "context",
                    Fields {
                        context: other,
                        ..base
                    },
                ),
            ];
            for (field, fields) in changed {
                if first.is_some() && asked(fields)? == first {
                    let part = "`system` and `user`";
                    return Err(TemplateError::PromptIgnores { part, field });
                }
            }
            let answered = |sql| match self.answer(&Answer { fields: &base, sql }) {
                Err(_) if optional.is_none() => Ok(None),
                result => result.map(Some),
            };
            let first = answered(one)?;
            if first.is_some() && answered(other)? == first {
                let (part, field) = ("`answer`", "sql");
                return Err(TemplateError::PromptIgnores { part, field });
            }
        }
        Ok(())
    }

    /// The system turn, if it says anything, and the user's.
    pub(super) fn prompt(&self, fields: &Fields<'_>) -> Result<Vec<Message>, TemplateError> {
        let mut messages = Vec::with_capacity(3);
        let absent = || fields.absent();
        if self.has_system() {
            let system = match &self.fixed_system {
                Some(text) => text.clone(),
                None => self.render(SYSTEM, fields.values(), absent)?,
            };
            messages.push(Message::system(system));
        }
        let user = self.render(USER, fields.values(), absent)?;
        messages.push(Message::user(user));
        Ok(messages)
    }

    /// The assistant's text.
    pub(super) fn answer(&self, answer: &Answer<'_>) -> Result<String, TemplateError> {
        let sql = std::iter::once(("sql", Value::from(answer.sql)));
        let values = answer.fields.values().chain(sql);
        self.render(ANSWER, values, || answer.fields.absent())
    }

    /// A part without a text writes no turn; one that renders to nothing does.
    fn has_system(&self) -> bool {
        self.environment
            .get_template(SYSTEM)
            .is_ok_and(|template| !template.source().is_empty())
    }

    fn render(
        &self,
        part: &'static str,
        values: impl Iterator<Item = (&'static str, Value)>,
        absent: impl FnOnce() -> Vec<&'static str>,
    ) -> Result<String, TemplateError> {
        self.environment
            .get_template(part)
            .and_then(|template| template.render(Value::from_pairs(values)))
            .map_err(|error| TemplateError::PromptRender {
                part,
                line: error.line().unwrap_or(0),
                message: describe(&error),
                absent: absent(),
            })
    }
}

/// Jinja as people know it from chat templates, strict about what is printed, with every new line kept.
fn environment(
    constants: &BTreeMap<String, String>,
) -> Result<Environment<'static>, TemplateError> {
    let mut environment = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    syntax
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true);
    // The syntax is a constant, which cannot be wrong; were it, every part would be.
    let syntax = syntax
        .build()
        .map_err(|error| TemplateError::PromptSyntax {
            part: SYSTEM,
            line: 0,
            message: describe(&error),
        })?;
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    for (name, text) in constants {
        let taken = Fields::NAMES.contains(&name.as_str())
            || name == "sql"
            || environment.globals().any(|(global, _)| global == name);
        if taken {
            return Err(TemplateError::PromptConstant { name: name.clone() });
        }
        environment.add_global(name.clone(), text.as_str());
    }
    Ok(environment)
}

/// The first line of `source` on which `name` stands as a word.
fn line_of(source: &str, name: &str) -> usize {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let at = source
        .lines()
        .position(|line| line.split(|c| !is_word(c)).any(|word| word == name));
    at.map_or(0, |index| index + 1)
}
