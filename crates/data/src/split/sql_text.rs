//! SQL as text: words, quoted texts and signs, without comments and white space.
//!
//! This crate knows no SQL; that much is needed to find the names of tables and to see past the
//! layout of a query. Nothing is refused: a quote or a comment that does not end reaches to the end.

use std::ops::Range;

/// One piece of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A keyword, a name or a number.
    Word(&'a str),
    /// What stands between quotes, and which: `'`, `"`, `` ` `` or `[`. A doubled quote inside is still double.
    Quoted(char, &'a str),
    /// Any other character.
    Sign(char),
}

impl Piece<'_> {
    /// Whether this is the bare word `word`, in any case.
    pub(crate) fn is_word(self, word: &str) -> bool {
        matches!(self, Self::Word(found) if found.eq_ignore_ascii_case(word))
    }
}

/// The pieces of `sql`, in their order.
pub(crate) fn pieces(sql: &str) -> impl Iterator<Item = Piece<'_>> {
    pieces_at(sql).map(|(_, piece)| piece)
}

/// The pieces of `sql` with their places, quotes included.
pub(crate) fn pieces_at(sql: &str) -> impl Iterator<Item = (Range<usize>, Piece<'_>)> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        rest = after_comments(rest)?;
        let start = sql.len() - rest.len();
        let (piece, after) = piece(rest.chars().next()?, rest);
        rest = after;
        Some((start..sql.len() - rest.len(), piece))
    })
}

/// The text after white space and comments; `None` if a comment does not end.
pub(crate) fn after_comments(sql: &str) -> Option<&str> {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        rest = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n')?.1
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/")?.1
        } else {
            return Some(rest);
        };
    }
}

/// The piece that begins with `first`, and what follows it.
fn piece(first: char, text: &str) -> (Piece<'_>, &str) {
    match first {
        '\'' | '"' | '`' | '[' => {
            let (inside, after) = quoted(first, &text[1..]);
            (Piece::Quoted(first, inside), after)
        }
        c if is_word(c) => {
            let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
            (Piece::Word(&text[..end]), &text[end..])
        }
        c => (Piece::Sign(c), &text[c.len_utf8()..]),
    }
}

/// What stands before the closing quote, and what follows it. A bracket cannot stand within brackets.
fn quoted(quote: char, text: &str) -> (&str, &str) {
    let close = if quote == '[' { ']' } else { quote };
    let mut from = 0;
    while let Some(found) = text[from..].find(close) {
        let at = from + found;
        let after = &text[at + 1..];
        if quote == '[' || !after.starts_with(close) {
            return (&text[..at], after);
        }
        from = at + 2;
    }
    (text, "")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || (!c.is_ascii() && !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::Piece::*;
    use super::*;

    fn found(sql: &str) -> Vec<Piece<'_>> {
        pieces(sql).collect()
    }

    #[test]
    fn comments_are_skipped_and_quotes_hold_what_looks_like_them() {
        assert_eq!(
            found("a -- b 'c\n/* d */'--e' [x y]\"q\"\"r\" `s`<=1.5"),
            [
                Word("a"),
                Quoted('\'', "--e"),
                Quoted('[', "x y"),
                Quoted('"', "q\"\"r"),
                Quoted('`', "s"),
                Sign('<'),
                Sign('='),
                Word("1"),
                Sign('.'),
                Word("5"),
            ]
        );
    }

    #[test]
    fn places_are_those_of_the_text() {
        let sql = "\u{feff}é /* x */'a''b' [c d]-- e\n=";
        let texts: Vec<&str> = pieces_at(sql).map(|(place, _)| &sql[place]).collect();
        assert_eq!(texts, ["é", "'a''b'", "[c d]", "="]);
    }

    #[test]
    fn what_does_not_end_reaches_to_the_end() {
        assert_eq!(found("a 'b -- c"), [Word("a"), Quoted('\'', "b -- c")]);
        assert_eq!(found("a /* b"), [Word("a")]);
        assert_eq!(found("[é"), [Quoted('[', "é")]);
        assert_eq!(found("'é''"), [Quoted('\'', "é''")]);
        assert_eq!(found(" -- a"), []);
    }
}
