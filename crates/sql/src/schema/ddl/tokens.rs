//! The tokens of pasted SQL text, whatever dialect it is in.
//!
//! The rules are SQLite's ([`crate::lexer`]) with four things that dumps of other systems hold: backslashes in
//! MySQL's strings, PostgreSQL's dollar quotes and array brackets, and `#` comments.

use crate::lexer::{Kind, Token, scan};

/// Tokens of a text; their texts in a row are the text again.
#[derive(Clone)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    pub(super) at: usize,
    /// `\'` inside a string is a quote.
    backslashes: bool,
    /// The token before ends right here and is a word: `[` then opens an array, not a name.
    after_word: bool,
    /// Nothing but blanks since the line began.
    fresh_line: bool,
    /// Dollar quotes that may still prove to be none: looking for their end takes the whole text.
    dollars: u8,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str, backslashes: bool) -> Self {
        Self {
            text,
            at: 0,
            backslashes,
            after_word: false,
            fresh_line: true,
            dollars: 100,
        }
    }

    /// The rest of this line, with what `end` leads to.
    pub(super) fn skip_past(&mut self, end: &str) {
        let rest = &self.text[self.at..];
        self.at += rest.find(end).map_or(rest.len(), |at| at + end.len());
    }

    fn measure(&mut self, rest: &str) -> (Kind, usize) {
        let bytes = rest.as_bytes();
        match bytes[0] {
            b'#' if self.fresh_line => (Kind::Comment, rest.find('\n').unwrap_or(rest.len())),
            b'[' if self.after_word => (Kind::Symbol, 1),
            b'"' if self.backslashes && self.dollars > 0 && rest.starts_with("\"\"\"") => {
                match rest[3..].find("\"\"\"") {
                    Some(close) => (Kind::Quoted, close + 6),
                    None => {
                        self.dollars -= 1;
                        (Kind::Quoted, escaped(bytes, b'"'))
                    }
                }
            }
            quote @ (b'\'' | b'"') if self.backslashes => (Kind::Quoted, escaped(bytes, quote)),
            b'$' if self.dollars > 0 => match dollar(rest) {
                Dollar::Quoted(length) => (Kind::Quoted, length),
                Dollar::Word => scan(bytes),
                Dollar::Open => {
                    self.dollars -= 1;
                    scan(bytes)
                }
            },
            b'q' | b'Q' if self.dollars > 0 && bytes.get(1) == Some(&b'\'') => match oracle(rest) {
                Some(length) => (Kind::Quoted, length),
                None => {
                    self.dollars -= 1;
                    scan(bytes)
                }
            },
            _ => scan(bytes),
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let (kind, length) = self.measure(rest);
        let token = Token {
            kind,
            text: &rest[..length],
            start: self.at,
        };
        self.at += length;
        self.after_word = kind == Kind::Word;
        self.fresh_line = kind == Kind::Space && (self.fresh_line || token.text.contains('\n'));
        Some(token)
    }
}

/// Length of a string in which a backslash takes the next character's meaning.
fn escaped(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Length of Oracle's `q'[it's]'`.
fn oracle(rest: &str) -> Option<usize> {
    let close = match rest.as_bytes().get(2)? {
        b'[' => ']',
        b'(' => ')',
        b'{' => '}',
        b'<' => '>',
        sign @ (b'!' | b'|' | b'~' | b'#' | b'^' | b'"') => char::from(*sign),
        _ => return None,
    };
    let end = rest[3..].find(&format!("{close}'"))?;
    Some(end + 5)
}

enum Dollar {
    /// `$tag$ … $tag$` of this length.
    Quoted(usize),
    /// Part of a name.
    Word,
    /// `$tag$` that nothing closes.
    Open,
}

/// What begins with a dollar at the start of `rest`.
fn dollar(rest: &str) -> Dollar {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let tag = rest[1..]
        .find(|c| !plain(c))
        .map_or(rest.len(), |at| at + 1);
    if rest.as_bytes().get(tag) != Some(&b'$') || tag > 64 {
        return Dollar::Word;
    }
    let (tag, after) = rest.split_at(tag + 1);
    match after.find(tag) {
        Some(close) => Dollar::Quoted(close + 2 * tag.len()),
        None => Dollar::Open,
    }
}
