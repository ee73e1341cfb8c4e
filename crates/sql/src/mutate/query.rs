//! Edits of whole queries: set operations, ORDER BY, LIMIT.

use sqlparser::ast::{
    LimitClause, Offset, OffsetRows, OrderBy, OrderByKind, OrderBySort, Query, Select, SetExpr,
    SetOperator, SetQuantifier,
};

use super::literal::Literal;
use super::scope::Scope;
use super::{Edit, Mutator, Place};

impl Mutator<'_> {
    /// All single edits of `query`, which stands at `place`.
    pub(super) fn query(
        &self,
        query: &Query,
        place: Place,
        outer: &Scope<'_>,
        out: &mut dyn FnMut(Query, Edit),
    ) {
        if self.full.get() {
            return;
        }
        let with = query.with.as_ref().map_or(&[][..], |with| &with.cte_tables);
        for (index, table) in with.iter().enumerate() {
            self.query(&table.query, Place::Derived, outer, &mut |new, edit| {
                let mut whole = query.clone();
                let tables = whole.with.iter_mut().flat_map(|with| &mut with.cte_tables);
                if let Some(table) = tables.into_iter().nth(index) {
                    *table.query = new;
                }
                out(whole, edit);
            });
        }
        let order = query.order_by.as_ref();
        self.body(&query.body, place, order, false, outer, &mut |new, edit| {
            let mut whole = query.clone();
            *whole.body = new;
            out(whole, edit);
        });
        // Where only the set of rows counts, their order does only under a LIMIT.
        let ordered = matches!(place, Place::Top | Place::Value) || query.limit_clause.is_some();
        if ordered && place != Place::Exists {
            self.order(query, outer, out);
        }
        if place != Place::Exists {
            limit(query, out);
        }
    }

    /// `merged`: whether a set operation above makes the rows distinct anyway.
    fn body(
        &self,
        body: &SetExpr,
        place: Place,
        order: Option<&OrderBy>,
        merged: bool,
        outer: &Scope<'_>,
        out: &mut dyn FnMut(SetExpr, Edit),
    ) {
        match body {
            SetExpr::Select(select) => {
                self.select(select, place, order, merged, outer, &mut |new, edit| {
                    out(SetExpr::Select(Box::new(new)), edit);
                });
            }
            SetExpr::Query(query) => {
                self.query(query, Place::Derived, outer, &mut |new, edit| {
                    out(SetExpr::Query(Box::new(new)), edit);
                });
            }
            SetExpr::SetOperation {
                left,
                op,
                set_quantifier,
                right,
            } => {
                operation(body, place, out);
                let all = *set_quantifier == SetQuantifier::All;
                let place = if place == Place::Top {
                    Place::Side
                } else {
                    place
                };
                self.body(
                    left,
                    place,
                    None,
                    !all || merged,
                    outer,
                    &mut |new, edit| {
                        out(join(new, *op, *set_quantifier, (**right).clone()), edit);
                    },
                );
                self.body(
                    right,
                    place,
                    None,
                    !all || merged,
                    outer,
                    &mut |new, edit| {
                        out(join((**left).clone(), *op, *set_quantifier, new), edit);
                    },
                );
            }
            _ => {}
        }
    }

    fn order(&self, query: &Query, outer: &Scope<'_>, out: &mut dyn FnMut(Query, Edit)) {
        let Some(OrderBy {
            kind: OrderByKind::Expressions(terms),
            ..
        }) = &query.order_by
        else {
            return;
        };
        let mut whole = query.clone();
        whole.order_by = None;
        out(whole, Edit::OrderDropped);
        let inner = first_select(&query.body)
            .map(|select| Scope::of(select, self.schema, &self.hidden, outer));
        let scope = inner.as_ref().unwrap_or(outer);
        let with = |change: &mut dyn FnMut(&mut Vec<sqlparser::ast::OrderByExpr>)| {
            let mut whole = query.clone();
            if let Some(OrderBy {
                kind: OrderByKind::Expressions(terms),
                ..
            }) = &mut whole.order_by
            {
                change(terms);
            }
            whole
        };
        for (index, term) in terms.iter().enumerate() {
            if terms.len() > 1 {
                let dropped = with(&mut |terms| drop(terms.remove(index)));
                out(dropped, Edit::OrderTermDropped);
            }
            let turned = match term.options.sort {
                Some(OrderBySort::Desc) => OrderBySort::Asc,
                _ => OrderBySort::Desc,
            };
            let turned = with(&mut |terms| terms[index].options.sort = Some(turned.clone()));
            out(turned, Edit::OrderDirection);
            self.expr(&term.expr, Edit::OrderColumn, scope, &mut |new, edit| {
                out(with(&mut |terms| terms[index].expr = new.clone()), edit);
            });
        }
    }
}

