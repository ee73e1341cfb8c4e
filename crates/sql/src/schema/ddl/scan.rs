//! Pasted SQL text cut into statements, whatever dialect it is in.

use std::ops::Range;

use super::tokens::Tokens;
use crate::lexer::{Kind, Token};

/// One statement of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// Which, from 1; empty ones do not count.
    pub(super) number: usize,
    /// The line of its first token, from 1.
    pub(super) line: usize,
    pub(super) text: &'a str,
}

/// Whether strings of `text` use backslashes: marks of a MySQL dump, or of BigQuery.
pub(super) fn backslashes(text: &str) -> bool {
    [
        "ENGINE=",
        "ENGINE =",
        "AUTO_INCREMENT",
        "/*!40",
        " INT64",
        " FLOAT64",
        "OPTIONS(DESCRIPTION",
    ]
    .iter()
    .any(|mark| find_ignoring_case(text, mark))
}

fn find_ignoring_case(text: &str, mark: &str) -> bool {
    text.as_bytes()
        .windows(mark.len())
        .any(|window| window.eq_ignore_ascii_case(mark.as_bytes()))
}

/// The statements that may say something about tables: those that begin with CREATE, ALTER or COMMENT.
///
/// A statement ends at a semicolon, at a line `GO` (SQL Server) or `/` (Oracle), where MySQL's DELIMITER
/// says, and before a CREATE or ALTER TABLE that begins a line or follows a whole CREATE TABLE, because people paste
/// tables without semicolons and SQL Server has them in `IF … BEGIN … END`. What a procedure, function
/// or trigger creates is its own: semicolons between its BEGIN and END end nothing.
///
/// # Errors
/// The line of a quote or comment that nothing closes, if a quoted text before it or it itself holds a CREATE TABLE:
/// then a stray apostrophe has turned code into strings.
pub(super) fn statements(text: &str, backslashes: bool) -> Result<Vec<Statement<'_>>, usize> {
    cut(text, backslashes, true)
}

fn cut(text: &str, backslashes: bool, delimiters: bool) -> Result<Vec<Statement<'_>>, usize> {
    let mut splitter = Splitter {
        text,
        found: Vec::new(),
        number: 0,
        line: (0, 1),
        span: None,
    };
    let mut tokens = Tokens::new(text, backslashes);
    // SQL Server: a procedure goes to the end of its batch.
    let batches = text
        .lines()
        .any(|line| line.trim().eq_ignore_ascii_case("go"));
    // Parentheses open; whether a pair has closed; the words at the beginning.
    let (mut depth, mut closed) = (0_usize, false);
    let mut head: Vec<&str> = Vec::new();
    let mut body = Body::default();
    let mut bodies = true;
    // Where a body began that may have no end.
    let mut retreat: Option<(Tokens<'_>, Option<(usize, usize)>)> = None;
    let mut hidden = false;
    let mut open: Option<usize> = None;
    loop {
        let Some(token) = tokens.next() else {
            match retreat.take() {
                Some((at, span)) if body.depth > 0 && !batches => {
                    (tokens, splitter.span) = (at, span);
                    (bodies, depth, closed) = (false, 0, false);
                    splitter.end();
                    head.clear();
                    continue;
                }
                _ => break,
            }
        };
        hidden |= token.kind == Kind::Quoted
            && !token.text.starts_with('$')
            && token.text.contains('\n')
            && find_ignoring_case(token.text, "\ncreate table");
        if token.end() == text.len() && is_open(&token) {
            hidden |= find_ignoring_case(token.text, "create table");
            open = Some(token.start);
        }
        if !token.is_code() {
            continue;
        }
        let at_start = splitter.span.is_none();
        if at_start && begins_line(text, token.start) && is_command(&token) {
            tokens.skip_past("\n");
            continue;
        }
        if at_start && delimiters && token.is_word("delimiter") {
            let line = text[token.end()..].lines().next().unwrap_or_default();
            let mark = line.split_whitespace().next().unwrap_or(";");
            tokens.skip_past("\n");
            if mark != ";" {
                let end = tokens.at + block(&text[tokens.at..]);
                splitter.block(tokens.at..end, mark, backslashes);
                tokens.at = end;
            }
            continue;
        }
        let routine = bodies && is_routine(&head);
        if routine {
            body.see(token.text);
        }
        let creates_table = is_create_table(&head);
        let next_create = token.is_word("create") && depth == 0 && closed && creates_table;
        let next_line = !at_start
            && depth == 0
            && !routine
            && starts_line(text, token.start)
            && (closed && is_next(&token, creates_table, &head) || is_table_word(&token, &tokens));
        let alone = depth == 0 && (token.is_word("go") || token.text == "/");
        let ends = token.text == ";" && !(routine && (body.depth > 0 || batches));
        if token.text == ";" && !ends && retreat.is_none() {
            retreat = Some((tokens.clone(), splitter.span));
        }
        let separates = ends || alone && is_alone(text, &token);
        if separates || next_create || next_line {
            splitter.end();
            // The rows of pg_dump stand in the text itself.
            if head
                .first()
                .is_some_and(|word| word.eq_ignore_ascii_case("copy"))
                && head.iter().any(|word| word.eq_ignore_ascii_case("stdin"))
            {
                tokens.skip_past("\n\\.");
            }
            (depth, closed) = (0, false);
            head.clear();
            (body, retreat) = (Body::default(), None);
            if separates {
                continue;
            }
        }
        match token.text {
            "(" => depth += 1,
            ")" => {
                depth = depth.saturating_sub(1);
                closed |= depth == 0;
            }
            _ => {}
        }
        // Enough for the longest beginning of CREATE TABLE; of COPY the last word counts.
        if head.len() < 8 || head[0].eq_ignore_ascii_case("copy") && head.len() < 10_000 {
            head.push(token.text);
        }
        splitter.extend(&token);
    }
    splitter.end();
    match open {
        Some(start) if hidden => Err(1 + text[..start].matches('\n').count()),
        _ => Ok(splitter.found),
    }
}

