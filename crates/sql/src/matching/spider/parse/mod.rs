//! Spider's grammar (`process_sql.py`), rule by rule.
//!
//! It is a small part of SQL: columns, aggregates of one column, one operator between two of them, conditions
//! without parentheses, JOIN … ON, one value or subquery per comparison. Not in it are, among others, `<>`, `IS NULL`,
//! `NOT` and `EXISTS` before a condition, lists after IN, aliases without AS, aliases of columns and subqueries, CASE,
//! functions, and names in quotes. What follows the end of the first statement is not looked at.

mod clauses;
mod units;

use std::collections::HashMap;

use super::tree::Query;
use super::{SpiderError, SpiderSchema};

/// The tree of a query in tokens.
pub(super) fn parse(tokens: &[String], schema: &SpiderSchema) -> Result<Query, SpiderError> {
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
        aliases: aliases(tokens, schema)?,
        schema,
    };
    parser.query()
}

/// The word before each AS by the word after it, over the whole query: an alias that is used twice has its last meaning
/// everywhere.
fn aliases<'a>(
    tokens: &'a [String],
    schema: &'a SpiderSchema,
) -> Result<HashMap<&'a str, &'a str>, SpiderError> {
    let mut aliases = HashMap::new();
    for (at, _) in tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| *token == "as")
    {
        // Python's index -1: at the start of the query, the last word stands before.
        let before = if at == 0 { tokens.len() - 1 } else { at - 1 };
        let Some(alias) = tokens.get(at + 1) else {
            return Err(unexpected(tokens, at + 1, "an alias"));
        };
        aliases.insert(alias.as_str(), tokens[before].as_str());
    }
    for table in schema.tables() {
        if aliases.insert(table, table).is_some() {
            return Err(SpiderError::AliasIsTable {
                alias: table.to_owned(),
            });
        }
    }
    Ok(aliases)
}

fn unexpected(tokens: &[String], at: usize, expected: &'static str) -> SpiderError {
    SpiderError::Unexpected {
        at,
        found: tokens.get(at).cloned().unwrap_or_default(),
        expected,
    }
}

/// Words that begin a clause. HAVING is not among them, in the script neither.
fn is_clause(word: &str) -> bool {
    matches!(
        word,
        "select"
            | "from"
            | "where"
            | "group"
            | "order"
            | "limit"
            | "intersect"
            | "union"
            | "except"
    )
}

fn is_join(word: &str) -> bool {
    matches!(word, "join" | "on" | "as")
}

fn ends_list(word: &str) -> bool {
    is_clause(word) || matches!(word, ")" | ";")
}

struct Parser<'a> {
    /// The tokens up to where it may read.
    tokens: &'a [String],
    at: usize,
    depth: usize,
    aliases: HashMap<&'a str, &'a str>,
    schema: &'a SpiderSchema,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn next_is(&self, test: fn(&str) -> bool) -> bool {
        self.peek().is_some_and(test)
    }

    /// Skips `word` if it is next.
    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.at += usize::from(found);
        found
    }

    /// The number in `words` of the next token, which is then skipped.
    fn take_one_of(&mut self, words: &[&str]) -> Option<usize> {
        let next = self.peek()?;
        let found = words.iter().position(|word| *word == next);
        self.at += usize::from(found.is_some());
        found
    }

    fn expect(&mut self, word: &'static str) -> Result<(), SpiderError> {
        if self.take(word) {
            Ok(())
        } else {
            Err(self.unexpected(word))
        }
    }

    fn unexpected(&self, expected: &'static str) -> SpiderError {
        unexpected(self.tokens, self.at, expected)
    }
}
