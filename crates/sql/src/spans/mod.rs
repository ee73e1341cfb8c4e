//! Which bytes of a query are keywords, names, values and operators.

mod scan;
mod words;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use scan::{Piece, pieces};

/// What a token of SQL is for someone who writes a query: where the knowledge for it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenClass {
    /// A word of the language: `SELECT`, `DESC`, `NULL`, and the name of a built-in function where it is called
    /// (`COUNT`, `strftime`). It comes from the grammar.
    Keyword,
    /// The name of a table or column, an alias, a function that is not built in; bare or in `"…"`, `` `…` `` or `[…]`.
    /// It comes from the schema.
    Identifier,
    /// A string, number, blob, `TRUE`, `FALSE` or parameter (`?1`, `:name`). It comes from the question.
    Literal,
    /// An operator or a mark: `<=`, `(`, `,`, `.`, `;`, and `*` in all of its meanings.
    Operator,
}

impl TokenClass {
    /// All four, in the order of their declaration.
    pub const ALL: [Self; 4] = [
        Self::Keyword,
        Self::Identifier,
        Self::Literal,
        Self::Operator,
    ];

    /// Its name in reports: `keyword`, `identifier`, `literal`, `operator`.
    ///
    /// ```
    /// use anneal_sql::TokenClass;
    /// assert_eq!(TokenClass::ALL.map(TokenClass::name), ["keyword", "identifier", "literal", "operator"]);
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::Identifier => "identifier",
            Self::Literal => "literal",
            Self::Operator => "operator",
        }
    }
}

/// A token: where it stands, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Span {
    /// Its bytes; both ends lie between characters.
    pub range: Range<usize>,
    /// What it is.
    pub class: TokenClass,
}

/// The tokens of `sql` in their order, without white space and comments.
///
/// Every byte that is neither is in exactly one span. The rules are those of SQLite's `tokenize.c` (3.50), and they hold for any
/// text, in linear time: what SQLite refuses is still cut into pieces (`12ab` is one literal, a lone `!` an operator,
/// a quote that is never closed reaches to the end). The sign of a number is an operator.
///
/// Double quotes hold a name, as in the standard. SQLite takes one that is no column for a string, which only a schema could tell.
/// A word that SQLite lets be a name as well (`end`, `like`, `left`) is a keyword, unless it stands beside a
/// dot or after `AS`; words that no query needs as keywords (`key`, `plan`, `view`) are names.
///
/// # Example
/// ```
/// use anneal_sql::{TokenClass, sql_spans};
/// let sql = "SELECT count(*) FROM film -- all\nWHERE year >= 1950.5";
/// let spans: Vec<_> = sql_spans(sql).into_iter().map(|span| (&sql[span.range], span.class.name())).collect();
/// assert_eq!(
///     spans,
///     [
///         ("SELECT", "keyword"), ("count", "keyword"), ("(", "operator"), ("*", "operator"), (")", "operator"),
///         ("FROM", "keyword"), ("film", "identifier"), ("WHERE", "keyword"), ("year", "identifier"),
///         (">=", "operator"), ("1950.5", "literal"),
///     ]
/// );
/// assert_eq!(sql_spans("'it''s'")[0].class, TokenClass::Literal);
/// assert_eq!(sql_spans("count")[0].class, TokenClass::Identifier);
/// ```
#[must_use]
pub fn sql_spans(sql: &str) -> Vec<Span> {
    let found: Vec<(Piece, Range<usize>)> = pieces(sql).collect();
    let text = |at: usize| found.get(at).map(|(_, range)| &sql[range.clone()]);
    let classed = found.iter().enumerate().map(|(at, (piece, range))| {
        let class = match piece {
            Piece::Name => TokenClass::Identifier,
            Piece::Value => TokenClass::Literal,
            Piece::Mark => TokenClass::Operator,
            Piece::Word => {
                let before = at.checked_sub(1).and_then(text);
                words::class(&sql[range.clone()], before, text(at + 1))
            }
        };
        Span {
            range: range.clone(),
            class,
        }
    });
    classed.collect()
}