/// How deep in BEGIN … END (and CASE … END) the body of a procedure is.
#[derive(Default)]
struct Body<'a> {
    depth: usize,
    before: &'a str,
}

impl<'a> Body<'a> {
    fn see(&mut self, token: &'a str) {
        let is = |words: &[&str]| words.iter().any(|word| token.eq_ignore_ascii_case(word));
        let after = |word: &str| self.before.eq_ignore_ascii_case(word);
        if is(&["begin"]) || is(&["case"]) && !after("end") {
            self.depth += 1;
        } else if is(&["end"]) || is(&["transaction", "tran", "work"]) && after("begin") {
            self.depth = self.depth.saturating_sub(1);
        } else if is(&["if", "loop", "while", "repeat", "for"]) && after("end") {
            // Their beginnings were not counted.
            self.depth += 1;
        }
        self.before = token;
    }
}

fn is_routine(head: &[&str]) -> bool {
    const KINDS: [&str; 6] = [
        "PROC",
        "PROCEDURE",
        "FUNCTION",
        "TRIGGER",
        "PACKAGE",
        "EVENT",
    ];
    head.first()
        .is_some_and(|word| word.eq_ignore_ascii_case("create"))
        && !is_create_table(head)
        && head
            .iter()
            .any(|word| KINDS.iter().any(|kind| word.eq_ignore_ascii_case(kind)))
}

/// A line for the client program: psql's `\restrict`, sqlite's `.mode`, SQL*Plus's `PROMPT it's`.
fn is_command(token: &Token<'_>) -> bool {
    matches!(token.text, "\\" | "." | "@")
        || ["rem", "remark", "prompt", "whenever", "spool"]
            .iter()
            .any(|word| token.is_word(word))
}

