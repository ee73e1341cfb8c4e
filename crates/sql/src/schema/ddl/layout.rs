//! Where the parts of one CREATE TABLE stand in its text: what sqlparser's tree does not keep.
//!
//! That is the comments, and the types as they are written.

use std::collections::HashMap;
use std::ops::Range;

use super::storage::{expressions, storage};
use super::tokens::Tokens;
use super::words::{joined, standard_type, stated, unquoted};
use crate::lexer::{Kind, Token};

/// A part of the list in parentheses: a column or a constraint.
#[derive(Debug, Default)]
pub(super) struct Item<'a> {
    /// Its tokens without blanks and comments.
    pub(super) tokens: Vec<Token<'a>>,
    comments: Vec<&'a str>,
}

/// A CREATE TABLE in parts.
#[derive(Debug, Default)]
pub(super) struct Layout<'a> {
    text: &'a str,
    pub(super) items: Vec<Item<'a>>,
    comments: Vec<&'a str>,
    /// What stands before the list.
    head: Vec<Token<'a>>,
    /// What follows the list.
    pub(super) tail: Vec<Token<'a>>,
    /// The comments' places in the text.
    blanks: Vec<Range<usize>>,
    /// The offset after the list's closing parenthesis.
    pub(super) list_end: Option<usize>,
}

