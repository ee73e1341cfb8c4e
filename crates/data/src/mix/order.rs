//! Orders: in which sequence an epoch takes the examples of a data set.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::random::{self, shuffle};

/// A sequence of examples for every epoch, known in advance.
///
/// [`Batches::with_order`](crate::Batches::with_order) deals an epoch's sequence out to steps. An order
/// is a pure function of its settings and the epoch, so that a run resumes by position alone.
pub trait Order: Debug + Send + Sync {
    /// How many examples are ordered; every index is below this.
    fn examples(&self) -> usize;

    /// Entries of every epoch: [`examples`](Self::examples), unless the order repeats or leaves out some.
    fn entries(&self) -> usize;

    /// The indices of an epoch, [`entries`](Self::entries) of them.
    fn order(&self, epoch: u64) -> Vec<usize>;

    /// What the order depends on, seed included: orders of equal identity are the same. A
    /// [`Cursor`](crate::Cursor) keeps it, and refuses to go on in another order.
    fn identity(&self) -> Value;

    /// How often each source was drawn from once `entries` entries of `epoch` are done, those of the
    /// epochs before included. Nothing where there are no sources to tell apart.
    fn progress(&self, _epoch: u64, _entries: usize) -> Vec<SourceProgress> {
        Vec::new()
    }
}

/// How far a source of a mixture is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceProgress {
    /// The source.
    pub name: String,
    /// Its examples.
    pub examples: u64,
    /// Draws from it so far.
    pub drawn: u64,
}

impl SourceProgress {
    /// Passes over the source, with fractions: `drawn / examples`.
    pub fn epochs(&self) -> f64 {
        self.drawn as f64 / self.examples as f64
    }
}

/// Every example once an epoch, in an order by seed and epoch: what [`Batches`](crate::Batches) does by
/// itself with groups of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shuffled {
    /// Examples.
    pub examples: usize,
    /// The seed of the order.
    pub seed: u64,
}

impl Order for Shuffled {
    fn examples(&self) -> usize {
        self.examples
    }

    fn entries(&self) -> usize {
        self.examples
    }

    fn order(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.examples).collect();
        shuffle(&mut order, &mut random::stream(self.seed, epoch));
        order
    }

    fn identity(&self) -> Value {
        json!({ "kind": "shuffled", "examples": self.examples, "seed": self.seed })
    }
}
