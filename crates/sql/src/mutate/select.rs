//! Edits of one SELECT.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, OrderBy, Select, SelectItem, Visit, visit_expressions,
};

use super::scope::Scope;
use super::{Edit, Mutator, Place};

impl Mutator<'_> {
    /// All single edits of `select`; `order` sorts it, `merged` as in a set operation.
    pub(super) fn select(
        &self,
        select: &Select,
        place: Place,
        order: Option<&OrderBy>,
        merged: bool,
        outer: &Scope<'_>,
        out: &mut dyn FnMut(Select, Edit),
    ) {
        let scope = &Scope::of(select, self.schema, &self.hidden, outer);
        let with = |change: &mut dyn FnMut(&mut Select)| {
            let mut whole = select.clone();
            change(&mut whole);
            whole
        };
        if place != Place::Exists {
            if !merged && place != Place::Set && !single_row(select) {
                let other = match &select.distinct {
                    Some(_) => None,
                    None => Some(Distinct::Distinct),
                };
                out(
                    with(&mut |whole| whole.distinct.clone_from(&other)),
                    Edit::Distinct,
                );
            }
            self.projection(select, place, scope, out);
        }
        self.joins(select, order, scope, out);
        if let Some(condition) = &select.selection {
            out(
                with(&mut |whole| whole.selection = None),
                Edit::WhereDropped,
            );
            self.expr(condition, Edit::WhereColumn, scope, &mut |new, edit| {
                out(with(&mut |whole| whole.selection = Some(new.clone())), edit);
            });
        }
        self.groups(select, order, scope, out);
        if let Some(condition) = &select.having {
            out(with(&mut |whole| whole.having = None), Edit::HavingDropped);
            self.expr(condition, Edit::HavingColumn, scope, &mut |new, edit| {
                out(with(&mut |whole| whole.having = Some(new.clone())), edit);
            });
        }
    }

    fn projection(
        &self,
        select: &Select,
        place: Place,
        scope: &Scope<'_>,
        out: &mut dyn FnMut(Select, Edit),
    ) {
        let with = |change: &mut dyn FnMut(&mut Vec<SelectItem>)| {
            let mut whole = select.clone();
            change(&mut whole.projection);
            whole
        };
        for (index, item) in select.projection.iter().enumerate() {
            let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item
            else {
                continue;
            };
            self.expr(expr, Edit::SelectColumn, scope, &mut |new, edit| {
                let changed = with(&mut |items| {
                    if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } =
                        &mut items[index]
                    {
                        *expr = new.clone();
                    }
                });
                out(changed, edit);
            });
        }
        if place != Place::Top {
            return;
        }
        if select.projection.len() > 1 {
            for index in 0..select.projection.len() {
                out(
                    with(&mut |items| drop(items.remove(index))),
                    Edit::SelectDropped,
                );
            }
        }
        let plain = |item: &SelectItem| {
            matches!(
                item,
                SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. }
            )
        };
        let there: Vec<String> = select
            .projection
            .iter()
            .map(|item| item.to_string().to_lowercase())
            .collect();
        let new = |expr: &Expr| !there.contains(&expr.to_string().to_lowercase());
        if let Some(expr) = scope.first_columns().into_iter().find(new)
            && select.projection.iter().all(plain)
        {
            let added = with(&mut |items| items.push(SelectItem::UnnamedExpr(expr.clone())));
            out(added, Edit::SelectAdded);
        }
    }

    fn groups(
        &self,
        select: &Select,
        order: Option<&OrderBy>,
        scope: &Scope<'_>,
        out: &mut dyn FnMut(Select, Edit),
    ) {
        let GroupByExpr::Expressions(terms, modifiers) = &select.group_by else {
            return;
        };
        if terms.is_empty() {
            return;
        }
        let with = |terms: Vec<Expr>| {
            let mut whole = select.clone();
            whole.group_by = GroupByExpr::Expressions(terms, modifiers.clone());
            whole
        };
        // Without groups, SQLite takes an aggregate in HAVING or ORDER BY only beside one in the select list.
        let later = select.having.is_some() || order.is_some_and(aggregates);
        if !later || aggregates(&select.projection) {
            out(with(Vec::new()), Edit::GroupDropped);
        }
        for (index, term) in terms.iter().enumerate() {
            if terms.len() > 1 {
                let mut fewer = terms.clone();
                fewer.remove(index);
                out(with(fewer), Edit::GroupTermDropped);
            }
            self.expr(term, Edit::GroupColumn, scope, &mut |new, edit| {
                let mut others = terms.clone();
                others[index] = new;
                out(with(others), edit);
            });
        }
    }
}

/// Whether `select` gives one row whatever its tables hold: aggregates without GROUP BY.
fn single_row(select: &Select) -> bool {
    let grouped =
        !matches!(&select.group_by, GroupByExpr::Expressions(terms, _) if terms.is_empty());
    let aggregate = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            is_aggregate(expr)
        }
        _ => false,
    };
    !grouped && select.projection.iter().any(aggregate)
}

/// Whether there is an aggregate anywhere in `node`.
fn aggregates(node: &impl Visit) -> bool {
    let check = |expr: &Expr| match is_aggregate(expr) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    visit_expressions(node, check).is_break()
}

fn is_aggregate(expr: &Expr) -> bool {
    let Expr::Function(function) = expr else {
        return false;
    };
    let name = function.name.to_string().to_ascii_uppercase();
    function.over.is_none() && super::expr::AGGREGATES.contains(&name.as_str())
}
