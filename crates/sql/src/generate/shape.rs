//! What a gold query asks of its tables, in the form that planting rows needs.
//!
//! A query is flattened: every table of every FROM, at any depth, is one *instance*; a column of an
//! instance is a *slot*. Conditions between a slot and literals are *atoms*, equalities of two slots
//! are *links*. A row planted into every instance so that all atoms and links hold is a witness: the
//! gold finds it.

use super::value::Test;
use crate::Value;

/// A column of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) instance: usize,
    pub(super) column: usize,
}

/// A table in a FROM.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instance {
    pub(super) table: usize,
    pub(super) block: usize,
}

/// A condition between a slot and literals.
#[derive(Debug, Clone)]
pub(super) struct Atom {
    pub(super) slot: Slot,
    pub(super) test: Test,
    pub(super) negated: bool,
    /// The OR that it is part of, and its branch there.
    pub(super) branch: Option<(usize, usize)>,
}

/// Two slots that the query wants equal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) left: Slot,
    pub(super) right: Slot,
}

/// How a block takes part in the query around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Rows need it: the query itself, FROM, IN, EXISTS, the right side of INTERSECT.
    Needed,
    /// Rows need that it finds nothing: NOT IN, NOT EXISTS, the right side of EXCEPT.
    Forbidden,
    /// Anything else: a scalar subquery, the right side of UNION.
    Free,
}

/// One SELECT.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) parent: Option<usize>,
    pub(super) role: Role,
    /// The columns that it gives, where they are plain slots.
    pub(super) output: Vec<Option<Slot>>,
    pub(super) group: Vec<Slot>,
    /// Plain columns of ORDER BY.
    pub(super) order: Vec<Slot>,
    /// Slots inside aggregates.
    pub(super) aggregated: Vec<Slot>,
    /// Slots whose smallest value shows: inside MIN, or first of an ascending order.
    pub(super) low: Vec<Slot>,
    /// Slots whose largest value shows.
    pub(super) high: Vec<Slot>,
    /// What HAVING compares COUNT with.
    pub(super) counts: Vec<i64>,
    /// Rows that LIMIT and OFFSET reach over.
    pub(super) limit: Option<usize>,
}

impl Block {
    pub(super) fn new(parent: Option<usize>, role: Role) -> Self {
        Self {
            parent,
            role,
            output: Vec::new(),
            group: Vec::new(),
            order: Vec::new(),
            aggregated: Vec::new(),
            low: Vec::new(),
            high: Vec::new(),
            counts: Vec::new(),
            limit: None,
        }
    }
}

/// Everything that was found.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    pub(super) blocks: Vec<Block>,
    pub(super) instances: Vec<Instance>,
    pub(super) atoms: Vec<Atom>,
    pub(super) links: Vec<Link>,
    /// Literals that stand near a column without being an atom: (table, column, literal).
    pub(super) seeds: Vec<(usize, usize, Value)>,
    /// Columns of which a number is expected: inside SUM, AVG, arithmetic, or compared with a number.
    pub(super) numeric: Vec<(usize, usize)>,
    /// Pairs of columns that are compared: they draw from one pool.
    pub(super) shared: Vec<((usize, usize), (usize, usize))>,
    /// Number of ORs.
    pub(super) ors: usize,
}

impl Shape {
    /// Table and column of a slot.
    pub(super) fn place(&self, slot: Slot) -> (usize, usize) {
        (self.instances[slot.instance].table, slot.column)
    }

    /// For each of `tables` tables whether the gold touches it.
    pub(super) fn uses(&self, tables: usize) -> Vec<bool> {
        let mut used = vec![false; tables];
        for instance in &self.instances {
            used[instance.table] = true;
        }
        for seed in &self.seeds {
            used[seed.0] = true;
        }
        used
    }
}
