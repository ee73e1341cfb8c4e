//! A context as its statements: as much of SQL's form as moving whole tables takes.
//!
//! Not a parser: text is cut at semicolons that stand outside quotes and comments, and where a
//! `CREATE TABLE` begins without one before it ([`created_tables`]).

use std::iter::Peekable;

use crate::split::sql_text::{Piece, after_comments, pieces_at};
use crate::split::tables::{Created, created_tables};

/// A context cut into statements, which can be put together again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Context {
    /// The statements without their semicolons.
    pub(super) statements: Vec<Statement>,
    /// What stands between two statements, after the semicolon if there is one.
    gap: String,
    /// Whether statements are parted by semicolons; else by the gap alone.
    semicolons: bool,
    /// Whether the last statement has a semicolon.
    closed: bool,
}

/// A statement of a context.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Statement {
    /// Its text.
    pub(super) text: String,
    /// The table that it creates, as [`table_names`](crate::table_names) gives it; none where a quote or
    /// a comment does not end, which would hide the statement that came after it.
    pub(super) table: Option<String>,
    /// Whether it ends in a line comment, which would hide a semicolon after it.
    open_comment: bool,
}

impl Context {
    pub(super) fn split(context: &str) -> Self {
        let mut tables = created_tables(context);
        tables.retain(|table| !table.enclosed);
        let starts: Vec<usize> = tables.iter().map(|table| table.at).collect();
        let mut cut = Cut {
            context,
            tables: tables.into_iter().peekable(),
            begin: 0,
            statements: Vec::new(),
            gap: None,
            text_end: 0,
        };
        let (mut semicolons, mut closed) = (false, false);
        // Where the last piece of the statement ends, and whether it does end.
        let mut last = None;
        for (place, piece) in pieces_at(context) {
            let semicolon = piece == Piece::Sign(';');
            let table = starts.binary_search(&place.start).is_ok();
            if semicolon || (table && last.is_some()) {
                cut.at(place.start, last.take());
                cut.begin = if semicolon { place.end } else { place.start };
            }
            if semicolon {
                semicolons = true;
            } else {
                let ends =
                    !matches!(piece, Piece::Quoted(_, inside) if place.len() < inside.len() + 2);
                last = Some((place.end, ends));
            }
            closed = semicolon;
        }
        closed &= context[cut.begin..].trim().is_empty();
        cut.at(context.len(), last);
        let Cut {
            statements, gap, ..
        } = cut;
        let lines = || if context.contains('\n') { "\n" } else { " " }.to_owned();
        semicolons |= statements.len() < 2;
        Self {
            statements,
            gap: gap
                .filter(|gap| semicolons || !gap.is_empty())
                .unwrap_or_else(lines),
            semicolons,
            closed,
        }
    }

    /// The text again: of the same statements, the same but for spaces around semicolons.
    pub(super) fn join(&self) -> String {
        let mut text = String::new();
        for (index, statement) in self.statements.iter().enumerate() {
            text.push_str(&statement.text);
            let last = index + 1 == self.statements.len();
            if last && !self.closed {
                break;
            }
            if statement.open_comment && (self.semicolons || !self.gap.contains('\n')) {
                text.push('\n');
            }
            if self.semicolons {
                text.push(';');
            }
            if !last {
                text.push_str(&self.gap);
            }
        }
        text
    }

    /// The places of the statements that create tables.
    pub(super) fn tables(&self) -> Vec<usize> {
        let statements = self.statements.iter().enumerate();
        let tables = statements.filter(|(_, statement)| statement.table.is_some());
        tables.map(|(place, _)| place).collect()
    }

    /// Whether a statement creates this table.
    pub(super) fn has(&self, table: &str) -> bool {
        let mut names = self.statements.iter().filter_map(|s| s.table.as_deref());
        names.any(|name| name == table)
    }
}

/// A context that is being cut.
struct Cut<'a, T: Iterator<Item = Created>> {
    context: &'a str,
    /// The tables of the statements to come.
    tables: Peekable<T>,
    /// Where the statement begins.
    begin: usize,
    statements: Vec<Statement>,
    gap: Option<String>,
    /// Where the last statement's text ends.
    text_end: usize,
}

