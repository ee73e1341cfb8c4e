//! Groups: rows that must stay together, so that what is measured was not learned.

use serde::Serialize;

use super::components::Components;
use super::digest::{Digest, digest};
use super::normal::normal_question;
use super::row_text;
use super::tables::table_names;
use crate::Row;

/// What rows of one group share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// The database (`db_id`).
    Database,
    /// The set of tables that the context creates ([`table_names`]). A table may still be on both
    /// sides, in different company; [`GroupBy::Tables`] forbids that.
    TableSet,
    /// Any table, directly or through other rows: the groups are the connected components of rows that
    /// share a table, and no table is on two sides. A group is known by the least of its tables' names,
    /// so it changes sides when a new row brings a lesser one or joins two groups: this is the one kind
    /// that is *not* stable when rows are added. Popular names (`student`, `people`) join much.
    Tables,
}

/// What a row's group was found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// The database.
    Database,
    /// The tables of the context.
    Tables,
    /// The question in its normal form ([`normal_question`]).
    Question,
}

/// A group: two rows belong together exactly if their keys are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct GroupKey {
    /// What the group was found by.
    pub kind: KeyKind,
    /// The database's name, the tables' names joined by NUL, or the question's normal form.
    pub text: String,
}

impl GroupKey {
    fn new(kind: KeyKind, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { kind, text }
    }

    /// A digest of the key; a database and a question of one name differ.
    pub(super) fn digest(&self) -> Digest {
        let kind = match self.kind {
            KeyKind::Database => "database",
            KeyKind::Tables => "tables",
            KeyKind::Question => "question",
        };
        digest(&[kind, &self.text])
    }
}

impl GroupBy {
    /// The groups of `rows`, one key for each row in its order.
    ///
    /// A row that lacks what is asked for goes by the next thing that it has: database, tables (for
    /// [`GroupBy::Database`]) or tables, database (for the other two), and then the question: a
    /// conversation's is its first user turn. So every row has a group, and
    /// [`GroupReport::kinds`](super::GroupReport::kinds) counts by what.
    ///
    /// Keys of `Database` and `TableSet` depend on the row alone, those of `Tables` on all rows.
    ///
    /// ```
    /// use std::path::Path;
    /// use anneal_data::{At, GroupBy, Place, Row, Sample, SqlSample};
    /// let row = |context: &str| Row {
    ///     place: Place { file: Path::new("rows.jsonl").into(), at: At::Line(1) },
    ///     sample: Sample::Sql(SqlSample { context: Some(context.into()), ..SqlSample::default() }),
    /// };
    /// let rows = [row("CREATE TABLE a (x)"), row("CREATE TABLE B (x); CREATE TABLE A (y)"), row("CREATE TABLE b (x)")];
    /// let texts = |by: GroupBy| by.keys(&rows).into_iter().map(|key| key.text).collect::<Vec<_>>();
    /// assert_eq!(texts(GroupBy::TableSet), ["a", "a\0b", "b"]);
    /// assert_eq!(texts(GroupBy::Tables), ["a", "a", "a"]);
    /// ```
    pub fn keys(self, rows: &[Row]) -> Vec<GroupKey> {
        if self != Self::Tables {
            return rows.iter().map(|row| self.key(row)).collect();
        }
        let mut components = Components::default();
        let tables = |row: &Row| row_text::context(row).map(table_names).unwrap_or_default();
        for row in rows {
            components.join(tables(row));
        }
        let keys = rows.iter().map(|row| {
            let first = tables(row).into_iter().next();
            match first.and_then(|table| components.least(&table)) {
                Some(least) => GroupKey::new(KeyKind::Tables, least),
                None => self.key(row),
            }
        });
        keys.collect()
    }

    /// The group of a row by itself.
    fn key(self, row: &Row) -> GroupKey {
        let database = || row_text::database(row).map(|id| GroupKey::new(KeyKind::Database, id));
        let tables = || {
            let names = table_names(row_text::context(row)?);
            let names: Vec<String> = names.into_iter().collect();
            (!names.is_empty()).then(|| GroupKey::new(KeyKind::Tables, names.join("\0")))
        };
        let key = match self {
            Self::Database => database().or_else(tables),
            Self::TableSet | Self::Tables => tables().or_else(database),
        };
        key.unwrap_or_else(|| {
            GroupKey::new(KeyKind::Question, normal_question(&row_text::question(row)))
        })
    }
}
