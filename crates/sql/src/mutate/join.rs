//! Edits of FROM: kinds of joins, their conditions, tables dropped.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, JoinConstraint, JoinOperator, OrderBy, Select, SelectItem, TableFactor, visit_expressions,
};

use super::scope::{Scope, Source, source};
use super::{Edit, Mutator, Place};

impl Mutator<'_> {
    pub(super) fn joins(
        &self,
        select: &Select,
        order: Option<&OrderBy>,
        scope: &Scope<'_>,
        out: &mut dyn FnMut(Select, Edit),
    ) {
        for (at, item) in select.from.iter().enumerate() {
            self.derived(&item.relation, scope, &mut |new, edit| {
                let mut whole = select.clone();
                whole.from[at].relation = new;
                out(whole, edit);
            });
            for (index, join) in item.joins.iter().enumerate() {
                self.derived(&join.relation, scope, &mut |new, edit| {
                    let mut whole = select.clone();
                    whole.from[at].joins[index].relation = new;
                    out(whole, edit);
                });
                if let Some(other) = other_kind(&join.join_operator) {
                    let mut whole = select.clone();
                    whole.from[at].joins[index].join_operator = other;
                    out(whole, Edit::JoinKind);
                }
                let Some(condition) = on(&join.join_operator) else {
                    continue;
                };
                self.expr(condition, Edit::JoinColumn, scope, &mut |new, edit| {
                    let mut whole = select.clone();
                    if let Some(place) = on_mut(&mut whole.from[at].joins[index].join_operator) {
                        *place = new;
                    }
                    out(whole, edit);
                });
            }
            self.drops(select, at, order, out);
        }
    }

    /// A subquery in FROM.
    fn derived(
        &self,
        factor: &TableFactor,
        scope: &Scope<'_>,
        out: &mut dyn FnMut(TableFactor, Edit),
    ) {
        let TableFactor::Derived { subquery, .. } = factor else {
            return;
        };
        // It sees no column of the tables beside it; names of theirs in it are its own.
        let _ = scope;
        self.query(
            subquery,
            Place::Derived,
            &Scope::none(),
            &mut |new, edit| {
                let mut whole = factor.clone();
                if let TableFactor::Derived { subquery, .. } = &mut whole {
                    **subquery = new;
                }
                out(whole, edit);
            },
        );
    }

    /// Each table of the FROM item `at` dropped, where nothing else in the query needs it.
    fn drops(
        &self,
        select: &Select,
        at: usize,
        order: Option<&OrderBy>,
        out: &mut dyn FnMut(Select, Edit),
    ) {
        let item = &select.from[at];
        let tables = select
            .from
            .iter()
            .map(|item| 1 + item.joins.len())
            .sum::<usize>();
        if tables < 2 {
            return;
        }
        let mut offer = |factor: &TableFactor, whole: Select| {
            if let Some(dropped) = source(factor, self.schema, &self.hidden)
                && !self.needs(&whole, order, &dropped)
            {
                out(whole, Edit::JoinDropped);
            }
        };
        let mut whole = select.clone();
        if item.joins.is_empty() {
            whole.from.remove(at);
        } else {
            let promoted = whole.from[at].joins.remove(0);
            whole.from[at].relation = promoted.relation;
        }
        offer(&item.relation, whole);
        for (index, join) in item.joins.iter().enumerate() {
            let mut whole = select.clone();
            whole.from[at].joins.remove(index);
            offer(&join.relation, whole);
        }
    }

    /// Whether `select`, or the ORDER BY above it, uses a column of `dropped`, which it has lost.
    fn needs(&self, select: &Select, order: Option<&OrderBy>, dropped: &Source<'_>) -> bool {
        let none = Scope::none();
        let rest = Scope::of(select, self.schema, &self.hidden, &none);
        let uses = |expr: &Expr| match expr {
            Expr::Identifier(name) => {
                let elsewhere = rest.has_column(&name.value) || self.is_alias(&name.value);
                let column = |table: &crate::Table| {
                    table
                        .columns
                        .iter()
                        .any(|column| column.name.eq_ignore_ascii_case(&name.value))
                };
                !elsewhere && dropped.table.is_none_or(column)
            }
            Expr::CompoundIdentifier(parts) => parts
                .first()
                .is_some_and(|part| part.value.eq_ignore_ascii_case(&dropped.name)),
            _ => false,
        };
        let check = |expr: &Expr| match uses(expr) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let star = |item: &SelectItem| {
            let SelectItem::QualifiedWildcard(kind, _) = item else {
                return false;
            };
            let name = kind.to_string();
            let name = name
                .trim_end_matches(".*")
                .trim_matches(['"', '`', '[', ']']);
            name.eq_ignore_ascii_case(&dropped.name)
        };
        visit_expressions(select, check).is_break()
            || order.is_some_and(|order| visit_expressions(order, check).is_break())
            || select.projection.iter().any(star)
    }
}

/// The same join, as LEFT JOIN for JOIN and the reverse; only with a condition.
fn other_kind(operator: &JoinOperator) -> Option<JoinOperator> {
    match operator {
        JoinOperator::Join(constraint) | JoinOperator::Inner(constraint)
            if *constraint != JoinConstraint::None =>
        {
            Some(JoinOperator::Left(constraint.clone()))
        }
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => {
            Some(JoinOperator::Join(constraint.clone()))
        }
        _ => None,
    }
}

fn on(operator: &JoinOperator) -> Option<&Expr> {
    match operator {
        JoinOperator::Join(JoinConstraint::On(expr))
        | JoinOperator::Inner(JoinConstraint::On(expr))
        | JoinOperator::Left(JoinConstraint::On(expr))
        | JoinOperator::LeftOuter(JoinConstraint::On(expr)) => Some(expr),
        _ => None,
    }
}

fn on_mut(operator: &mut JoinOperator) -> Option<&mut Expr> {
    match operator {
        JoinOperator::Join(JoinConstraint::On(expr))
        | JoinOperator::Inner(JoinConstraint::On(expr))
        | JoinOperator::Left(JoinConstraint::On(expr))
        | JoinOperator::LeftOuter(JoinConstraint::On(expr)) => Some(expr),
        _ => None,
    }
}
