//! Distractor tables: tables of other rows that the question does not need.

use std::collections::HashSet;

use super::context::{Context, Statement};
use super::{Augment, RowRng};
use crate::{DataError, Row, Sample};

/// Adds tables of other rows' contexts, so that a model learns to choose among tables.
///
/// Tables are drawn from all distinct CREATE TABLE statements that it was made of, each equally likely,
/// and put at random places among the context's statements. None is added whose name the context has;
/// where fewer than asked are left, those are added. A row without a context, or that is not about SQL,
/// is left alone.
///
/// Make it of training rows only: a table of a held-out row would leak.
#[derive(Debug, Clone)]
pub struct DistractorTables {
    pool: Vec<Statement>,
    tables: usize,
}

impl DistractorTables {
    /// Draws that may miss before what is left is listed.
    const TRIES: usize = 32;

    /// A hook that adds `tables` tables, drawn from the contexts of `rows`.
    pub fn new<'a>(rows: impl IntoIterator<Item = &'a Row>, tables: usize) -> Self {
        let mut seen = HashSet::new();
        let mut pool = Vec::new();
        for row in rows {
            let Sample::Sql(sample) = &row.sample else {
                continue;
            };
            let context = Context::split(sample.context.as_deref().unwrap_or(""));
            for statement in context.statements {
                if statement.table.is_some() && seen.insert(statement.clone()) {
                    pool.push(statement);
                }
            }
        }
        Self { pool, tables }
    }

    /// The distinct tables to draw from.
    pub fn pool(&self) -> usize {
        self.pool.len()
    }

    /// A table whose name the context has not.
    fn draw(&self, context: &Context, rng: &mut RowRng) -> Option<&Statement> {
        let fits = |statement: &&Statement| {
            let name = statement.table.as_deref();
            name.is_some_and(|name| !context.has(name))
        };
        // Drawing again until one fits gives each that fits the same chance, as does a draw from a
        // list of them; the list is dear, and is for contexts that have nearly all tables.
        for _ in 0..Self::TRIES {
            let drawn = self.pool.get(rng.below(self.pool.len()));
            if let Some(statement) = drawn.filter(fits) {
                return Some(statement);
            }
        }
        let fitting: Vec<&Statement> = self.pool.iter().filter(fits).collect();
        fitting.get(rng.below(fitting.len())).copied()
    }
}

impl Augment for DistractorTables {
    fn augment(&self, row: &Row, rng: &mut RowRng) -> Result<Vec<Row>, DataError> {
        let Sample::Sql(sample) = &row.sample else {
            return Ok(Vec::new());
        };
        let mut context = Context::split(sample.context.as_deref().unwrap_or(""));
        if context.statements.is_empty() {
            return Ok(Vec::new());
        }
        let before = context.statements.len();
        for _ in 0..self.tables {
            let Some(table) = self.draw(&context, rng) else {
                break;
            };
            let place = rng.below(context.statements.len() + 1);
            context.statements.insert(place, table.clone());
        }
        if context.statements.len() == before {
            return Ok(Vec::new());
        }
        Ok(vec![with_context(row, context.join())])
    }
}

/// The row with another context.
pub(super) fn with_context(row: &Row, context: String) -> Row {
    let mut made = row.clone();
    if let Sample::Sql(sample) = &mut made.sample {
        sample.context = Some(context);
    }
    made
}
