//! Why a query is outside Spider's grammar.

/// The most levels of subqueries and set operations in a query that is parsed.
///
/// Spider's script has Python's limit of 1,000 calls, which is some 240 levels. No query of Spider has more than four.
pub const MAX_SPIDER_DEPTH: usize = 100;

/// Why a query is outside Spider's grammar.
///
/// Words are counted from 0 as Spider's tokenizer cuts them: in lower case, a quoted text is one word, marks stand
/// alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpiderError {
    /// More text than [`MAX_SQL_BYTES`](crate::MAX_SQL_BYTES).
    #[error("the query has {found} bytes, at most {limit} are read")]
    TooLong {
        /// Its length in bytes.
        found: usize,
        /// The most.
        limit: usize,
    },
    /// A quote without a partner. `'` and `"` count as the same mark.
    #[error("the query has {found} quotes, an odd number")]
    OddQuotes {
        /// How many `'` and `"` there are.
        found: usize,
    },
    /// Subqueries and set operations deeper than [`MAX_SPIDER_DEPTH`].
    #[error("the query nests deeper than {limit} levels")]
    TooDeep {
        /// The most.
        limit: usize,
    },
    /// A word where the grammar has another.
    #[error("word {at} is {found:?}, expected {expected}")]
    Unexpected {
        /// The word's number, from 0.
        at: usize,
        /// The word; empty at the end of the query.
        found: String,
        /// What the grammar has there.
        expected: &'static str,
    },
    /// A table that the schema does not have, or an alias without AS.
    #[error("word {at} is {found:?}, which is no table and no alias of one")]
    UnknownTable {
        /// The word's number, from 0.
        at: usize,
        /// The name.
        found: String,
    },
    /// A column that no table of the FROM clause has.
    #[error("word {at} is {found:?}, which is no column of the tables in reach")]
    UnknownColumn {
        /// The word's number, from 0.
        at: usize,
        /// The name.
        found: String,
    },
    /// An alias with the name of a table.
    #[error("the alias {alias:?} is also the name of a table")]
    AliasIsTable {
        /// The alias.
        alias: String,
    },
}
