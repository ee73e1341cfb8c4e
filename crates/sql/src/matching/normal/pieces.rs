//! Tokens in one form: comments gone, letters folded, quotes undone, operators and numbers whole.

use std::ops::Range;

use crate::lexer::{Kind, Token, tokens};

/// A part of a query that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// A bare word in lower case: a keyword or a name.
    Word(String),
    /// A name in quotes, in lower case and without them.
    Name(String),
    /// A text without its quotes, in its own case.
    Text(String),
    /// What stands between double quotes, until it is known whether it is a name or a text.
    Either(String),
    /// A number; whether it is a whole one.
    Number(String, bool),
    /// An operator or another mark.
    Mark(&'static str),
    /// A character with no meaning in SQL.
    Other(char),
}

/// Operators of more than one character, the longest first, and what they are written as.
const OPERATORS: [(&str, &str); 11] = [
    ("->>", "->>"),
    ("<>", "!="),
    ("!=", "!="),
    ("==", "="),
    ("<=", "<="),
    (">=", ">="),
    ("||", "||"),
    ("<<", "<<"),
    (">>", ">>"),
    ("->", "->"),
    ("::", "::"),
];

/// Marks of one character.
const MARKS: [&str; 20] = [
    "(", ")", ",", ".", ";", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|", "~", "!", "?", ":",
    "@",
];

/// The pieces of `sql`, without the semicolons at both ends.
pub(super) fn pieces(sql: &str) -> Vec<Piece> {
    let placed = placed_pieces(sql).into_iter();
    placed.map(|(piece, _)| piece).collect()
}

/// The same, each with the bytes of `sql` that it is.
pub(super) fn placed_pieces(sql: &str) -> Vec<(Piece, Range<usize>)> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for token in tokens(sql) {
        if token.start < at || !token.is_code() {
            continue;
        }
        let rest = &sql[token.start..];
        at = token.end();
        let piece = match token.kind {
            Kind::Quoted => unquoted(&token),
            _ if number_length(rest) > 0 => {
                let length = number_length(rest);
                at = token.start + length;
                number(&rest[..length])
            }
            Kind::Word => Piece::Word(token.text.to_lowercase()),
            _ => {
                let found = OPERATORS.iter().find(|(text, _)| rest.starts_with(text));
                if let Some((text, written)) = found {
                    at = token.start + text.len();
                    Piece::Mark(written)
                } else if let Some(mark) = MARKS.iter().find(|mark| **mark == token.text) {
                    Piece::Mark(mark)
                } else {
                    Piece::Other(token.text.chars().next().unwrap_or(' '))
                }
            }
        };
        pieces.push((piece, token.start..at));
    }
    let counts = |(piece, _): &(Piece, Range<usize>)| *piece != Piece::Mark(";");
    let end = pieces.iter().rposition(counts).map_or(0, |last| last + 1);
    pieces.truncate(end);
    let start = pieces.iter().position(counts).unwrap_or(0);
    pieces.split_off(start)
}

/// A quoted token without its quotes.
fn unquoted(token: &Token<'_>) -> Piece {
    let inside = token.unquoted();
    match token.text.as_bytes().first() {
        Some(b'[' | b'`') => Piece::Name(inside.to_lowercase()),
        Some(b'"') => Piece::Either(inside),
        _ => Piece::Text(inside),
    }
}

/// The length of the number at the start of `text`: digits, a period with digits, an exponent; 0 where there is none.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes
            .iter()
            .skip(from)
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let word = |from: usize| {
        let is_word = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        bytes.iter().skip(from).take_while(is_word).count()
    };
    let whole = digits(0);
    let mut length = whole;
    if bytes.get(length) == Some(&b'.') {
        let part = digits(length + 1);
        if whole + part == 0 {
            return 0;
        }
        length += 1 + part;
    } else if whole == 0 {
        return 0;
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    // Letters that follow belong to the same word (0x1F, 2nd), whatever it means.
    length + word(length)
}

/// A number in one form: `007` is 7, `1.50` is 1.5, `1e3` is 1000.0; what is no decimal number stays as it is.
fn number(text: &str) -> Piece {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = text.trim_start_matches('0');
        return Piece::Number(
            if digits.is_empty() { "0" } else { digits }.to_owned(),
            true,
        );
    }
    match text.parse::<f64>() {
        Ok(value) => Piece::Number(format!("{value:?}"), false),
        Err(_) => Piece::Word(text.to_lowercase()),
    }
}

/// A real number with a whole value as that whole number, where both mean the same.
///
/// Beside an arithmetic operator they do not: 5/2 is 2, 5/2.0 is 2.5.
pub(super) fn whole_numbers(pieces: &mut [Piece]) {
    let arithmetic =
        |piece: Option<&Piece>| matches!(piece, Some(Piece::Mark("+" | "-" | "*" | "/" | "%")));
    for at in 0..pieces.len() {
        let beside = arithmetic(pieces.get(at + 1)) || (at > 0 && arithmetic(pieces.get(at - 1)));
        if let Piece::Number(text, whole) = &mut pieces[at]
            && !*whole
            && !beside
            && let Some(digits) = text.strip_suffix(".0")
        {
            *text = digits.to_owned();
            *whole = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Piece::*;
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        let number = |text: &str, whole| Number(text.into(), whole);
        assert_eq!(
            pieces("007 1.50 1e3 .5 2. 1E-2 0x1F t1.a5"),
            [
                number("7", true),
                number("1.5", false),
                number("1000.0", false),
                number("0.5", false),
                number("2.0", false),
                number("0.01", false),
                Word("0x1f".into()),
                Word("t1".into()),
                Mark("."),
                Word("a5".into()),
            ]
        );
    }

    #[test]
    fn quotes_and_operators_have_one_form() {
        assert_eq!(
            pieces(";A<>'It''s' [B]==`c``D` \"E\" /* x */ <=# 'open"),
            [
                Word("a".into()),
                Mark("!="),
                Text("It's".into()),
                Name("b".into()),
                Mark("="),
                Name("c`d".into()),
                Either("E".into()),
                Mark("<="),
                Other('#'),
                Text("open".into()),
            ]
        );
    }
}
