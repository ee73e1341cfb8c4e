//! Foreign keys that a question can follow.

use super::english::words;
use super::world::TableFacts;
use crate::schema::quote;
use crate::{Budget, Database, Schema, Value};

/// A foreign key of one column whose values all have their row.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) child: usize,
    pub(super) parent: usize,
    /// The columns as SQL.
    pub(super) from: String,
    pub(super) to: String,
    /// What a child calls its parent: `home team`, or the parent's noun.
    pub(super) role: String,
    /// Whether it is the only key between the two tables, and they are two: "the songs of a singer" is clear.
    pub(super) only: bool,
    /// Whether every child has a parent.
    pub(super) total: bool,
    /// Whether every parent has a child.
    pub(super) covers: bool,
    /// Whether no child is without a value.
    pub(super) no_nulls: bool,
}

pub(super) fn links(
    schema: &Schema,
    tables: &[TableFacts],
    database: &Database,
    budget: &Budget,
) -> Vec<Link> {
    let mut found: Vec<Link> = Vec::new();
    for (child, table) in schema.tables.iter().enumerate() {
        for key in &table.foreign_keys {
            let Some(parent) = schema
                .tables
                .iter()
                .position(|other| other.name.eq_ignore_ascii_case(&key.table))
            else {
                continue;
            };
            let references = match key.references.is_empty() {
                true => &schema.tables[parent].primary_key,
                false => &key.references,
            };
            if let ([from], [to]) = (&key.columns[..], &references[..]) {
                let (from, to) = (quote(from), quote(to));
                let twice = found
                    .iter()
                    .any(|link| (link.child, &link.from, link.parent) == (child, &from, parent));
                if !twice
                    && let Some(link) = link(child, parent, &from, &to, tables, database, budget)
                {
                    found.push(link);
                }
            }
        }
    }
    let pairs: Vec<(usize, usize)> = found
        .iter()
        .map(|link| (link.child.min(link.parent), link.child.max(link.parent)))
        .collect();
    for (at, link) in found.iter_mut().enumerate() {
        link.only = link.child != link.parent
            && pairs.iter().filter(|pair| **pair == pairs[at]).count() == 1;
        let noun = &tables[link.parent].noun.one;
        let role = role(&link.from, noun);
        match role {
            Some(role) => link.role = role,
            None => link.role.clone_from(noun),
        }
    }
    // Without a role of its own, one of several keys cannot be told from the others.
    found.retain(|link| link.only || link.role != tables[link.parent].noun.one);
    found
}

/// `home_team_id` is a team in a role; `singer_id` and `tid` say nothing new of a singer.
fn role(column: &str, noun: &str) -> Option<String> {
    let mut parts = words(column);
    if ["id", "code", "number", "key", "no"].contains(&parts.last()?.as_str()) {
        parts.pop();
    }
    let phrase = parts.join(" ");
    let head = noun.rsplit(' ').next()?;
    (parts.len() > 1 && phrase != noun && parts.last()? == head).then_some(phrase)
}

fn link(
    child: usize,
    parent: usize,
    from: &str,
    to: &str,
    tables: &[TableFacts],
    database: &Database,
    budget: &Budget,
) -> Option<Link> {
    let (children, parents) = (&tables[child], &tables[parent]);
    let (c, p) = (&children.sql, &parents.sql);
    let sql = format!(
        "SELECT (SELECT count(*) FROM {c} AS t1 JOIN {p} AS t2 ON t1.{from} = t2.{to}), \
                (SELECT count(t1.{from}) FROM {c} AS t1), \
                (SELECT count(*) FROM {p} AS t2 WHERE t2.{to} IN (SELECT t1.{from} FROM {c} AS t1)), \
                (SELECT count(DISTINCT t2.{to}) FROM {p} AS t2)"
    );
    let rows = database.query(&sql, budget).ok()?;
    let numbers: Vec<usize> = rows
        .rows()
        .first()?
        .iter()
        .map(|value| match value {
            Value::Integer(count) => usize::try_from(*count).unwrap_or(0),
            _ => 0,
        })
        .collect();
    let [joined, present, with, distinct] = numbers[..] else {
        return None;
    };
    // Keys that point nowhere, or at several rows, would make joins and subqueries mean different things.
    if joined == 0 || joined != present || distinct != parents.rows {
        return None;
    }
    Some(Link {
        child,
        parent,
        from: from.to_owned(),
        to: to.to_owned(),
        role: String::new(),
        only: false,
        total: joined == children.rows,
        covers: with == parents.rows,
        no_nulls: present == children.rows,
    })
}