/// Whether a word at the start of a line, after a whole CREATE TABLE or ALTER TABLE, begins a statement.
fn is_next(token: &Token<'_>, creates_table: bool, head: &[&str]) -> bool {
    let is = |words: &[&str]| words.iter().any(|word| token.is_word(word));
    let alters = head
        .first()
        .is_some_and(|word| word.eq_ignore_ascii_case("alter"));
    (creates_table || alters) && is(&["insert", "exec", "execute", "print", "end", "if"])
        || creates_table && is(&["alter", "drop"])
}

/// Whether CREATE TABLE or ALTER TABLE begins with `token`.
fn is_table_word(token: &Token<'_>, after: &Tokens<'_>) -> bool {
    if !token.is_word("create") && !token.is_word("alter") {
        return false;
    }
    let code = after.clone().filter(Token::is_code).take(7);
    let words: Vec<&str> = std::iter::once(token.text)
        .chain(code.map(|token| token.text))
        .collect();
    match token.is_word("create") {
        true => is_create_table(&words),
        false => words
            .get(1)
            .is_some_and(|word| word.eq_ignore_ascii_case("table")),
    }
}

/// The length of what MySQL's client reads with another delimiter.
fn block(text: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let begins = line.trim_start();
        if begins
            .get(..9)
            .is_some_and(|word| word.eq_ignore_ascii_case("delimiter"))
        {
            break;
        }
        at += line.len();
    }
    at
}

/// Whether a token that ends the text has no end of its own.
fn is_open(token: &Token<'_>) -> bool {
    let text = token.text;
    match text.as_bytes()[0] {
        b'/' => text.starts_with("/*") && (text.len() < 4 || !text.ends_with("*/")),
        quote @ (b'\'' | b'"' | b'`') => text.len() < 2 || text.as_bytes()[text.len() - 1] != quote,
        _ => false,
    }
}

struct Splitter<'a> {
    text: &'a str,
    found: Vec<Statement<'a>>,
    number: usize,
    /// A byte offset and its line, from 1.
    line: (usize, usize),
    span: Option<(usize, usize)>,
}

impl<'a> Splitter<'a> {
    /// What stands between two lines DELIMITER.
    fn block(&mut self, range: Range<usize>, mark: &str, backslashes: bool) {
        let whole: &'a str = self.text;
        let mut at = range.start;
        for chunk in whole[range].split(mark) {
            let start = at;
            at += chunk.len() + mark.len();
            let mut code = Tokens::new(chunk, backslashes).filter(Token::is_code);
            let Some(first) = code.next() else { continue };
            let words: Vec<&str> = std::iter::once(first.text)
                .chain(code.take(7).map(|token| token.text))
                .collect();
            if is_create_table(&words)
                && let Ok(inner) = cut(chunk, backslashes, false)
            {
                let lines = self.line_of(start) - 1;
                let number = self.number;
                self.number += inner.len();
                self.found.extend(inner.into_iter().map(|inner| Statement {
                    number: number + inner.number,
                    line: lines + inner.line,
                    text: inner.text,
                }));
            } else {
                self.span = Some((start + first.start, start + chunk.trim_end().len()));
                self.end();
            }
        }
    }

    fn line_of(&mut self, at: usize) -> usize {
        let newlines = self.text.as_bytes()[self.line.0..at]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        self.line = (at, self.line.1 + newlines);
        self.line.1
    }

    fn extend(&mut self, token: &Token<'_>) {
        let start = self.span.map_or(token.start, |(start, _)| start);
        self.span = Some((start, token.end()));
    }

    fn end(&mut self) {
        let Some((start, end)) = self.span.take() else {
            return;
        };
        self.number += 1;
        self.line_of(start);
        let text = &self.text[start..end];
        let begins = |word: &str| {
            text.get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        if ["create", "alter", "comment"].into_iter().any(begins) {
            self.found.push(Statement {
                number: self.number,
                line: self.line.1,
                text,
            });
        }
    }
}

/// Whether words begin a CREATE TABLE of any kind but SQLite's virtual ones.
pub(super) fn is_create_table(words: &[&str]) -> bool {
    const BETWEEN: [&str; 20] = [
        "OR",
        "REPLACE",
        "GLOBAL",
        "LOCAL",
        "TEMP",
        "TEMPORARY",
        "TRANSIENT",
        "UNLOGGED",
        "EXTERNAL",
        "COLUMN",
        "ROW",
        "FOREIGN",
        "VOLATILE",
        "MULTISET",
        "SET",
        "ICEBERG",
        "DYNAMIC",
        "HYBRID",
        "PRIVATE",
        "SNAPSHOT",
    ];
    let mut words = words.iter();
    words
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("create"))
        && words
            .find(|word| {
                !BETWEEN
                    .iter()
                    .any(|between| word.eq_ignore_ascii_case(between))
            })
            .is_some_and(|word| word.eq_ignore_ascii_case("table"))
}

