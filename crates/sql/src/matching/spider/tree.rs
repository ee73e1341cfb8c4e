//! A query as Spider's script has it after parsing.
//!
//! Two trees are equal exactly where the script's nested tuples are.

use super::names::Id;

/// Aggregates by number. `none` is one of the script's words too.
pub(super) const AGGREGATES: [&str; 6] = ["none", "max", "min", "count", "sum", "avg"];
/// Arithmetic by number.
pub(super) const ARITHMETIC: [&str; 5] = ["none", "-", "+", "*", "/"];
/// Operators of conditions by number.
pub(super) const OPERATORS: [&str; 12] = [
    "not", "between", "=", ">", "<", ">=", "<=", "!=", "in", "like", "is", "exists",
];
/// `in`, in [`OPERATORS`].
pub(super) const IN: usize = 8;
/// `like`, in [`OPERATORS`].
pub(super) const LIKE: usize = 9;
/// `between`, in [`OPERATORS`].
pub(super) const BETWEEN: usize = 1;

/// A column with what stands around it: `COUNT(DISTINCT a)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ColumnUse {
    pub(super) aggregate: usize,
    pub(super) column: Id,
    pub(super) distinct: bool,
}

/// One column, or two with an operator between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operand {
    pub(super) operator: usize,
    pub(super) left: ColumnUse,
    pub(super) right: Option<ColumnUse>,
}

/// The right side of a condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// None, or taken away before comparing.
    None,
    /// A quoted text with its quotes.
    Text(String),
    /// A number.
    Number(f64),
    /// A column.
    Column(ColumnUse),
    /// A subquery.
    Query(Box<Query>),
}

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    pub(super) not: bool,
    pub(super) operator: usize,
    pub(super) left: Operand,
    pub(super) first: Value,
    pub(super) second: Value,
}

/// What stands between conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connector {
    And,
    Or,
}

/// Conditions in a row, as they are written: Spider's grammar has no precedence and no parentheses here.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Conditions {
    pub(super) list: Vec<Condition>,
    /// One fewer than conditions, or as many where the query ends in one.
    pub(super) connectors: Vec<Connector>,
}

/// A table or a subquery in FROM.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    Table(Id),
    Query(Box<Query>),
}

/// The direction of ORDER BY: the last one that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

/// A set operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SetOperation {
    Intersect,
    Except,
    Union,
}

/// A query. The default is the empty one that stands for SQL outside the grammar.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Query {
    pub(super) distinct: bool,
    /// The aggregate's number and its operand.
    pub(super) select: Vec<(usize, Operand)>,
    pub(super) from: Vec<Source>,
    pub(super) joins: Conditions,
    pub(super) filter: Conditions,
    pub(super) group_by: Vec<ColumnUse>,
    pub(super) having: Conditions,
    pub(super) order_by: Option<(Direction, Vec<Operand>)>,
    /// Whether there is a LIMIT; its number does not count.
    pub(super) limit: bool,
    pub(super) set: Option<(SetOperation, Box<Query>)>,
}

impl Query {
    /// The second query of a set operation of this kind.
    pub(super) fn arm(&self, operation: SetOperation) -> Option<&Query> {
        match &self.set {
            Some((found, query)) if *found == operation => Some(query),
            _ => None,
        }
    }

    /// The conditions of FROM, WHERE and HAVING.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let Self {
            joins,
            filter,
            having,
            ..
        } = self;
        [joins, filter, having]
            .into_iter()
            .flat_map(|conditions| &conditions.list)
    }

    /// How many OR stand in FROM, WHERE and HAVING.
    pub(super) fn count_or(&self) -> usize {
        let all = [&self.joins, &self.filter, &self.having];
        let connectors = all
            .into_iter()
            .flat_map(|conditions| &conditions.connectors);
        connectors
            .filter(|&&connector| connector == Connector::Or)
            .count()
    }
}
