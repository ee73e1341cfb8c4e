//! The gold's expressions: which columns and literals they are, what their functions tell of columns.

use std::cmp::Ordering::Equal;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query,
    UnaryOperator, Value as Literal,
};

use super::analyse::Walk;
use super::conditions::orders;
use super::shape::{Role, Slot};
use super::value::number;
use crate::Value;

/// One side of a comparison.
pub(super) enum Side {
    Slot(Slot),
    Literal,
    Count,
    /// An aggregate of a slot.
    Aggregate(Slot),
    /// The plain column that a scalar subquery gives.
    Subquery(Option<Slot>),
    /// Anything else, with the slots in it.
    Other(Vec<Slot>),
}

impl Walk<'_> {
    /// What one side of a comparison is.
    pub(super) fn side(&mut self, expr: &Expr, block: usize) -> Side {
        if self.literal(expr).is_some() {
            return Side::Literal;
        }
        if let Some(slot) = self.column(expr) {
            return Side::Slot(slot);
        }
        match expr {
            Expr::Nested(inner) => self
                .deeper(|walk| Some(walk.side(inner, block)))
                .unwrap_or(Side::Other(Vec::new())),
            Expr::Subquery(query) => Side::Subquery(self.scalar(query, block)),
            Expr::Function(function) => {
                let slots = self.slots(expr, block);
                let name = function_name(function);
                match (name.as_str(), slots.as_slice()) {
                    ("count", _) => Side::Count,
                    ("sum" | "avg" | "min" | "max" | "total", &[slot]) => Side::Aggregate(slot),
                    _ => Side::Other(slots),
                }
            }
            _ => Side::Other(self.slots(expr, block)),
        }
    }

    /// Walks a scalar subquery; the slot whose values it gives, also inside an aggregate.
    fn scalar(&mut self, query: &Query, block: usize) -> Option<Slot> {
        let given = self.query(query, Some(block), Role::Free)?;
        let plain = given.columns.first().and_then(|column| column.1.slot());
        plain.or_else(|| self.shape.blocks[given.block].aggregated.first().copied())
    }

    /// The literal that `expr` is. A name in double quotes that no column has is one, by SQLite's rule.
    pub(super) fn literal(&self, expr: &Expr) -> Option<Value> {
        match expr {
            Expr::Value(value) => match &value.value {
                Literal::Number(text, _) => number(text),
                Literal::SingleQuotedString(text) | Literal::DoubleQuotedString(text) => {
                    Some(Value::Text(text.clone()))
                }
                Literal::Boolean(truth) => Some(Value::Integer(i64::from(*truth))),
                Literal::Null => Some(Value::Null),
                _ => None,
            },
            Expr::UnaryOp {
                op: UnaryOperator::Minus,
                expr,
            } => match self.literal_below(expr)? {
                Value::Integer(number) => Some(Value::Integer(number.checked_neg()?)),
                Value::Real(number) => Some(Value::Real(-number)),
                _ => None,
            },
            Expr::Nested(inner) => self.literal_below(inner),
            Expr::Identifier(name)
                if name.quote_style == Some('"') && self.column(expr).is_none() =>
            {
                Some(Value::Text(name.value.clone()))
            }
            _ => None,
        }
    }

    /// Signs and parentheses are followed a few levels only.
    fn literal_below(&self, expr: &Expr) -> Option<Value> {
        let mut inner = expr;
        for _ in 0..8 {
            match inner {
                Expr::Nested(next) => inner = next,
                Expr::Value(_) | Expr::Identifier(_) => return self.literal(inner),
                Expr::UnaryOp {
                    op: UnaryOperator::Minus,
                    expr,
                } if matches!(**expr, Expr::Value(_)) => {
                    return self.literal(inner);
                }
                _ => return None,
            }
        }
        None
    }

    /// The slot that `expr` is, bare or inside parentheses and casts.
    pub(super) fn column(&self, expr: &Expr) -> Option<Slot> {
        let mut inner = expr;
        for _ in 0..8 {
            match inner {
                Expr::Nested(next)
                | Expr::Cast { expr: next, .. }
                | Expr::Collate { expr: next, .. } => inner = next,
                Expr::Identifier(name) => return self.named(None, name),
                Expr::CompoundIdentifier(parts) => {
                    let [.., qualifier, name] = parts.as_slice() else {
                        return None;
                    };
                    return self.named(Some(qualifier), name);
                }
                _ => return None,
            }
        }
        None
    }

    fn named(&self, qualifier: Option<&Ident>, name: &Ident) -> Option<Slot> {
        let qualifier = qualifier.map(|qualifier| qualifier.value.to_lowercase());
        let name = name.value.to_lowercase();
        let mut scopes = self.scopes.iter().rev();
        scopes
            .find_map(|scope| scope.find(qualifier.as_deref(), &name))?
            .slot()
    }

    /// All slots in `expr` of this query; subqueries in it are walked.
    pub(super) fn slots(&mut self, expr: &Expr, block: usize) -> Vec<Slot> {
        if let Some(slot) = self.column(expr) {
            return vec![slot];
        }
        self.deeper(|walk| walk.slots_here(expr, block))
    }

    fn slots_here(&mut self, expr: &Expr, block: usize) -> Vec<Slot> {
        match expr {
            Expr::BinaryOp { left, op, right } => {
                let follows = self.follows;
                if orders(op).is_some() || matches!(op, BinaryOperator::And | BinaryOperator::Or) {
                    self.inner_condition(expr, block);
                    // Everything inside has been walked.
                    self.follows = false;
                }
                let mut slots = self.slots(left, block);
                slots.extend(self.slots(right, block));
                self.follows = follows;
                let arithmetic = [
                    BinaryOperator::Plus,
                    BinaryOperator::Minus,
                    BinaryOperator::Multiply,
                    BinaryOperator::Divide,
                    BinaryOperator::Modulo,
                ];
                if arithmetic.contains(op) {
                    let places: Vec<_> = slots.iter().map(|slot| self.shape.place(*slot)).collect();
                    for pair in places.windows(2) {
                        self.shape.shared.push((pair[0], pair[1]));
                    }
                    self.shape.numeric.extend(places);
                }
                slots
            }
            Expr::UnaryOp { expr, .. }
            | Expr::Nested(expr)
            | Expr::Cast { expr, .. }
            | Expr::Collate { expr, .. }
            | Expr::Ceil { expr, .. }
            | Expr::Floor { expr, .. }
            | Expr::Trim { expr, .. }
            | Expr::Extract { expr, .. }
            | Expr::Substring { expr, .. }
            | Expr::IsNull(expr)
            | Expr::IsNotNull(expr) => self.slots(expr, block),
            Expr::Subquery(query) if self.follows => {
                self.scalar(query, block).into_iter().collect()
            }
            Expr::Exists { .. }
            | Expr::InSubquery { .. }
            | Expr::InList { .. }
            | Expr::Between { .. }
            | Expr::Like { .. } => {
                self.inner_condition(expr, block);
                Vec::new()
            }
            Expr::Tuple(parts) => parts
                .iter()
                .flat_map(|part| self.slots(part, block))
                .collect(),
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => {
                let mut slots = Vec::new();
                for when in conditions {
                    match operand {
                        _ if !self.follows => {}
                        Some(operand) => self.comparison(
                            operand,
                            &[Equal],
                            &when.condition,
                            false,
                            Some((usize::MAX, 0)),
                            block,
                        ),
                        None => self.inner_condition(&when.condition, block),
                    }
                    slots.extend(self.slots(&when.result, block));
                }
                slots.extend(
                    else_result
                        .iter()
                        .flat_map(|other| self.slots(other, block)),
                );
                slots
            }
            Expr::Function(function) => self.function(function, block),
            _ => Vec::new(),
        }
    }

    /// A condition whose value the query uses: no row needs that it holds.
    fn inner_condition(&mut self, expr: &Expr, block: usize) {
        if self.follows {
            self.condition(expr, false, Some((usize::MAX, 0)), block);
        }
    }

    fn function(&mut self, function: &Function, block: usize) -> Vec<Slot> {
        let mut slots = Vec::new();
        if let FunctionArguments::List(list) = &function.args {
            for argument in &list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument {
                    slots.extend(self.slots(expr, block));
                }
            }
        }
        let name = function_name(function);
        let places: Vec<_> = slots.iter().map(|slot| self.shape.place(*slot)).collect();
        match name.as_str() {
            "sum" | "avg" | "total" | "min" | "max" | "abs" | "round" => {
                self.shape.numeric.extend(places)
            }
            "date" | "datetime" | "julianday" | "strftime" | "time" | "year" | "month" => {
                for (table, column) in places {
                    let dates = DATES.map(|date| (table, column, Value::Text(date.into())));
                    self.shape.seeds.extend(dates);
                }
            }
            _ => {}
        }
        if matches!(
            name.as_str(),
            "sum" | "avg" | "total" | "min" | "max" | "count" | "group_concat"
        ) {
            let one = &mut self.shape.blocks[block];
            one.aggregated.extend(&slots);
            match name.as_str() {
                "min" => one.low.extend(&slots),
                "max" => one.high.extend(&slots),
                _ => {}
            }
        }
        slots
    }
}

impl Side {
    pub(super) fn slots(self) -> Vec<Slot> {
        match self {
            Self::Slot(slot) | Self::Aggregate(slot) => vec![slot],
            Self::Subquery(slot) => slot.into_iter().collect(),
            Self::Other(slots) => slots,
            Self::Literal | Self::Count => Vec::new(),
        }
    }
}

/// Days around a new year, a leap day, and the same day in two years.
pub(super) const DATES: [&str; 6] = [
    "2019-12-31",
    "2020-01-01",
    "2020-02-29",
    "2021-02-28",
    "2020-06-15",
    "2021-06-15",
];

fn function_name(function: &Function) -> String {
    let part = function.name.0.last().and_then(|part| part.as_ident());
    part.map(|part| part.value.to_lowercase())
        .unwrap_or_default()
}
