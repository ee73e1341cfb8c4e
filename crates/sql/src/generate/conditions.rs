//! The gold's conditions and expressions: what becomes an atom, a link, a seed.

use std::cmp::Ordering::{self, Equal, Greater, Less};

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

use super::analyse::Walk;
use super::expressions::Side;
use super::shape::{Atom, Role, Slot};
use super::value::{Test, number};
use crate::Value;

impl Walk<'_> {
    /// A condition of `block`; `branch` is the OR that it is part of.
    pub(super) fn condition(
        &mut self,
        expr: &Expr,
        negated: bool,
        branch: Option<(usize, usize)>,
        block: usize,
    ) {
        self.deeper(|walk| walk.condition_here(expr, negated, branch, block));
    }

    fn condition_here(
        &mut self,
        expr: &Expr,
        negated: bool,
        branch: Option<(usize, usize)>,
        block: usize,
    ) {
        match expr {
            Expr::Nested(inner) => self.condition(inner, negated, branch, block),
            Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr,
            } => self.condition(expr, !negated, branch, block),
            Expr::BinaryOp {
                left,
                op: op @ (BinaryOperator::And | BinaryOperator::Or),
                right,
            } => {
                // By De Morgan, NOT (a AND b) is an OR.
                if (*op == BinaryOperator::And) != negated {
                    self.condition(left, negated, branch, block);
                    self.condition(right, negated, branch, block);
                } else {
                    let or = self.shape.ors;
                    self.shape.ors += 1;
                    for (place, part) in chain(expr, op).into_iter().enumerate() {
                        self.condition(part, negated, Some((or, place)), block);
                    }
                }
            }
            Expr::BinaryOp { left, op, right } => match orders(op) {
                Some(orders) => self.comparison(left, orders, right, negated, branch, block),
                None => drop(self.slots(expr, block)),
            },
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => {
                let negated = negated != matches!(expr, Expr::IsNotNull(_));
                self.test(inner, Test::Null, negated, branch, block);
            }
            Expr::Between {
                expr,
                negated: not,
                low,
                high,
            } => match (self.literal(low), self.literal(high)) {
                (Some(low), Some(high)) => {
                    self.test(
                        expr,
                        Test::Between(low, high),
                        negated != *not,
                        branch,
                        block,
                    );
                }
                _ => {
                    // Each end is a comparison of its own.
                    self.comparison(expr, &[Greater, Equal], low, negated != *not, branch, block);
                    self.comparison(expr, &[Less, Equal], high, negated != *not, branch, block);
                }
            },
            Expr::InList {
                expr,
                list,
                negated: not,
            } => {
                let literals: Vec<Value> =
                    list.iter().filter_map(|item| self.literal(item)).collect();
                self.test(expr, Test::In(literals), negated != *not, branch, block);
            }
            Expr::Like {
                expr,
                pattern,
                negated: not,
                ..
            } => match self.literal(pattern) {
                Some(Value::Text(pattern)) => {
                    self.test(expr, Test::Like(pattern), negated != *not, branch, block);
                }
                _ => drop((self.slots(expr, block), self.slots(pattern, block))),
            },
            Expr::InSubquery {
                expr,
                subquery,
                negated: not,
            } => {
                let role = role(negated != *not, branch);
                let left = self.column(expr);
                let slots = self.slots(expr, block);
                let given = self.query(subquery, Some(block), role);
                let right = given
                    .and_then(|given| given.columns.first().and_then(|column| column.1.slot()));
                self.pair(left.or(slots.first().copied()), right, left.is_some());
            }
            Expr::Exists {
                subquery,
                negated: not,
            } => {
                self.query(subquery, Some(block), role(negated != *not, branch));
            }
            _ => {
                let slots = self.slots(expr, block);
                self.seed(&slots, &[Value::Integer(0), Value::Integer(1)]);
            }
        }
    }

    /// `expr` against literals.
    fn test(
        &mut self,
        expr: &Expr,
        test: Test,
        negated: bool,
        branch: Option<(usize, usize)>,
        block: usize,
    ) {
        let literals = test.literals();
        match self.side(expr, block) {
            Side::Slot(slot) => {
                self.numbers(slot, &literals);
                self.shape.atoms.push(Atom {
                    slot,
                    test,
                    negated,
                    branch,
                });
            }
            Side::Aggregate(slot) => {
                self.numbers(slot, &literals);
                self.shape.atoms.push(Atom {
                    slot,
                    test,
                    negated,
                    branch,
                });
            }
            Side::Count => self.counts(&literals, block),
            Side::Other(slots) => {
                self.seed(&slots, &literals);
                self.seed(&slots, &[Value::Integer(0)]);
            }
            Side::Literal | Side::Subquery(_) => {}
        }
    }

    pub(super) fn comparison(
        &mut self,
        left: &Expr,
        orders: &'static [Ordering],
        right: &Expr,
        negated: bool,
        branch: Option<(usize, usize)>,
        block: usize,
    ) {
        // IS NULL in another spelling.
        match (self.literal(left), self.literal(right)) {
            (None, Some(literal)) => {
                let test = match literal {
                    Value::Null => Test::Null,
                    literal => Test::Compare(orders, literal),
                };
                return self.test(left, test, negated, branch, block);
            }
            (Some(literal), None) => {
                return self.test(
                    right,
                    Test::Compare(turned(orders), literal),
                    negated,
                    branch,
                    block,
                );
            }
            _ => {}
        }
        let equal = orders == [Equal] && !negated && branch.is_none();
        match (self.side(left, block), self.side(right, block)) {
            (Side::Slot(left), Side::Slot(right)) => self.pair(Some(left), Some(right), equal),
            (Side::Slot(left), Side::Subquery(right))
            | (Side::Subquery(right), Side::Slot(left)) => {
                self.pair(Some(left), right, equal);
            }
            (left, right) => {
                let (left, right) = (left.slots(), right.slots());
                self.pair(left.first().copied(), right.first().copied(), false);
                for slot in left.into_iter().chain(right) {
                    self.shape.numeric.push(self.shape.place(slot));
                }
            }
        }
    }

    /// A numeric literal beside a column says that numbers are expected of it.
    fn numbers(&mut self, slot: Slot, literals: &[Value]) {
        let numeric = |literal: &Value| matches!(literal, Value::Integer(_) | Value::Real(_));
        if literals.iter().any(numeric) {
            self.shape.numeric.push(self.shape.place(slot));
        }
    }

    fn counts(&mut self, literals: &[Value], block: usize) {
        for literal in literals {
            let count = match literal {
                Value::Integer(count) => Some(*count),
                Value::Real(count) => Some(*count as i64),
                Value::Text(text) => match number(text) {
                    Some(Value::Integer(count)) => Some(count),
                    _ => None,
                },
                _ => None,
            };
            self.shape.blocks[block].counts.extend(count);
        }
    }

    fn seed(&mut self, slots: &[Slot], literals: &[Value]) {
        for slot in slots {
            let (table, column) = self.shape.place(*slot);
            let seeds = literals
                .iter()
                .map(|literal| (table, column, literal.clone()));
            self.shape.seeds.extend(seeds);
        }
    }
}