fn first_select(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        // The names of a compound are those of its first SELECT.
        SetExpr::SetOperation { left, .. } => first_select(left),
        _ => None,
    }
}

fn join(left: SetExpr, op: SetOperator, set_quantifier: SetQuantifier, right: SetExpr) -> SetExpr {
    SetExpr::SetOperation {
        left: Box::new(left),
        op,
        set_quantifier,
        right: Box::new(right),
    }
}

/// Another operator, one side alone, the sides swapped.
fn operation(body: &SetExpr, place: Place, out: &mut dyn FnMut(SetExpr, Edit)) {
    let SetExpr::SetOperation {
        left,
        op,
        set_quantifier,
        right,
    } = body
    else {
        return;
    };
    let all = *set_quantifier == SetQuantifier::All;
    let with = |op, quantifier| join((**left).clone(), op, quantifier, (**right).clone());
    for other in [
        SetOperator::Union,
        SetOperator::Intersect,
        SetOperator::Except,
    ] {
        if other != *op {
            out(with(other, SetQuantifier::None), Edit::SetOperator);
        }
    }
    // Duplicates do not matter to IN and EXISTS.
    if *op == SetOperator::Union && !matches!(place, Place::Set | Place::Exists) {
        let other = if all {
            SetQuantifier::None
        } else {
            SetQuantifier::All
        };
        out(with(*op, other), Edit::SetAll);
    }
    out((**left).clone(), Edit::SetSide);
    out((**right).clone(), Edit::SetSide);
    if *op == SetOperator::Except {
        let swapped = join((**right).clone(), *op, *set_quantifier, (**left).clone());
        out(swapped, Edit::SetSwapped);
    }
}

/// LIMIT and OFFSET.
fn limit(query: &Query, out: &mut dyn FnMut(Query, Edit)) {
    let (limit, offset) = match &query.limit_clause {
        Some(LimitClause::LimitOffset { limit, offset, .. }) => {
            (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
        }
        Some(LimitClause::OffsetCommaLimit { offset, limit }) => (Some(limit), Some(offset)),
        None => return,
    };
    let whole = |limit: Option<i64>, offset: Option<i64>| {
        let number = |value: i64| Literal::Number(value.to_string()).expr();
        let mut whole = query.clone();
        whole.limit_clause = limit.map(|limit| LimitClause::LimitOffset {
            limit: Some(number(limit)),
            offset: offset.map(|offset| Offset {
                value: number(offset),
                rows: OffsetRows::None,
            }),
            limit_by: Vec::new(),
        });
        whole
    };
    out(whole(None, None), Edit::LimitDropped);
    let number = |expr: &sqlparser::ast::Expr| match Literal::read(expr, |_| true) {
        Some(Literal::Number(digits)) => digits.parse::<i64>().ok(),
        _ => None,
    };
    let Some(rows) = limit
        .and_then(number)
        .filter(|rows| (0..i64::MAX).contains(rows))
    else {
        return;
    };
    let skipped = match offset.map(number) {
        Some(None) => return,
        Some(skipped) => skipped,
        None => None,
    };
    out(whole(Some(rows + 1), skipped), Edit::LimitChanged);
    if rows > 1 {
        out(whole(Some(rows - 1), skipped), Edit::LimitChanged);
    }
    if let Some(skipped) = skipped.filter(|skipped| (0..i64::MAX).contains(skipped)) {
        out(whole(Some(rows), None), Edit::OffsetChanged);
        out(whole(Some(rows), Some(skipped + 1)), Edit::OffsetChanged);
        if skipped > 0 {
            out(whole(Some(rows), Some(skipped - 1)), Edit::OffsetChanged);
        }
    }
}