fn begins_line(text: &str, at: usize) -> bool {
    at == 0 || text.as_bytes()[at - 1] == b'\n'
}

/// Whether nothing but blanks stands before it in its line.
fn starts_line(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches([' ', '\t']);
    before.is_empty() || before.ends_with('\n')
}

/// Whether a token has a line to itself.
fn is_alone(text: &str, token: &Token<'_>) -> bool {
    let ends = |c: Option<char>| c.is_none_or(|c| c == '\n');
    let blank = |c: &char| *c != '\n' && c.is_whitespace();
    ends(text[..token.start].chars().rev().find(|c| !blank(c)))
        && ends(text[token.end()..].chars().find(|c| !blank(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(usize, usize, &str)> {
        statements(text, backslashes(text))
            .unwrap_or_else(|line| panic!("open since line {line}"))
            .into_iter()
            .map(|found| (found.number, found.line, found.text))
            .collect()
    }

    #[test]
    fn statements_end_where_their_systems_end_them() {
        assert_eq!(
            cut(
                "SET x = 1;\n-- CREATE TABLE no (a);\nCREATE TABLE a (x);;\n\nGO\nCREATE TABLE b (go\n, y)\ngo\n/\nINSERT INTO a VALUES (';');create table c (z)"
            ),
            [
                (2, 3, "CREATE TABLE a (x)"),
                (3, 6, "CREATE TABLE b (go\n, y)"),
                (5, 10, "create table c (z)"),
            ]
        );
    }

    #[test]
    fn tables_without_semicolons_are_told_apart() {
        assert_eq!(
            cut(
                "CREATE TABLE a (x INT)\nCREATE TEMP TABLE b (\"create\" INT) WITHOUT ROWID CREATE TABLE c (y)"
            ),
            [
                (1, 1, "CREATE TABLE a (x INT)"),
                (2, 2, "CREATE TEMP TABLE b (\"create\" INT) WITHOUT ROWID"),
                (3, 2, "CREATE TABLE c (y)"),
            ]
        );
    }

    #[test]
    fn quotes_of_other_systems_hide_semicolons() {
        assert_eq!(
            cut(
                "CREATE TABLE a (x INT COMMENT 'it\\'s; so') ENGINE=InnoDB;\n# it's\nCREATE TABLE b (y)"
            ),
            [
                (
                    1,
                    1,
                    "CREATE TABLE a (x INT COMMENT 'it\\'s; so') ENGINE=InnoDB"
                ),
                (2, 3, "CREATE TABLE b (y)"),
            ]
        );
        assert_eq!(
            cut(
                "SELECT $f$ it's; CREATE TABLE no (a); $f$; CREATE TABLE a (x text[] CHECK (x <> ARRAY['a]']))"
            ),
            [(2, 1, "CREATE TABLE a (x text[] CHECK (x <> ARRAY['a]']))")]
        );
        assert_eq!(
            cut(
                "\\connect x\nCOPY public.a (x, y) FROM stdin;\n1\tit's\n\\.\n\nCREATE TABLE b (y)"
            ),
            [(2, 6, "CREATE TABLE b (y)")]
        );
    }

    #[test]
    fn odd_dollars_are_words() {
        assert_eq!(
            cut("CREATE TABLE a ($_m INT, b$ INT, $ INT); CREATE TABLE b (x)").len(),
            2
        );
    }
}
