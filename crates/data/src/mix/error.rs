//! What can be wrong with mixtures and curricula, one variant per failure.

use crate::{DataError, Place};

/// What can be wrong with mixtures and curricula.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MixError {
    /// A mixture of nothing.
    #[error("a mixture needs at least one source")]
    NoSources,
    /// Two sources of one name: their counts could not be told apart.
    #[error("two sources of the mixture are called `{name}`")]
    DuplicateSource {
        /// The name.
        name: String,
    },
    /// A source without examples.
    #[error("source `{name}` has no examples; leave it out of the mixture")]
    EmptySource {
        /// The source.
        name: String,
    },
    /// A name that no source has.
    #[error("the mixture has no source `{name}`; it has {found:?}")]
    NoSuchSource {
        /// The name.
        name: String,
        /// The names that there are.
        found: Vec<String>,
    },
    /// Not one weight for each source.
    #[error("{weights} weights for {sources} sources")]
    WeightCount {
        /// Weights.
        weights: usize,
        /// Sources.
        sources: usize,
    },
    /// A weight that is no positive number.
    #[error("the weight of source `{name}` must be a positive number, found {weight}")]
    Weight {
        /// The source.
        name: String,
        /// Its weight.
        weight: f64,
    },
    /// A weight too small to count beside the others.
    #[error("the weight of source `{name}` is {share:.1e} of all; the least is 2^-40")]
    ShareTooSmall {
        /// The source.
        name: String,
        /// Its part of all weights.
        share: f64,
    },
    /// A temperature that is no positive number.
    #[error("the temperature of the sources' sizes must be a positive number, found {temperature}")]
    Temperature {
        /// The temperature.
        temperature: f64,
    },
    /// A mixture of no length.
    #[error("the length of a mixture must be at least 1 example")]
    Length,
    /// A length that no list in memory holds.
    #[error("an epoch of the mixture would have about {draws} draws; the most is {limit}")]
    TooLong {
        /// Draws, roughly.
        draws: u64,
        /// The most.
        limit: u64,
    },
    /// An order for another number of examples than there are.
    #[error("the order of {subject} is over {found} examples, but there are {expected}")]
    OrderSize {
        /// What is ordered.
        subject: String,
        /// Examples of the order.
        found: usize,
        /// Examples that there are.
        expected: usize,
    },
    /// A source's own order with more or fewer entries than the source has examples.
    #[error(
        "the order of {subject} has {found} entries an epoch for {expected} examples; a source's order must have as many"
    )]
    OrderEntries {
        /// What is ordered.
        subject: String,
        /// Entries of an epoch.
        found: usize,
        /// Examples.
        expected: usize,
    },
    /// Regrouping by length would undo a given order.
    #[error(
        "`group_rows` is {group_rows}, which would regroup examples by length and undo the given order; it must be 1"
    )]
    GroupedOrder {
        /// The setting.
        group_rows: usize,
    },
    /// A curriculum over nothing.
    #[error("a curriculum needs at least one example")]
    NoScores,
    /// A score that cannot be ordered.
    #[error("the score of example {example} is {score}; expected a finite number")]
    Score {
        /// The example, from 0.
        example: usize,
        /// Its score.
        score: f64,
    },
    /// More buckets than examples, or none.
    #[error("{buckets} buckets for {examples} examples; expected 1 to {examples}")]
    Buckets {
        /// Buckets.
        buckets: usize,
        /// Examples.
        examples: usize,
    },
    /// A competence out of range.
    #[error("the initial competence must be above 0 and at most 1, found {initial}")]
    Competence {
        /// The setting.
        initial: f64,
    },
    /// A competence schedule of no length.
    #[error("a competence schedule must last at least 1 draw")]
    CompetenceDraws,
    /// A row that does not say how hard it is.
    #[error("example {example} has no difficulty; a curriculum by difficulty needs one for each")]
    NoDifficulty {
        /// The example, from 0.
        example: usize,
    },
    /// A difficulty that is neither a known word nor a number.
    #[error(
        "example {example}: difficulty `{found}`; expected easy, medium, hard, extra or a number"
    )]
    Difficulty {
        /// The example, from 0.
        example: usize,
        /// What stands there.
        found: String,
    },
    /// Words and numbers in one data set have no common order.
    #[error(
        "example {example}: difficulty `{found}` among {others}; use words or numbers, not both"
    )]
    MixedDifficulty {
        /// The first example that differs, from 0.
        example: usize,
        /// What stands there.
        found: String,
        /// What the examples before it have.
        others: &'static str,
    },
    /// An augmentation failed on a row.
    #[error("augmentation `{name}` of {place}: {source}")]
    Augment {
        /// The augmentation.
        name: String,
        /// The row.
        place: Place,
        /// What the hook said.
        source: Box<DataError>,
    },
}
