//! Tables in another order.

use super::context::Context;
use super::distractor::with_context;
use super::{Augment, RowRng};
use crate::{DataError, Row, Sample};

/// Puts a context's tables in a random order, so that a model does not learn their places.
///
/// Other statements stay where they are. Nothing is made of a row with fewer than two tables, nor where
/// the random order is the one that there was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShuffledTables;

impl Augment for ShuffledTables {
    fn augment(&self, row: &Row, rng: &mut RowRng) -> Result<Vec<Row>, DataError> {
        let Sample::Sql(sample) = &row.sample else {
            return Ok(Vec::new());
        };
        let before = Context::split(sample.context.as_deref().unwrap_or(""));
        let places = before.tables();
        let mut from = places.clone();
        rng.shuffle(&mut from);
        let mut after = before.clone();
        for (&place, &from) in places.iter().zip(&from) {
            after.statements[place] = before.statements[from].clone();
        }
        if after == before {
            return Ok(Vec::new());
        }
        Ok(vec![with_context(row, after.join())])
    }
}
