//! SQLite's tokens, as far as statements, comments, quotes and parentheses go.
//!
//! A full parser is the wrong tool for these questions: it refuses SQL that
//! SQLite accepts, and its tree is as deep as a hostile query wants it. The token
//! rules are those of SQLite's `tokenize.c`; they always reach the end of the text.

use crate::QueryError;
use crate::gate::MAX_SQL_BYTES;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// White space.
    Space,
    /// `-- …` or `/* … */`.
    Comment,
    /// A bare word: a keyword, a name, or the start of a number.
    Word,
    /// `'…'`, `"…"`, `` `…` `` or `[…]`.
    Quoted,
    /// Any other single character.
    Symbol,
}

/// One token: its kind, its text and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

impl Token<'_> {
    /// Whether this is the bare word `word`, in any case.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Neither white space nor a comment.
    pub(crate) fn is_code(&self) -> bool {
        !matches!(self.kind, Kind::Space | Kind::Comment)
    }

    /// What a quoted token says, without its quotes: a doubled quote is one, and a quote that is never closed is
    /// closed by the end.
    pub(crate) fn unquoted(&self) -> String {
        let open = self.text.chars().next().unwrap_or('"');
        let inside = self.text.strip_prefix(open).unwrap_or(self.text);
        if open == '[' {
            return inside.strip_suffix(']').unwrap_or(inside).to_owned();
        }
        let inside = inside.strip_suffix(open).unwrap_or(inside);
        inside.replace(&format!("{open}{open}"), open.encode_utf8(&mut [0; 4]))
    }

    /// The offset just after this token.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// The tokens of `sql`; their texts in a row are `sql` again.
pub(crate) fn tokens(sql: &str) -> impl Iterator<Item = Token<'_>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = sql.get(start..).filter(|rest| !rest.is_empty())?;
        let (kind, length) = scan(rest.as_bytes());
        let token = Token {
            kind,
            text: &rest[..length],
            start,
        };
        start += length;
        Some(token)
    })
}

/// Kind and length of the token at the start of `bytes`, which is not empty.
///
/// Every byte from 0x80 on belongs to a word or lies between two ASCII marks, so
/// a token never ends inside a character.
pub(crate) fn scan(bytes: &[u8]) -> (Kind, usize) {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let run = |from: usize, inside: fn(u8) -> bool| {
        from + bytes[from..]
            .iter()
            .take_while(|&&byte| inside(byte))
            .count()
    };
    match bytes[0] {
        b'-' if bytes.get(1) == Some(&b'-') => (Kind::Comment, run(2, |byte| byte != b'\n')),
        b'/' if bytes.get(1) == Some(&b'*') => {
            let close = bytes[2..].windows(2).position(|pair| pair == b"*/");
            (Kind::Comment, close.map_or(bytes.len(), |at| at + 4))
        }
        quote @ (b'\'' | b'"' | b'`') => (Kind::Quoted, quoted(bytes, quote)),
        b'[' => {
            let close = bytes.iter().position(|&byte| byte == b']');
            (Kind::Quoted, close.map_or(bytes.len(), |at| at + 1))
        }
        byte if is_space(byte) => (Kind::Space, run(0, is_space)),
        _ if bytes.starts_with(BYTE_ORDER_MARK) => (Kind::Space, BYTE_ORDER_MARK.len()),
        byte if is_word(byte) => (Kind::Word, run(0, is_word)),
        _ => (Kind::Symbol, 1),
    }
}

/// Length of a quoted token; a doubled quote stands for itself.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        if bytes[at] != quote {
            at += 1;
        } else if bytes.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return at + 1;
        }
    }
    bytes.len()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\x0c' | b'\r')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// The one statement in `sql`, without the semicolons and comments around it.
pub(crate) fn single_statement(sql: &str) -> Result<&str, QueryError> {
    if sql.len() > MAX_SQL_BYTES {
        return Err(QueryError::TooLong {
            found: sql.len(),
            limit: MAX_SQL_BYTES,
        });
    }
    // SQLite would stop reading there and run what stands before.
    if let Some(at) = sql.find('\0') {
        return Err(QueryError::Sqlite {
            message: format!("the query has a NUL character at byte {at}"),
        });
    }
    let mut span: Option<(usize, usize)> = None;
    let mut ended = false;
    for token in tokens(sql).filter(Token::is_code) {
        if token.text == ";" {
            ended = span.is_some();
        } else if ended {
            return Err(QueryError::SeveralStatements);
        } else {
            span = Some((span.map_or(token.start, |(start, _)| start), token.end()));
        }
    }
    let (start, end) = span.ok_or(QueryError::Empty)?;
    Ok(&sql[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_comments_hide_semicolons() {
        for sql in [
            "SELECT ';' , \"a;b\", `;`, [;] -- ; x\n /* ; */ FROM t",
            "SELECT 'it''s; so'",
            "SELECT ';",
        ] {
            assert_eq!(single_statement(sql), Ok(sql));
        }
        assert_eq!(
            single_statement(" ; -- a\n SELECT 1 ; ; /* b"),
            Ok("SELECT 1")
        );
        assert_eq!(
            single_statement("SELECT 1; SELECT 2"),
            Err(QueryError::SeveralStatements)
        );
        assert_eq!(
            single_statement("\u{feff} -- SELECT 1"),
            Err(QueryError::Empty)
        );
        assert_eq!(single_statement(";;"), Err(QueryError::Empty));
    }

    #[test]
    fn the_tokens_are_the_text_again() {
        for sql in [
            "",
            "é'ü\"–/*",
            "SELECT [a",
            "x'ab'--",
            "/*/",
            "a\u{feff}b ¬ \x01 ?1",
        ] {
            let again: String = tokens(sql).map(|token| token.text).collect();
            assert_eq!(again, sql);
        }
    }

    #[test]
    fn a_quoted_token_says_what_is_between_its_quotes() {
        for (sql, inside) in [
            ("'it''s \"so\"'", "it's \"so\""),
            ("\"a\"\"b\"", "a\"b"),
            ("`a``b`", "a`b"),
            ("[a[b]", "a[b"),
            ("''", ""),
            ("'", ""),
            ("[é", "é"),
            ("'never closed", "never closed"),
        ] {
            let token = tokens(sql).next().unwrap();
            assert_eq!(
                (token.kind, token.unquoted().as_str()),
                (Kind::Quoted, inside)
            );
        }
    }

    #[test]
    fn a_nul_character_ends_nothing() {
        let Err(QueryError::Sqlite { message }) = single_statement("SELECT 1\0; DROP TABLE t")
        else {
            panic!("a NUL character passed");
        };
        assert_eq!(message, "the query has a NUL character at byte 8");
    }
}
