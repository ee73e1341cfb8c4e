//! The tables that a context creates, by a textual scan.
//!
//! Found are `CREATE [OR REPLACE] [TEMP|TEMPORARY|GLOBAL|LOCAL|EXTERNAL|FOREIGN|UNLOGGED|VIRTUAL]
//! TABLE [IF NOT EXISTS] [schema.]name` in any case, with names in any of the four quotes. Comments and
//! quoted texts that mention CREATE TABLE are no tables.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

use super::sql_text::{Piece, pieces_at};

/// Words that may stand between CREATE and TABLE.
const BETWEEN: [&str; 10] = [
    "or",
    "replace",
    "temp",
    "temporary",
    "global",
    "local",
    "external",
    "foreign",
    "unlogged",
    "virtual",
];

/// A CREATE TABLE of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Created {
    /// Where CREATE begins, in bytes.
    pub(crate) at: usize,
    /// Whether it stands in parentheses, where no statement begins. A parenthesis too many or too few
    /// spoils its own statement alone.
    pub(crate) enclosed: bool,
    /// The table's name as [`table_names`] gives it, if it has one.
    pub(crate) name: Option<String>,
}

/// The names of the tables that `context` creates: in lower case, NFKC, without quotes and schema.
///
/// The schema is left off because data sets write one table both ways; so `hr.orders` and
/// `shop.orders` count as one table, which can put two groups on one side but never one on two.
///
/// ```
/// let tables = anneal_data::table_names("create table if not exists main.\"Pet Owner\" (x); CREATE TEMP TABLE Pet (y)");
/// assert_eq!(tables.into_iter().collect::<Vec<_>>(), ["pet", "pet owner"]);
/// ```
pub fn table_names(context: &str) -> BTreeSet<String> {
    let created = created_tables(context).into_iter();
    created.filter_map(|table| table.name).collect()
}

/// Every CREATE TABLE of `context`, in its order.
pub(crate) fn created_tables(context: &str) -> Vec<Created> {
    let mut found = Vec::new();
    let mut pieces = pieces_at(context).peekable();
    let mut depth = 0_usize;
    while let Some((place, piece)) = pieces.next() {
        match piece {
            Piece::Sign('(') => depth += 1,
            Piece::Sign(')') => depth = depth.saturating_sub(1),
            Piece::Sign(';') => depth = 0,
            create if create.is_word("create") => {
                let between = |next: Piece<'_>| BETWEEN.iter().any(|word| next.is_word(word));
                while pieces.next_if(|(_, next)| between(*next)).is_some() {}
                if pieces.next_if(|(_, next)| next.is_word("table")).is_some() {
                    found.push(Created {
                        at: place.start,
                        enclosed: depth > 0,
                        name: name(&mut pieces),
                    });
                }
            }
            _ => {}
        }
    }
    found
}

/// The name after CREATE TABLE.
fn name<'a>(
    pieces: &mut Peekable<impl Iterator<Item = (Range<usize>, Piece<'a>)>>,
) -> Option<String> {
    let (_, mut name) = pieces.next_if(|(_, next)| !matches!(next, Piece::Sign(_)))?;
    // A table may be called `if`; three words are needed to tell.
    if name.is_word("if") && pieces.next_if(|(_, next)| next.is_word("not")).is_some() {
        pieces.next_if(|(_, next)| next.is_word("exists"));
        let (_, next) = pieces.next_if(|(_, next)| !matches!(next, Piece::Sign(_)))?;
        name = next;
    }
    while pieces
        .next_if(|(_, next)| *next == Piece::Sign('.'))
        .is_some()
    {
        match pieces.next_if(|(_, next)| !matches!(next, Piece::Sign(_))) {
            Some((_, next)) => name = next,
            None => break,
        }
    }
    Some(plain_name(name)).filter(|name| !name.is_empty())
}

/// A name as it is compared.
fn plain_name(piece: Piece<'_>) -> String {
    let text = match piece {
        Piece::Word(word) => word.to_owned(),
        Piece::Quoted('[', inside) => inside.to_owned(),
        Piece::Quoted(quote, inside) => {
            let quote = quote.to_string();
            inside.replace(&quote.repeat(2), &quote)
        }
        Piece::Sign(_) => String::new(),
    };
    text.nfkc()
        .collect::<String>()
        .to_lowercase()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(context: &str) -> Vec<String> {
        table_names(context).into_iter().collect()
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        for (context, expected) in [
            ("CREATE TABLE pet (a INT)", vec!["pet"]),
            ("CREATE TABLE Pet(a); create  table\nPET (b)", vec!["pet"]),
            (
                "CREATE TABLE `a``b` (x); CREATE TABLE [c d] (x)",
                vec!["a`b", "c d"],
            ),
            ("CREATE TABLE \"say \"\"hi\"\"\" (x)", vec!["say \"hi\""]),
            ("CREATE TABLE main.pet (x)", vec!["pet"]),
            ("CREATE TABLE \"a\" . [b].'C' (x)", vec!["c"]),
            (
                "CREATE OR REPLACE GLOBAL TEMPORARY TABLE t AS SELECT 1",
                vec!["t"],
            ),
            (
                "CREATE TABLE if (x); CREATE TABLE IF NOT EXISTS y (x)",
                vec!["if", "y"],
            ),
            ("CREATE VIRTUAL TABLE docs USING fts5(x)", vec!["docs"]),
            ("CREATE /* x */ TABLE -- y\n z (a)", vec!["z"]),
            ("CREATE TABLE Ünï_١ (x)", vec!["ünï_١"]),
            // The full-width letters of NFKC's tables.
            ("CREATE TABLE ｐｅｔ (x)", vec!["pet"]),
        ] {
            assert_eq!(names(context), expected, "{context}");
        }
    }

    #[test]
    fn what_only_looks_like_a_table_is_none() {
        for context in [
            "",
            "SELECT 'CREATE TABLE a (x)'",
            "-- CREATE TABLE a (x)",
            "/* CREATE TABLE a (x) */",
            "CREATE VIEW v AS SELECT 1",
            "CREATE UNIQUE INDEX i ON t (x)",
            "CREATE TABLE (x)",
            "CREATE TABLE",
            "CREATE TABLE IF NOT EXISTS",
            "recreate table a (x)",
            "CREATE TABLE \"\" (x)",
        ] {
            assert!(names(context).is_empty(), "{context}");
        }
        // A column whose default mentions one.
        assert_eq!(
            names("CREATE TABLE a (x DEFAULT 'CREATE TABLE b (y)')"),
            ["a"]
        );
    }
}