/// What a subquery behind IN or EXISTS must do; inside an OR anything goes.
fn role(negated: bool, branch: Option<(usize, usize)>) -> Role {
    match (branch, negated) {
        (Some(_), _) => Role::Free,
        (None, true) => Role::Forbidden,
        (None, false) => Role::Needed,
    }
}

/// The parts of `a OR b OR c`, without recursion: sqlparser nests them to the left.
fn chain<'a>(expr: &'a Expr, wanted: &BinaryOperator) -> Vec<&'a Expr> {
    let (mut parts, mut rest) = (Vec::new(), expr);
    while let Expr::BinaryOp { left, op, right } = rest
        && op == wanted
    {
        parts.push(right.as_ref());
        rest = left;
    }
    parts.push(rest);
    parts.reverse();
    parts
}

pub(super) fn orders(op: &BinaryOperator) -> Option<&'static [Ordering]> {
    Some(match op {
        BinaryOperator::Eq => &[Equal],
        BinaryOperator::NotEq => &[Less, Greater],
        BinaryOperator::Lt => &[Less],
        BinaryOperator::LtEq => &[Less, Equal],
        BinaryOperator::Gt => &[Greater],
        BinaryOperator::GtEq => &[Greater, Equal],
        _ => return None,
    })
}

/// `5 < a` is `a > 5`.
fn turned(orders: &'static [Ordering]) -> &'static [Ordering] {
    match orders {
        [Less] => &[Greater],
        [Greater] => &[Less],
        [Less, Equal] => &[Greater, Equal],
        [Greater, Equal] => &[Less, Equal],
        same => same,
    }
}