impl<'a> Layout<'a> {
    /// Cuts `text`, one CREATE TABLE statement.
    ///
    /// A comment belongs to the item in whose line it stands, in its own line to the next item; before
    /// the list, after its opening and after its closing parenthesis to the table.
    pub(super) fn of(text: &'a str, backslashes: bool) -> Self {
        let mut layout = Layout {
            text,
            ..Layout::default()
        };
        let mut depth = 0_usize;
        // BigQuery's `ARRAY<STRUCT<a INT64, b INT64>>`.
        let mut angles = 0_usize;
        // Snowflake's `CLUSTER BY (id)` before the list.
        let mut in_head = false;
        let mut item = Item::default();
        let mut last_end = 0;
        for token in Tokens::new(text, backslashes) {
            if token.kind == Kind::Comment {
                layout.blanks.push(token.start..token.end());
                let own_line = text[last_end..token.start].contains('\n');
                if depth == 0 {
                    layout.comments.push(token.text);
                } else if !item.tokens.is_empty() || own_line {
                    item.comments.push(token.text);
                } else {
                    let before = layout.items.last_mut().map(|item| &mut item.comments);
                    before.unwrap_or(&mut layout.comments).push(token.text);
                }
                continue;
            }
            if token.kind == Kind::Space {
                continue;
            }
            last_end = token.end();
            if layout.list_end.is_some() {
                layout.tail.push(token);
                continue;
            }
            if depth == 0 && token.text == "(" {
                // Also `CLUSTER BY LINEAR(id)`.
                in_head = match layout.head.as_slice() {
                    [.., before, last] => {
                        last.is_word("by") || last.text != ")" && before.is_word("by")
                    }
                    _ => false,
                };
            }
            let before = depth;
            match token.text {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
            match (before, depth, token.text) {
                _ if in_head && depth > 0 => {}
                (0, 0, _) => layout.head.push(token),
                (0, _, _) => {}
                (1, 0, _) if in_head => layout.head.push(token),
                (1, 0, _) => {
                    layout.items.push(std::mem::take(&mut item));
                    layout.list_end = Some(token.end());
                }
                (1, _, ",") if angles == 0 => layout.items.push(std::mem::take(&mut item)),
                _ => {
                    match token.text {
                        "<" if depth == 1 => angles += 1,
                        ">" if depth == 1 => angles = angles.saturating_sub(1),
                        _ => {}
                    }
                    item.tokens.push(token);
                }
            }
        }
        if !item.tokens.is_empty() {
            layout.items.push(item);
        }
        layout
    }

    /// The text for a parser: comments blank, and `(1)` for expressions after CHECK, DEFAULT and AS.
    ///
    /// A schema does not need these expressions; hostile ones are deep, and harmless ones differ most
    /// between dialects. A column's name in single quotes, as SQLite takes it, gets double ones; SQL
    /// Server's `WITH CHECK` before ADD goes. The length stays the same, so that places in the parser's messages are right.
    pub(super) fn reduced(&self) -> String {
        let mut bytes = self.text.as_bytes().to_vec();
        let mut blank = |range: Range<usize>| {
            for byte in &mut bytes[range] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
        };
        for range in &self.blanks {
            blank(range.clone());
        }
        for pair in self.head.windows(2) {
            if pair[0].is_word("with") && (pair[1].is_word("check") || pair[1].is_word("nocheck")) {
                blank(pair[0].start..pair[1].end());
            }
        }
        let mut ones = Vec::new();
        let mut quotes = Vec::new();
        for item in &self.items {
            if let Some(name) = item.tokens.first()
                && let Some(inside) = name.text.strip_prefix('\'')
                && let Some(inside) = inside.strip_suffix('\'')
                && !inside.is_empty()
                && !inside.contains(['\'', '"'])
            {
                quotes.extend([name.start, name.end() - 1]);
            }
            for (open, close) in expressions(&item.tokens) {
                let inside = item.tokens[open].end()..item.tokens[close].start;
                ones.push(inside.start);
                blank(inside);
            }
        }
        for at in ones {
            bytes[at] = b'1';
        }
        for at in quotes {
            bytes[at] = b'"';
        }
        // Whole tokens were replaced, by ASCII.
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// As [`Layout::reduced`], up to the end of the list, without the words for a system's storage, and
    /// with a plain word for each type: [`Item::declared_type`] knows it.
    pub(super) fn reduced_further(&self) -> String {
        let mut text = self.reduced();
        let mut blank = |range: Range<usize>| {
            text.replace_range(range.clone(), &" ".repeat(range.len()));
        };
        // `CREATE FOREIGN TABLE`, `CREATE MULTISET TABLE` …
        let kinds = self
            .head
            .iter()
            .skip(1)
            .take_while(|word| !word.is_word("table"));
        for word in kinds.filter(|word| !word.is_word("or") && !word.is_word("replace")) {
            blank(word.start..word.end());
        }
        let cluster = self.head.iter().find(|word| word.is_word("cluster"));
        if let (Some(first), Some(last)) = (cluster, self.head.last()) {
            blank(first.start..last.end());
        }
        let mut end = None;
        for item in &self.items {
            let Some(last) = item.tokens.last() else {
                continue;
            };
            if item.is_beside_columns() {
                // With the comma before it.
                blank(end.unwrap_or(item.tokens[0].start)..last.end());
            }
            end = Some(last.end());
        }
        for item in self.items.iter().filter(|item| !item.is_beside_columns()) {
            for range in storage(&item.tokens, item.is_constraint()) {
                text.replace_range(range.clone(), &" ".repeat(range.len()));
            }
            if let [first, .., last] | [first @ last] = item.type_tokens()
                && item.is_typed()
                && !item.is_constraint()
            {
                let range = first.start..last.end();
                let word = format!("t{}", " ".repeat(range.len() - 1));
                text.replace_range(range, &word);
            }
        }
        text.truncate(self.list_end.unwrap_or(text.len()));
        text
    }

    /// An ALTER TABLE without words about storage, and Oracle's `ADD (a NUMBER, b DATE)` as others write it.
    pub(super) fn alter(&self) -> String {
        let Some(open) = self
            .list_end
            .filter(|_| self.head.last().is_some_and(|last| last.is_word("add")))
        else {
            let mut text = self.reduced();
            let enforced = |word: &Token<'_>| {
                [
                    "enable",
                    "disable",
                    "enforced",
                    "rely",
                    "validate",
                    "novalidate",
                    "valid",
                    "deferrable",
                ]
                .iter()
                .any(|name| word.is_word(name))
            };
            let from = self.tail.iter().enumerate().position(|(at, word)| {
                let next = self.tail.get(at + 1);
                enforced(word)
                    || word.is_word("not") && next.is_some_and(enforced)
                    || word.is_word("using") && next.is_some_and(|next| next.is_word("index"))
            });
            // The places are those of the text before.
            if let Some(from) = from {
                text.truncate(self.tail[from].start);
            }
            return text;
        };
        let mut text = self.reduced_further();
        text.truncate(open);
        let head_end = self.head.last().map_or(0, Token::end);
        let parts = self.items.iter().filter_map(|item| {
            let (first, last) = (item.tokens.first()?, item.tokens.last()?);
            text.get(first.start..last.end())
        });
        let parts: Vec<String> = parts.map(|part| format!(" ADD {part}")).collect();
        let head = text.get(..head_end.saturating_sub(3)).unwrap_or_default();
        format!("{head}{}", parts.join(","))
    }

    /// The table that PostgreSQL's `ALTER TABLE t ATTACH PARTITION p` makes a part of another.
    pub(super) fn attached(&self) -> Option<String> {
        let at = (0..self.head.len().saturating_sub(1)).find(|&at| {
            self.head[at].is_word("attach") && self.head[at + 1].is_word("partition")
        })?;
        let names = &self.head[at + 2..];
        let dots = names
            .iter()
            .skip(1)
            .step_by(2)
            .take_while(|dot| dot.text == ".")
            .count();
        names.get(2 * dots).map(|name| unquoted(name.text, false))
    }

    /// The items by the name that they begin with.
    pub(super) fn columns(&self) -> HashMap<String, &Item<'a>> {
        let mut columns = HashMap::new();
        for item in &self.items {
            if let Some(first) = item.tokens.first() {
                columns.entry(unquoted(first.text, false)).or_insert(item);
            }
        }
        columns
    }

    /// The comment about the table: SQL's COMMENT, BigQuery's description, or comments in the text.
    pub(super) fn comment(&self, backslashes: bool) -> Option<String> {
        stated(&self.tail, backslashes).or_else(|| joined(&self.comments))
    }
}

