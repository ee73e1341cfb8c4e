//! Names of classes and levels as people read them.

use crate::{Failure, Hardness};

impl Failure {
    /// The class in words.
    ///
    /// ```
    /// assert_eq!(anneal_sql::Failure::UnknownColumn.words(), "unknown column");
    /// ```
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NotSql => "not SQL",
            Self::DoesNotParse => "does not parse",
            Self::SeveralStatements => "several statements",
            Self::Forbidden => "forbidden",
            Self::UnknownTable => "unknown table",
            Self::UnknownColumn => "unknown column",
            Self::AmbiguousColumn => "ambiguous column",
            Self::TypeOrFunction => "type or function",
            Self::BudgetExceeded => "budget exceeded",
            Self::WrongColumns => "wrong columns",
            Self::WrongRows => "wrong rows",
            Self::WrongOrder => "wrong order",
            Self::Empty => "empty result",
        }
    }
}

impl Hardness {
    /// The level in words: Spider's own.
    ///
    /// ```
    /// assert_eq!(anneal_sql::Hardness::Extra.words(), "extra hard");
    /// ```
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Medium => "medium",
            Self::Hard => "hard",
            Self::Extra => "extra hard",
        }
    }
}
