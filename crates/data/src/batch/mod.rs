//! Batches: which examples make an optimizer step, and how they lie in rows.
//!
//! A step must be a random sample, or its gradient is the gradient of something else; a row that is
//! padded costs what a full one costs. So examples are dealt to steps at random (by small groups of
//! like length, [`BatchConfig::group_rows`]), and only within a step are they sorted by length, or packed
//! into rows ([`BatchConfig::capacity`]), and cut into micro-batches of the least cost. The order is a pure function of the seed and the epoch: a
//! trainer resumes by skipping steps.

mod config;
mod cut;
mod given_order;
mod order;
mod padding;
mod plan;
mod step;

pub use config::BatchConfig;
pub use padding::Padding;
pub use step::{MicroBatch, Step};

use std::sync::Arc;

use crate::{DataError, Example, Order};

/// The examples of a data set and how to batch them.
///
/// # Example
/// ```
/// use anneal_data::{BatchConfig, Batches, Example};
///
/// let example = |length| Example::new(vec![7; length], vec![true; length]);
/// let examples = (2..12).map(example).collect::<Result<Vec<_>, _>>()?;
/// let batches = Batches::new(examples, BatchConfig { batch_size: 4, ..BatchConfig::default() })?;
/// assert_eq!(batches.steps_per_epoch(), 3);
/// let rows: usize = batches.steps(0).map(|step| step.examples()).sum();
/// assert_eq!(rows, 10);
/// // A trainer that stopped after two steps goes on with the third.
/// assert!(batches.steps_from(0, 2).eq(batches.steps(0).skip(2)));
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Batches {
    examples: Vec<Example>,
    config: BatchConfig,
    order: Option<Arc<dyn Order>>,
}

impl Batches {
    /// Checks the settings and every example.
    ///
    /// # Errors
    /// No example, a setting of 0, an example whose mask does not fit its ids or that teaches nothing
    /// ([`DataError::Example`] names it), or one that alone is over `micro_tokens`
    /// ([`DataError::ExampleTooWide`]). [`PackError`](crate::PackError): buckets out of order, a capacity
    /// that no bucket or micro-batch holds, an example over the capacity or the widest bucket.
    pub fn new(examples: Vec<Example>, config: BatchConfig) -> Result<Self, DataError> {
        config.check()?;
        if examples.is_empty() {
            return Err(DataError::NoExamples {
                hint: "were all rows filtered out, or over the maximum length?",
            });
        }
        for (index, example) in examples.iter().enumerate() {
            example.check().map_err(|source| DataError::Example {
                example: index,
                source: Box::new(source),
            })?;
            config.check_length(index, example.len())?;
        }
        Ok(Self {
            examples,
            config,
            order: None,
        })
    }

    /// The examples, as they were given.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// The settings.
    pub fn config(&self) -> &BatchConfig {
        &self.config
    }

    /// Optimizer steps in an epoch; the last may have fewer examples.
    pub fn steps_per_epoch(&self) -> usize {
        self.entries().div_ceil(self.config.batch_size)
    }

    /// The steps of an epoch: every example exactly once, in an order that depends on the seed and the
    /// epoch alone; or in the order that was [given](Self::with_order).
    pub fn steps(&self, epoch: u64) -> impl ExactSizeIterator<Item = Step> {
        self.steps_from(epoch, 0)
    }

    /// The steps of an epoch from step `first` on, the same as if those before had been taken.
    pub fn steps_from(&self, epoch: u64, first: usize) -> impl ExactSizeIterator<Item = Step> {
        let steps = self.plan(epoch).into_iter().skip(first);
        steps.map(|step| Step::build(&self.examples, &step, &self.config))
    }

    /// How much padding an epoch has.
    pub fn padding(&self, epoch: u64) -> Padding {
        let lengths = self.lengths();
        let mut padding = Padding::default();
        for step in self.plan(epoch) {
            padding.steps += 1;
            for rows in step {
                let width = plan::width(&rows, &lengths, &self.config);
                let segments = |row: &Vec<usize>| row.iter().map(|&e| lengths[e]).collect();
                let segments: Vec<Vec<usize>> = rows.iter().map(segments).collect();
                padding.add(segments.iter().map(Vec::as_slice), width);
            }
        }
        padding
    }

    /// Indices of examples: by step, by micro-batch, by row.
    fn plan(&self, epoch: u64) -> Vec<Vec<plan::Rows>> {
        let lengths = self.lengths();
        self.dealt(&lengths, epoch)
            .into_iter()
            .map(|examples| plan::step(examples, &lengths, &self.config))
            .collect()
    }

    fn lengths(&self) -> Vec<usize> {
        self.examples.iter().map(Example::len).collect()
    }
}