impl<T: Iterator<Item = Created>> Cut<'_, T> {
    /// Ends a statement at `end`; `last` says where its last piece ends and whether that has its quote.
    fn at(&mut self, end: usize, last: Option<(usize, bool)>) {
        let table = self.tables.next_if(|table| table.at < end);
        let part = &self.context[self.begin..end];
        let text = part.trim();
        if text.is_empty() {
            return;
        }
        let start = self.begin + part.len() - part.trim_start().len();
        if !self.statements.is_empty() && self.gap.is_none() {
            let between = &self.context[self.text_end..start];
            let gap = between.rsplit(';').next().unwrap_or(between);
            self.gap = Some(gap.to_owned());
        }
        self.text_end = start + text.len();
        let (last, quote_ends) = last.unwrap_or((start, true));
        // A quote that does not end reaches past the text, to the white space that was trimmed.
        let tail = &self.context[last.min(self.text_end)..self.text_end];
        // A new line ends the one kind of comment and not the other.
        let open = after_comments(tail).is_none();
        let open_comment = open && after_comments(&format!("{tail}\n")).is_some();
        self.statements.push(Statement {
            text: text.to_owned(),
            table: table
                .and_then(|table| table.name)
                .filter(|_| quote_ends && open == open_comment),
            open_comment,
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(context: &str) -> Vec<String> {
        let statements = Context::split(context).statements;
        statements.into_iter().map(|s| s.text).collect()
    }

    #[test]
    fn semicolons_in_quotes_and_comments_end_nothing() {
        let context = "CREATE TABLE a (x TEXT DEFAULT 'it''s; so', \"y;\" INT, [z;] INT, `w;` INT) -- no; end\n;\
            /* ; */ CREATE TABLE b (x INT);";
        assert_eq!(
            texts(context),
            [
                "CREATE TABLE a (x TEXT DEFAULT 'it''s; so', \"y;\" INT, [z;] INT, `w;` INT) -- no; end",
                "/* ; */ CREATE TABLE b (x INT)"
            ]
        );
        // The semicolon after the comment stays outside it.
        let split = Context::split(context);
        assert_eq!(Context::split(&split.join()), split);
        assert!(split.join().contains("-- no; end\n;"));
    }

    #[test]
    fn names_are_compared_without_quotes_schema_and_case() {
        for (statement, name) in [
            ("CREATE TABLE Head (age INTEGER)", Some("head")),
            (
                "create temp table if not exists main.\"Two \"\"W\"\"\"(x)",
                Some("two \"w\""),
            ),
            (
                "-- a comment\nCREATE /* x */ TABLE [My Table](x INT)",
                Some("my table"),
            ),
            ("CREATE TABLE `t`(x)", Some("t")),
            ("CREATE TABLES t (x)", None),
            ("CREATE INDEX i ON t (x)", None),
            ("INSERT INTO t VALUES (1)", None),
            ("CREATE TABLE", None),
            ("CREATE OR REPLACE UNLOGGED TABLE t (x)", Some("t")),
            // Before other statements, what does not end would hide them.
            ("CREATE TABLE \"open", None),
            ("CREATE TABLE t (x DEFAULT 'open", None),
            ("CREATE TABLE t (x) /* open", None),
            ("", None),
        ] {
            let split = Context::split(statement);
            let first = split.statements.first();
            let table = first.and_then(|statement| statement.table.as_deref());
            assert_eq!(table, name, "{statement}");
        }
    }

    #[test]
    fn what_stood_between_statements_stands_there_again() {
        for context in [
            "CREATE TABLE a (x); CREATE TABLE b (y)",
            "CREATE TABLE a (x);\n\nCREATE TABLE b (y);",
            "CREATE TABLE a (x)\n\nCREATE TABLE b (y)",
            "CREATE TABLE a (x) -- end\nCREATE TABLE b (y)",
            "CREATE TABLE a (x)",
            "",
        ] {
            assert_eq!(Context::split(context).join(), context);
        }
    }

    #[test]
    fn tables_begin_without_a_semicolon_too() {
        let context =
            "-- pets\nCREATE TABLE a (x) INSERT INTO a VALUES (1) CREATE TABLE b (create table)";
        assert_eq!(
            texts(context),
            [
                "-- pets\nCREATE TABLE a (x) INSERT INTO a VALUES (1)",
                "CREATE TABLE b (create table)"
            ]
        );
        // A semicolon anywhere means semicolons everywhere.
        let mixed = Context::split("CREATE TABLE a (x) CREATE TABLE b (y); CREATE TABLE c (z)");
        assert_eq!(
            mixed.join(),
            "CREATE TABLE a (x); CREATE TABLE b (y); CREATE TABLE c (z)"
        );
        assert_eq!(
            Context::split("CREATE TABLE a(x)CREATE TABLE b(y)").join(),
            "CREATE TABLE a(x) CREATE TABLE b(y)"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_split_and_joined_without_loss(context in "[a;'\"`\\[\\]\\-/*\n é]{0,24}") {
            let split = Context::split(&context);
            let bare = |text: &str| text.replace(|c: char| c == ';' || c.is_whitespace(), "");
            prop_assert_eq!(bare(&split.join()), bare(&context));
        }
    }
}
