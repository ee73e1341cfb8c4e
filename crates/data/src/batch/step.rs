//! A step of the optimizer as rectangles of token ids.

use super::BatchConfig;
use super::plan::Rows;
use crate::{Example, PackedRow, Targets};

/// The examples of one optimizer step. Their losses are summed and divided once by [`target_count`](Self::target_count).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The micro-batches, largest first; at least one.
    pub micro_batches: Vec<MicroBatch>,
}

/// Rows of examples, padded on the right to one width.
///
/// Row `r` holds the examples `examples[r]` one behind the other; the first stands at `r · width`, each
/// takes as many places as `segments[r]` says, and padding follows the last. Unpacked, a row is one
/// example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MicroBatch {
    /// Rows.
    pub rows: usize,
    /// Tokens of each row, padding included.
    pub width: usize,
    /// The ids, `rows · width` of them, row after row.
    pub input_ids: Vec<u32>,
    /// The lengths of each row's segments, padding left out: attention stays within a segment and
    /// positions begin at 0 in each.
    pub segments: Vec<Vec<usize>>,
    /// Where the targets are predicted (an index into the hidden states with rows and places flattened:
    /// `r · width + t` for place `t` of row `r`) and what they are. Ascending; padding is never among
    /// them, nor is a segment's last state.
    pub targets: Targets,
    /// Which example each segment is, as an index into what [`Batches`](super::Batches) was made of.
    pub examples: Vec<Vec<usize>>,
}

impl Step {
    /// Examples.
    pub fn examples(&self) -> usize {
        let rows = self.micro_batches.iter().flat_map(|batch| &batch.examples);
        rows.map(Vec::len).sum()
    }

    /// Targets: what the step's loss is divided by.
    pub fn target_count(&self) -> usize {
        let count = |batch: &MicroBatch| batch.targets.ids.len();
        self.micro_batches.iter().map(count).sum()
    }

    /// Tokens without padding.
    pub fn tokens(&self) -> usize {
        self.micro_batches.iter().map(MicroBatch::tokens).sum()
    }

    pub(super) fn build(examples: &[Example], plan: &[Rows], config: &BatchConfig) -> Self {
        let build = |rows: &Rows| MicroBatch::build(examples, rows, config);
        Self {
            micro_batches: plan.iter().map(build).collect(),
        }
    }
}

impl MicroBatch {
    /// Tokens without padding.
    pub fn tokens(&self) -> usize {
        self.segments.iter().flatten().sum()
    }

    /// Whether a row holds several examples, so that a model must keep them apart. Where none does,
    /// plain causal attention is right: padding on the right is seen by nothing.
    pub fn is_packed(&self) -> bool {
        self.segments.iter().any(|row| row.len() > 1)
    }

    fn build(examples: &[Example], rows: &[Vec<usize>], config: &BatchConfig) -> Self {
        let packed = |row: &Vec<usize>| {
            PackedRow::new(row.iter().map(|&example| (example, &examples[example])))
        };
        let rows: Vec<PackedRow> = rows.iter().map(packed).collect();
        let width = config.width_of(rows.iter().map(PackedRow::len).max().unwrap_or(0));
        let mut batch = Self {
            rows: rows.len(),
            width,
            input_ids: Vec::with_capacity(rows.len() * width),
            segments: Vec::new(),
            targets: Targets::default(),
            examples: Vec::new(),
        };
        for row in rows {
            let start = batch.input_ids.len();
            let own = row.targets();
            let places = own.positions.iter().map(|place| start + place);
            batch.targets.positions.extend(places);
            batch.targets.ids.extend(own.ids);
            batch.input_ids.extend(row.padded_ids(width, config.pad_id));
            batch.segments.push(row.segments);
            batch.examples.push(row.examples);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_padded_on_the_right_and_targets_shifted_into_the_rectangle() {
        let example = |ids: &[u32], from: usize| {
            let trained = (0..ids.len()).map(|t| t >= from).collect();
            Example::new(ids.to_vec(), trained).unwrap()
        };
        // The pad id is the end token's id: the real one is a target, the padding is none.
        let examples = [example(&[5, 6, 2], 1), example(&[7, 8, 9, 10, 2], 3)];
        let config = BatchConfig {
            width_step: 3,
            pad_id: 2,
            ..BatchConfig::default()
        };
        let batch = MicroBatch::build(&examples, &[vec![1], vec![0]], &config);
        assert_eq!((batch.rows, batch.width), (2, 6));
        assert_eq!(batch.input_ids, [7, 8, 9, 10, 2, 2, 5, 6, 2, 2, 2, 2]);
        assert_eq!(batch.segments, [[5], [3]]);
        assert!(!batch.is_packed());
        assert_eq!(batch.targets.positions, [2, 3, 6, 7]);
        assert_eq!(batch.targets.ids, [10, 2, 6, 2]);
        assert_eq!(batch.examples, [[1], [0]]);
        assert_eq!(batch.tokens(), 8);
    }
    #[test]
    fn segments_lie_one_behind_the_other_and_none_predicts_the_next() {
        let example = |ids: &[u32]| Example::new(ids.to_vec(), vec![true; ids.len()]).unwrap();
        let examples = [
            example(&[5, 6, 2]),
            example(&[7, 2]),
            example(&[8, 9, 3, 2]),
        ];
        let config = BatchConfig {
            buckets: vec![4, 7],
            pad_id: 2,
            ..BatchConfig::default()
        };
        let batch = MicroBatch::build(&examples, &[vec![2, 1], vec![0]], &config);
        assert_eq!((batch.rows, batch.width), (2, 7));
        assert_eq!(batch.input_ids, [8, 9, 3, 2, 7, 2, 2, 5, 6, 2, 2, 2, 2, 2]);
        assert_eq!(batch.segments, [vec![4, 2], vec![3]]);
        assert_eq!(batch.examples, [vec![2, 1], vec![0]]);
        assert!(batch.is_packed());
        assert_eq!(batch.targets.positions, [0, 1, 2, 4, 7, 8]);
        assert_eq!(batch.targets.ids, [9, 3, 2, 2, 6, 2]);
        assert_eq!(batch.tokens(), 9);
    }
}