impl<'a> Item<'a> {
    /// The comment about the column.
    pub(super) fn comment(&self, backslashes: bool) -> Option<String> {
        stated(&self.tokens, backslashes).or_else(|| joined(&self.comments))
    }

    /// The declared type as written, without quotes of names and with single blanks.
    pub(super) fn declared_type(&self) -> String {
        let mut declared = String::new();
        let mut end = None;
        for token in self.type_tokens() {
            if end.is_some_and(|end| end < token.start) {
                declared.push(' ');
            }
            match token.text.as_bytes()[0] {
                b'[' | b'"' | b'`' if token.kind == Kind::Quoted => {
                    declared.push_str(&unquoted(token.text, false));
                }
                _ => declared.push_str(token.text),
            }
            end = Some(token.end());
        }
        standard_type(declared)
    }

    /// What stands between a column's name and its first constraint.
    fn type_tokens(&self) -> &[Token<'a>] {
        const STOPS: [&str; 47] = [
            "FILESTREAM",
            "HIDDEN",
            "CONSTRAINT",
            "PRIMARY",
            "NOT",
            "NULL",
            "UNIQUE",
            "CHECK",
            "DEFAULT",
            "COLLATE",
            "REFERENCES",
            "GENERATED",
            "AS",
            "AUTO_INCREMENT",
            "AUTOINCREMENT",
            "COMMENT",
            "IDENTITY",
            "ON",
            "KEY",
            "OPTIONS",
            "ENCODE",
            "SPARSE",
            "ROWGUIDCOL",
            "CHARSET",
            "MASKED",
            "MASKING",
            "TAG",
            "FOREIGN",
            "VIRTUAL",
            "STORED",
            "INVISIBLE",
            "VISIBLE",
            "ENABLE",
            "DISABLE",
            "DISTKEY",
            "SORTKEY",
            "CODEC",
            "TTL",
            "STORAGE",
            "COMPRESSION",
            "MATERIALIZED",
            "EPHEMERAL",
            "ALIAS",
            "PERSISTED",
            "DEFERRABLE",
            "USING",
            "SRID",
        ];
        let tokens = self.tokens.get(1..).unwrap_or_default();
        let mut depth = 0_i32;
        let end = tokens.iter().enumerate().position(|(index, token)| {
            let next = |word| tokens.get(index + 1).is_some_and(|next| next.is_word(word));
            match token.text {
                "(" | "<" => depth += 1,
                ")" | ">" => depth -= 1,
                _ => {}
            }
            depth == 0
                && (STOPS.iter().any(|stop| token.is_word(stop))
                    || token.is_word("character") && next("set")
                    || token.is_word("with") && !next("time") && !next("local"))
        });
        &tokens[..end.unwrap_or(tokens.len())]
    }

    /// Whether its type is made of nothing but names, numbers, strings, brackets and commas.
    fn is_typed(&self) -> bool {
        let tokens = self.type_tokens();
        tokens.iter().enumerate().all(|(at, token)| {
            matches!(token.kind, Kind::Word | Kind::Quoted)
                || "(),<>[].:".contains(token.text)
                // Oracle's `NUMBER(*,0)`.
                || token.text == "*" && at > 0 && tokens[at - 1].text == "("
        })
    }

    /// Whether it may be a constraint by its first word.
    fn is_constraint(&self) -> bool {
        const WORDS: [&str; 13] = [
            "CONSTRAINT",
            "PRIMARY",
            "UNIQUE",
            "CHECK",
            "FOREIGN",
            "LIKE",
            "KEY",
            "INDEX",
            "FULLTEXT",
            "SPATIAL",
            "EXCLUDE",
            "PERIOD",
            "SUPPLEMENTAL",
        ];
        self.tokens
            .first()
            .is_some_and(|first| WORDS.iter().any(|word| first.is_word(word)))
    }

    /// Whether it is neither column nor key: an index of SQL Server, a period, Oracle's log, PostgreSQL's EXCLUDE.
    fn is_beside_columns(&self) -> bool {
        let word = |at: usize, name: &str| self.tokens.get(at).is_some_and(|t| t.is_word(name));
        word(0, "period") && word(1, "for")
            || word(0, "supplemental") && word(1, "log")
            || word(0, "exclude")
                && (word(1, "using") || self.tokens.get(1).is_some_and(|t| t.text == "("))
            || self.is_index() && word(0, "index")
    }

    /// Whether this is MySQL's `KEY name (columns)`, which other dialects read as a column.
    pub(super) fn is_index(&self) -> bool {
        let word = |at: usize, words: &[&str]| {
            self.tokens
                .get(at)
                .is_some_and(|token| words.iter().any(|word| token.is_word(word)))
        };
        let starts = word(0, &["key", "index", "fulltext", "spatial"])
            || word(0, &["unique"]) && word(1, &["key", "index"]);
        let open = self.tokens.iter().position(|token| token.text == "(");
        let inside = open.and_then(|open| self.tokens.get(open + 1));
        starts && inside.is_some_and(|token| !token.text.starts_with(|c: char| c.is_ascii_digit()))
    }
}
