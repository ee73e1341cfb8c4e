//! Edits inside expressions.

use sqlparser::ast::{
    BinaryOperator, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, Query,
};

use super::literal::Literal;
use super::scope::Scope;
use super::{Edit, Mutator, Place};

const COMPARISONS: [BinaryOperator; 6] = [
    BinaryOperator::Eq,
    BinaryOperator::NotEq,
    BinaryOperator::Lt,
    BinaryOperator::Gt,
    BinaryOperator::LtEq,
    BinaryOperator::GtEq,
];

pub(super) const AGGREGATES: [&str; 5] = ["COUNT", "SUM", "AVG", "MIN", "MAX"];

impl Mutator<'_> {
    /// All single edits of `expr`; `column` is what a swapped column is called there.
    pub(super) fn expr(
        &self,
        expr: &Expr,
        column: Edit,
        scope: &Scope<'_>,
        out: &mut dyn FnMut(Expr, Edit),
    ) {
        if self.full.get() {
            return;
        }
        if let Some(literal) = self.literal(expr, column, scope) {
            for (other, edit) in literal.others(&self.literals) {
                out(other.expr(), edit);
            }
            return;
        }
        self.node(expr, scope, out);
        for other in scope.others(expr) {
            out(other, column);
        }
        // A pattern's letters are edited with its LIKE.
        let pattern = matches!(expr, Expr::Like { pattern, .. } if self.literal(pattern, column, scope).is_some());
        let mut copy = expr.clone();
        for index in 0..children(&mut copy).len() {
            let Some(child) = children(&mut copy)
                .into_iter()
                .nth(index)
                .map(|child| child.clone())
            else {
                continue;
            };
            if pattern && index == 1 {
                self.pattern(&child, column, scope, expr, out);
                continue;
            }
            self.expr(&child, column, scope, &mut |new, edit| {
                let mut whole = expr.clone();
                if let Some(place) = children(&mut whole).into_iter().nth(index) {
                    *place = new;
                }
                out(whole, edit);
            });
        }
        let Some((query, place)) = subquery(&mut copy) else {
            return;
        };
        let query = query.clone();
        self.query(&query, place, scope, &mut |new, edit| {
            let mut whole = expr.clone();
            if let Some((place, _)) = subquery(&mut whole) {
                *place = new;
            }
            out(whole, edit);
        });
    }

    /// The literal that `expr` is. In GROUP BY and ORDER BY a number stands for a column,
    /// and a name in double quotes may be an alias; those are none.
    pub(super) fn literal(&self, expr: &Expr, column: Edit, scope: &Scope<'_>) -> Option<Literal> {
        if matches!(column, Edit::GroupColumn | Edit::OrderColumn) {
            return None;
        }
        Literal::read(expr, |name| scope.has_column(name) || self.is_alias(name))
    }

    fn pattern(
        &self,
        pattern: &Expr,
        column: Edit,
        scope: &Scope<'_>,
        expr: &Expr,
        out: &mut dyn FnMut(Expr, Edit),
    ) {
        let patterns = self
            .literal(pattern, column, scope)
            .map(|literal| literal.patterns());
        for other in patterns.unwrap_or_default() {
            let mut whole = expr.clone();
            if let Expr::Like { pattern, .. } = &mut whole {
                **pattern = other.expr();
            }
            out(whole, Edit::Text);
        }
    }

    /// Edits of this very node.
    fn node(&self, expr: &Expr, scope: &Scope<'_>, out: &mut dyn FnMut(Expr, Edit)) {
        match expr {
            Expr::BinaryOp { left, op, right } => {
                let with = |op: &BinaryOperator| Expr::BinaryOp {
                    left: left.clone(),
                    op: op.clone(),
                    right: right.clone(),
                };
                match op {
                    BinaryOperator::And | BinaryOperator::Or => {
                        let other = match op {
                            BinaryOperator::And => BinaryOperator::Or,
                            _ => BinaryOperator::And,
                        };
                        out(with(&other), Edit::AndOr);
                        out((**left).clone(), Edit::ConditionDropped);
                        out((**right).clone(), Edit::ConditionDropped);
                    }
                    _ if COMPARISONS.contains(op) => {
                        for other in COMPARISONS.iter().filter(|other| *other != op) {
                            out(with(other), Edit::Comparison);
                        }
                    }
                    _ => {}
                }
            }
            Expr::IsNull(inner) => out(Expr::IsNotNull(inner.clone()), Edit::Negation),
            Expr::IsNotNull(inner) => out(Expr::IsNull(inner.clone()), Edit::Negation),
            Expr::Like { .. }
            | Expr::InList { .. }
            | Expr::InSubquery { .. }
            | Expr::Between { .. }
            | Expr::Exists { .. } => {
                let mut other = expr.clone();
                if let Expr::Like { negated, .. }
                | Expr::InList { negated, .. }
                | Expr::InSubquery { negated, .. }
                | Expr::Between { negated, .. }
                | Expr::Exists { negated, .. } = &mut other
                {
                    *negated = !*negated;
                }
                out(other, Edit::Negation);
            }
            Expr::Function(function) => aggregate(function, scope, out),
            _ => {}
        }
    }
}

