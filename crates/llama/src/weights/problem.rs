//! One line of the report on weights that do not fit.

use std::fmt;

/// A tensor that does not fit the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The model needs it and the files lack it.
    Missing {
        /// Its name.
        name: String,
        /// The shape that the configuration asks for.
        expected: Vec<usize>,
    },
    /// The files hold nothing of these layers.
    MissingLayers {
        /// The first one, from zero.
        first: usize,
        /// The last one.
        last: usize,
    },
    /// It has another shape.
    Shape {
        /// Its name.
        name: String,
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape that the configuration asks for.
        expected: Vec<usize>,
    },
    /// The files hold it and the model has no place for it.
    Unexpected {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
    },
    /// The configuration makes the embedding the head, and the files hold a
    /// head with other values.
    Untied {
        /// The head's name.
        name: String,
    },
}

impl Problem {
    /// What is wrong with a tensor of the shape found, if anything is.
    pub(crate) fn of(name: &str, found: Option<&[usize]>, expected: &[usize]) -> Option<Self> {
        let (name, expected) = (name.to_owned(), expected.to_owned());
        match found {
            None => Some(Self::Missing { name, expected }),
            Some(found) if found != expected => Some(Self::Shape {
                name,
                found: found.to_owned(),
                expected,
            }),
            Some(_) => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Missing { name, expected } => write!(f, "missing: {name} {expected:?}"),
            Self::MissingLayers { first, last } => {
                write!(
                    f,
                    "missing: model.layers.{first} to model.layers.{last}, whole"
                )
            }
            Self::Untied { name } => write!(
                f,
                "tied: {name} differs from the embedding, which tie_word_embeddings makes the head"
            ),
            Self::Shape {
                name,
                found,
                expected,
            } => {
                write!(f, "shape: {name} is {found:?}, expected {expected:?}")
            }
            Self::Unexpected { name, found } => write!(f, "unexpected: {name} {found:?}"),
        }
    }
}
