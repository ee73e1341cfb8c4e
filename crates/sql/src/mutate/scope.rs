//! Which table a column of the query belongs to.

use sqlparser::ast::{Expr, Ident, Select, TableFactor, TableWithJoins};

use crate::schema::quote;
use crate::{Affinity, Schema, Table};

/// Columns tried at one place of the query.
const SWAPS: usize = 4;

/// A table of a FROM clause.
pub(super) struct Source<'a> {
    /// The name that qualifies its columns: its alias if there is one.
    pub(super) name: String,
    /// Its columns; `None` for a subquery or a common table expression.
    pub(super) table: Option<&'a Table>,
}

/// The FROM clauses around one place of the query, innermost first.
pub(super) struct Scope<'a> {
    pub(super) sources: Vec<Source<'a>>,
    outer: Option<&'a Scope<'a>>,
}

impl<'a> Scope<'a> {
    /// The scope outside all FROM clauses.
    pub(super) fn none() -> Self {
        Self {
            sources: Vec::new(),
            outer: None,
        }
    }

    /// The scope inside `select`. Names in `hidden` are common table expressions.
    pub(super) fn of(
        select: &Select,
        schema: &'a Schema,
        hidden: &[String],
        outer: &'a Scope<'a>,
    ) -> Self {
        let mut sources = Vec::new();
        for item in &select.from {
            collect(item, schema, hidden, &mut sources);
        }
        Self {
            sources,
            outer: Some(outer),
        }
    }

    /// Whether `name` is a column of any table in sight.
    pub(super) fn has_column(&self, name: &str) -> bool {
        self.sources.iter().any(|source| {
            source
                .table
                .is_some_and(|table| find(table, name).is_some())
        }) || self.outer.is_some_and(|outer| outer.has_column(name))
    }

    /// `expr`, a column, with other columns of the same table in its place: those of the
    /// same affinity first, from the column on in the table's order. Empty for anything else.
    pub(super) fn others(&self, expr: &Expr) -> Vec<Expr> {
        match expr {
            Expr::Identifier(name) => {
                let own = |source: &&Source<'_>| {
                    source
                        .table
                        .is_some_and(|table| find(table, &name.value).is_some())
                };
                let Some(table) = self
                    .sources
                    .iter()
                    .find(own)
                    .and_then(|source| source.table)
                else {
                    return self.outer.map_or_else(Vec::new, |outer| outer.others(expr));
                };
                neighbours(table, &name.value)
                    .filter(|other| self.count(other) == 1)
                    .take(SWAPS)
                    .map(|other| Expr::Identifier(ident(other)))
                    .collect()
            }
            Expr::CompoundIdentifier(parts) => {
                let [.., qualifier, name] = parts.as_slice() else {
                    return Vec::new();
                };
                let named =
                    |source: &&Source<'_>| source.name.eq_ignore_ascii_case(&qualifier.value);
                let Some(source) = self.sources.iter().find(named) else {
                    return self.outer.map_or_else(Vec::new, |outer| outer.others(expr));
                };
                let Some(table) = source
                    .table
                    .filter(|table| find(table, &name.value).is_some())
                else {
                    return Vec::new();
                };
                neighbours(table, &name.value)
                    .take(SWAPS)
                    .map(|other| {
                        let mut parts = parts.clone();
                        if let Some(last) = parts.last_mut() {
                            *last = ident(other);
                        }
                        Expr::CompoundIdentifier(parts)
                    })
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// The columns of the first table, qualified where there are several tables.
    pub(super) fn first_columns(&self) -> Vec<Expr> {
        let several = self.sources.len() > 1;
        let Some(source) = self.sources.first() else {
            return Vec::new();
        };
        let columns = source.table.map_or(&[][..], |table| &table.columns);
        let expr = |name: &str| match several {
            true => Expr::CompoundIdentifier(vec![ident(&source.name), ident(name)]),
            false => Expr::Identifier(ident(name)),
        };
        columns.iter().map(|column| expr(&column.name)).collect()
    }

    /// How many tables of the innermost FROM have a column `name`.
    fn count(&self, name: &str) -> usize {
        let has = |source: &&Source<'_>| {
            source
                .table
                .is_some_and(|table| find(table, name).is_some())
        };
        self.sources.iter().filter(has).count()
    }
}

fn collect<'a>(
    item: &TableWithJoins,
    schema: &'a Schema,
    hidden: &[String],
    sources: &mut Vec<Source<'a>>,
) {
    let joined = item.joins.iter().map(|join| &join.relation);
    for factor in std::iter::once(&item.relation).chain(joined) {
        match factor {
            TableFactor::NestedJoin {
                table_with_joins, ..
            } => {
                collect(table_with_joins, schema, hidden, sources);
            }
            other => sources.extend(source(other, schema, hidden)),
        }
    }
}

/// The table behind `factor`; `None` where it has no name at all.
pub(super) fn source<'a>(
    factor: &TableFactor,
    schema: &'a Schema,
    hidden: &[String],
) -> Option<Source<'a>> {
    let (name, alias) = match factor {
        TableFactor::Table { name, alias, .. } => {
            let last = name.0.last().and_then(|part| part.as_ident());
            (last.map(|ident| ident.value.as_str()), alias)
        }
        TableFactor::Derived { alias, .. } => (None, alias),
        _ => return None,
    };
    let same = |other: &str| name.is_some_and(|name| name.eq_ignore_ascii_case(other));
    let table = match hidden.iter().any(|other| same(other)) {
        true => None,
        false => schema.tables.iter().find(|table| same(&table.name)),
    };
    let alias = alias.as_ref().map(|alias| alias.name.value.as_str());
    Some(Source {
        name: alias.or(name).unwrap_or_default().to_owned(),
        table,
    })
}

fn find(table: &Table, name: &str) -> Option<usize> {
    let same = |column: &crate::Column| column.name.eq_ignore_ascii_case(name);
    table.columns.iter().position(same)
}

/// The other columns of `table`, those of the affinity of `name` first.
fn neighbours<'t>(table: &'t Table, name: &str) -> impl Iterator<Item = &'t str> {
    let at = find(table, name).unwrap_or_default();
    let (before, after) = table.columns.split_at(at);
    let around = || after.iter().skip(1).chain(before);
    let kind = after
        .first()
        .map_or(Affinity::Blob, crate::Column::affinity);
    around()
        .filter(move |column| column.affinity() == kind)
        .chain(around().filter(move |column| column.affinity() != kind))
        .map(|column| column.name.as_str())
}

/// `name` as an identifier, in double quotes where SQLite would not read it back bare.
fn ident(name: &str) -> Ident {
    match quote(name).starts_with('"') {
        true => Ident::with_quote('"', name),
        false => Ident::new(name),
    }
}
