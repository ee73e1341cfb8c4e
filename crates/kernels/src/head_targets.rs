//! What the rows of a head are judged by.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Int, Tensor};

/// What the rows are judged by.
#[derive(Clone, Debug)]
pub struct HeadTargets {
    targets: Arc<[usize]>,
    smoothing: f32,
    /// Rows whose logits are there at a time.
    rows: usize,
}

impl HeadTargets {
    /// The targets of as many rows, read from the device.
    ///
    /// # Panics
    /// If a target is no row of the weight.
    pub(crate) fn new(
        targets: &Tensor<1, Int>,
        vocabulary: usize,
        smoothing: f32,
        rows: usize,
    ) -> Self {
        let data = targets.to_data();
        let targets = data.iter::<i64>().map(|target| {
            let index = usize::try_from(target).ok();
            let index = index.filter(|&index| index < vocabulary);
            index.unwrap_or_else(|| panic!("target {target} of a vocabulary of {vocabulary}"))
        });
        Self {
            targets: targets.collect(),
            smoothing,
            rows,
        }
    }

    /// The rows of each chunk, and their targets.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = (Range<usize>, &[usize])> {
        let chunks = self.targets.chunks(self.rows).enumerate();
        chunks.map(|(chunk, targets)| {
            let start = chunk * self.rows;
            (start..start + targets.len(), targets)
        })
    }

    /// Rows of the largest chunk.
    pub(crate) fn rows_at_once(&self) -> usize {
        self.rows.min(self.targets.len())
    }

    /// The share of the target that is spread over the vocabulary.
    pub(crate) fn smoothing(&self) -> f32 {
        self.smoothing
    }
}
