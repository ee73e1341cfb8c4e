//! One thread's connections: files that stay open, or databases made for the gold at hand.

use super::{Case, EvaluateError, Source};
use crate::{Databases, GenerateOptions, Schema, Suite, generate, repaired};

/// One thread's connections.
pub(super) enum Opened {
    Folder(Databases),
    Generated {
        options: GenerateOptions,
        /// The last one: golds come one after the other.
        suite: Box<Option<Suite>>,
    },
}

impl Opened {
    pub(super) fn new(source: &Source) -> Self {
        match source {
            Source::Folder(folder) => Self::Folder(Databases::new(folder)),
            Source::Generated(options) => Self::Generated {
                options: *options,
                suite: Box::new(None),
            },
        }
    }

    /// The suite for a case whose gold is judged as `gold`.
    pub(super) fn suite(
        &mut self,
        index: usize,
        case: &Case,
        gold: &str,
    ) -> Result<&Suite, EvaluateError> {
        match self {
            Self::Folder(databases) => {
                let opened = databases.open(&case.db_id);
                opened.map_err(|source| EvaluateError::Database {
                    case: index,
                    source,
                })
            }
            Self::Generated { options, suite } => {
                Ok(suite.insert(made(index, case, gold, options)?))
            }
        }
    }
}

fn made(
    index: usize,
    case: &Case,
    gold: &str,
    options: &GenerateOptions,
) -> Result<Suite, EvaluateError> {
    let context = case.context.as_deref();
    let context = context.ok_or(EvaluateError::NoContext { case: index })?;
    let schema = Schema::from_context(context, &options.budget);
    let schema = schema.map_err(|source| EvaluateError::Context {
        case: index,
        source: Box::new(source),
    })?;
    let made = generate(&schema, &repaired(gold), options);
    let made = made.map_err(|source| EvaluateError::Generate {
        case: index,
        source,
    })?;
    Ok(made.suite.generated_from(schema))
}