/// Other aggregates in the place of `function`, if it is one.
fn aggregate(function: &Function, scope: &Scope<'_>, out: &mut dyn FnMut(Expr, Edit)) {
    let name = function.name.to_string().to_ascii_uppercase();
    let FunctionArguments::List(list) = &function.args else {
        return;
    };
    let [FunctionArg::Unnamed(argument)] = list.args.as_slice() else {
        return;
    };
    if !AGGREGATES.contains(&name.as_str()) {
        return;
    }
    let with = |name: &str, distinct: bool, argument: FunctionArgExpr| {
        let mut other = function.clone();
        other.name = ObjectName::from(vec![Ident::new(name)]);
        other.args = FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: distinct.then_some(DuplicateTreatment::Distinct),
            args: vec![FunctionArg::Unnamed(argument)],
            clauses: list.clauses.clone(),
        });
        Expr::Function(other)
    };
    let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    let FunctionArgExpr::Expr(expr) = argument else {
        // COUNT(*) counts rows: a column that cannot be NULL says the same.
        for column in scope.first_columns().into_iter().take(2) {
            out(
                with("COUNT", false, FunctionArgExpr::Expr(column)),
                Edit::CountArgument,
            );
        }
        return;
    };
    for other in AGGREGATES.iter().filter(|other| **other != name) {
        out(with(other, distinct, argument.clone()), Edit::Aggregate);
    }
    if matches!(name.as_str(), "COUNT" | "SUM" | "AVG") && function.over.is_none() {
        let argument = FunctionArgExpr::Expr(expr.clone());
        out(with(&name, !distinct, argument), Edit::AggregateDistinct);
    }
    if name == "COUNT" {
        out(
            with("COUNT", false, FunctionArgExpr::Wildcard),
            Edit::CountArgument,
        );
    }
}

/// The expressions right below `expr`.
fn children(expr: &mut Expr) -> Vec<&mut Expr> {
    match expr {
        Expr::BinaryOp { left, right, .. }
        | Expr::IsDistinctFrom(left, right)
        | Expr::IsNotDistinctFrom(left, right) => vec![left, right],
        Expr::Nested(inner)
        | Expr::UnaryOp { expr: inner, .. }
        | Expr::Cast { expr: inner, .. }
        | Expr::Collate { expr: inner, .. }
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::InSubquery { expr: inner, .. } => vec![inner],
        Expr::Like { expr, pattern, .. } => vec![expr, pattern],
        Expr::InList { expr, list, .. } => {
            let first: &mut Expr = expr;
            std::iter::once(first).chain(list.iter_mut()).collect()
        }
        Expr::Between {
            expr, low, high, ..
        } => vec![expr, low, high],
        Expr::Substring {
            expr,
            substring_from,
            substring_for,
            ..
        } => {
            let first: &mut Expr = expr;
            let more = substring_from.iter_mut().chain(substring_for.iter_mut());
            std::iter::once(first)
                .chain(more.map(|more| &mut **more))
                .collect()
        }
        Expr::Tuple(list) => list.iter_mut().collect(),
        Expr::Case {
            operand,
            conditions,
            else_result,
            ..
        } => {
            let arms = conditions
                .iter_mut()
                .flat_map(|arm| [&mut arm.condition, &mut arm.result]);
            let operand = operand.iter_mut().map(|operand| &mut **operand);
            let otherwise = else_result.iter_mut().map(|otherwise| &mut **otherwise);
            operand.chain(arms).chain(otherwise).collect()
        }
        Expr::Function(function) => match &mut function.args {
            FunctionArguments::List(list) => list.args.iter_mut().filter_map(argument).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn argument(argument: &mut FunctionArg) -> Option<&mut Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}

/// The subquery right below `expr`, and what it is there for.
fn subquery(expr: &mut Expr) -> Option<(&mut Query, Place)> {
    match expr {
        Expr::Subquery(query) => Some((query, Place::Value)),
        Expr::InSubquery { subquery, .. } => Some((subquery, Place::Set)),
        Expr::Exists { subquery, .. } => Some((subquery, Place::Exists)),
        _ => None,
    }
}
