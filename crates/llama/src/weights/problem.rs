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
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Missing { name, expected } => write!(f, "missing: {name} {expected:?}"),
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
