//! Batches in an order that was given: a mixture's, a curriculum's.

use std::sync::Arc;

use super::{Batches, order};
use crate::{DataError, MixError, Order};

impl Batches {
    /// Deals examples to steps in this order instead of by a shuffle: the first `batch_size` entries are
    /// the first step's, and so on. Within a step examples are still sorted by length and cut into
    /// micro-batches, which changes no step's gradient.
    ///
    /// The order brings its own seed; [`BatchConfig::seed`](super::BatchConfig::seed) is not used then.
    ///
    /// # Errors
    /// [`MixError::OrderSize`] if the order is over another number of examples, [`MixError::GroupedOrder`]
    /// if `group_rows` would regroup it.
    ///
    /// # Example
    /// ```
    /// use std::sync::Arc;
    /// use anneal_data::{BatchConfig, Batches, Curriculum, CurriculumKind, Example};
    ///
    /// let example = |length| Example::new(vec![7; length], vec![true; length]);
    /// let examples = [9, 2, 5, 3].map(example).into_iter().collect::<Result<Vec<_>, _>>()?;
    /// let shortest_first = Curriculum::by_length(&examples, CurriculumKind::Sorted, 0)?;
    /// let config = BatchConfig { batch_size: 2, ..BatchConfig::default() };
    /// let batches = Batches::new(examples, config)?.with_order(Arc::new(shortest_first))?;
    /// let tokens: Vec<usize> = batches.steps(0).map(|step| step.tokens()).collect();
    /// assert_eq!(tokens, [2 + 3, 5 + 9]);
    /// # Ok::<(), anneal_data::DataError>(())
    /// ```
    pub fn with_order(mut self, order: Arc<dyn Order>) -> Result<Self, DataError> {
        if order.examples() != self.examples.len() {
            let error = MixError::OrderSize {
                subject: "the batches".to_owned(),
                found: order.examples(),
                expected: self.examples.len(),
            };
            return Err(error.into());
        }
        if self.config.group_rows != 1 {
            let group_rows = self.config.group_rows;
            return Err(MixError::GroupedOrder { group_rows }.into());
        }
        self.order = Some(order);
        Ok(self)
    }

    /// The order that was given, if one was.
    pub fn order(&self) -> Option<&dyn Order> {
        self.order.as_deref()
    }

    /// Examples of an epoch, repeated ones counted: as many as there are, unless an order was given.
    pub fn entries(&self) -> usize {
        let given = self.order.as_ref().map(|order| order.entries());
        given.unwrap_or(self.examples.len())
    }

    /// The examples of each step of an epoch.
    pub(super) fn dealt(&self, lengths: &[usize], epoch: u64) -> Vec<Vec<usize>> {
        match &self.order {
            None => order::steps(lengths, &self.config, epoch),
            Some(given) => {
                let order = given.order(epoch);
                let steps = order.chunks(self.config.batch_size);
                steps.map(<[usize]>::to_vec).collect()
            }
        }
    }
}
