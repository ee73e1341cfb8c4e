//! Batches: which examples make an optimizer step, and how they lie in rows.
//!
//! A step must be a random sample, or its gradient is the gradient of something else; a row that is
//! padded costs what a full one costs. So examples are dealt to steps at random (by small groups of
//! like length, [`BatchConfig::group_rows`]), and only within a step are they sorted by length and cut
//! into micro-batches of the least cost. The order is a pure function of the seed and the epoch: a
//! trainer resumes by skipping steps.

mod config;
mod cut;
mod order;
mod padding;
mod step;

pub use config::BatchConfig;
pub use padding::Padding;
pub use step::{MicroBatch, Step};

use crate::{DataError, Example};

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
}

impl Batches {
    /// Checks the settings and every example.
    ///
    /// # Errors
    /// No example, a setting of 0, an example whose mask does not fit its ids or that teaches nothing
    /// ([`DataError::Example`] names it), or one that alone is over `micro_tokens`.
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
            let width = config.width_of(example.len());
            if width > config.micro_tokens {
                return Err(DataError::ExampleTooWide {
                    example: index,
                    tokens: example.len(),
                    width,
                    micro_tokens: config.micro_tokens,
                });
            }
        }
        Ok(Self { examples, config })
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
        self.examples.len().div_ceil(self.config.batch_size)
    }

    /// The steps of an epoch: every example exactly once, in an order that depends on the seed and the
    /// epoch alone.
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
        let lengths = |row: &usize| self.examples[*row].len();
        let mut padding = Padding::default();
        for step in self.plan(epoch) {
            padding.steps += 1;
            for rows in step {
                let longest = rows.iter().map(lengths).max().unwrap_or(0);
                let width = self.config.width_of(longest);
                padding.add(rows.iter().map(lengths).sum(), rows.len(), width);
            }
        }
        padding
    }

    /// Indices of examples: by step, by micro-batch, by row.
    fn plan(&self, epoch: u64) -> Vec<Vec<Vec<usize>>> {
        let lengths: Vec<usize> = self.examples.iter().map(Example::len).collect();
        order::steps(&lengths, &self.config, epoch)
            .into_iter()
            .map(|step| cut::micro_batches(step, &lengths, &self.config))
            .collect()
    }
}
