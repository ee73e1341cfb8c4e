//! Cutting text into SQLite's tokens, by the rules of its `tokenize.c`.

use std::ops::Range;

use crate::lexer::{Kind, scan};

/// What the letters of a token alone tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// A bare word.
    Word,
    /// A name in quotes.
    Name,
    /// A string, number, blob or parameter.
    Value,
    /// An operator or a punctuation mark.
    Mark,
}

/// The pieces of `sql` without white space and comments.
pub(super) fn pieces(sql: &str) -> impl Iterator<Item = (Piece, Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < sql.len() {
            let start = at;
            let (piece, length) = piece(&sql.as_bytes()[at..]);
            // Marks are ASCII, words take whole characters, and quotes end at an ASCII mark or the end.
            at += length;
            if let Some(piece) = piece {
                return Some((piece, start..at));
            }
        }
        None
    })
}

/// The piece at the start of `bytes`, which is not empty, and its length; no piece for white space and comments.
fn piece(bytes: &[u8]) -> (Option<Piece>, usize) {
    let second = bytes.get(1).copied().unwrap_or(0);
    match bytes[0] {
        b'0'..=b'9' => (Some(Piece::Value), number(bytes)),
        b'.' if second.is_ascii_digit() => (Some(Piece::Value), number(bytes)),
        b'x' | b'X' if second == b'\'' => (Some(Piece::Value), 1 + scan(&bytes[1..]).1),
        b'?' => (
            Some(Piece::Value),
            1 + run(&bytes[1..], |b| b.is_ascii_digit()),
        ),
        b':' | b'@' | b'$' if is_word(second) => {
            (Some(Piece::Value), 1 + run(&bytes[1..], is_word))
        }
        b'$' => (Some(Piece::Mark), 1),
        first => match scan(bytes) {
            (Kind::Space | Kind::Comment, length) => (None, length),
            (Kind::Word, length) => (Some(Piece::Word), length),
            (Kind::Quoted, length) if first == b'\'' => (Some(Piece::Value), length),
            (Kind::Quoted, length) => (Some(Piece::Name), length),
            (Kind::Symbol, _) => (Some(Piece::Mark), mark(bytes)),
        },
    }
}

/// Length of an operator.
fn mark(bytes: &[u8]) -> usize {
    const LONG: [&[u8]; 10] = [
        b"->>", b"->", b"<=", b"<>", b"<<", b">=", b">>", b"==", b"!=", b"||",
    ];
    LONG.iter()
        .find(|mark| bytes.starts_with(mark))
        .map_or(1, |mark| mark.len())
}

/// Length of a number, with letters that stick to it.
fn number(bytes: &[u8]) -> usize {
    let digits = |from: usize| from + run(&bytes[from..], |b| b.is_ascii_digit() || b == b'_');
    let mut at = digits(0);
    // `0x1F` needs no rule of its own: its letters stick to it.
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let signed = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
        let first = at + 1 + usize::from(signed);
        if bytes.get(first).is_some_and(u8::is_ascii_digit) {
            at = digits(first);
        }
    }
    at + run(&bytes[at..], is_word)
}

fn run(bytes: &[u8], inside: fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|&&byte| inside(byte)).count()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}
