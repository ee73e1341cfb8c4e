//! A step of the optimizer as rectangles of token ids.

use super::BatchConfig;
use crate::{Example, Targets};

/// The examples of one optimizer step. Their losses are summed and divided once by [`target_count`](Self::target_count).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The micro-batches, largest first; at least one.
    pub micro_batches: Vec<MicroBatch>,
}

/// Examples side by side, padded on the right to one width.
///
/// Row `r` is example `examples[r]`; its token `t` stands at `input_ids[r · width + t]` for
/// `t < lengths[r]`, and padding after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MicroBatch {
    /// Rows.
    pub rows: usize,
    /// Tokens of each row, padding included.
    pub width: usize,
    /// The ids, `rows · width` of them, row after row.
    pub input_ids: Vec<u32>,
    /// Tokens of each row without padding.
    pub lengths: Vec<usize>,
    /// Where the targets are predicted (`r · width + t - 1`, an index into the hidden states with rows
    /// and positions flattened) and what they are. Ascending; padding is never among them.
    pub targets: Targets,
    /// Which example each row is, as an index into what [`Batches`](super::Batches) was made of.
    pub examples: Vec<usize>,
}

impl Step {
    /// Examples.
    pub fn examples(&self) -> usize {
        self.micro_batches.iter().map(|batch| batch.rows).sum()
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

    pub(super) fn build(examples: &[Example], plan: &[Vec<usize>], config: &BatchConfig) -> Self {
        let build = |rows: &Vec<usize>| MicroBatch::build(examples, rows, config);
        Self {
            micro_batches: plan.iter().map(build).collect(),
        }
    }
}

impl MicroBatch {
    /// Tokens without padding.
    pub fn tokens(&self) -> usize {
        self.lengths.iter().sum()
    }

    fn build(examples: &[Example], rows: &[usize], config: &BatchConfig) -> Self {
        let lengths: Vec<usize> = rows.iter().map(|&row| examples[row].len()).collect();
        let width = config.width_of(lengths.iter().copied().max().unwrap_or(0));
        let mut input_ids = Vec::with_capacity(rows.len() * width);
        let mut targets = Targets::default();
        for (row, &example) in rows.iter().enumerate() {
            let example = &examples[example];
            let start = row * width;
            input_ids.extend_from_slice(&example.input_ids);
            input_ids.resize(start + width, config.pad_id);
            let own = example.targets();
            targets
                .positions
                .extend(own.positions.iter().map(|t| start + t));
            targets.ids.extend(own.ids);
        }
        Self {
            rows: rows.len(),
            width,
            input_ids,
            lengths,
            targets,
            examples: rows.to_vec(),
        }
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
        let batch = MicroBatch::build(&examples, &[1, 0], &config);
        assert_eq!((batch.rows, batch.width), (2, 6));
        assert_eq!(batch.input_ids, [7, 8, 9, 10, 2, 2, 5, 6, 2, 2, 2, 2]);
        assert_eq!(batch.lengths, [5, 3]);
        assert_eq!(batch.targets.positions, [2, 3, 6, 7]);
        assert_eq!(batch.targets.ids, [10, 2, 6, 2]);
        assert_eq!(batch.examples, [1, 0]);
        assert_eq!(batch.tokens(), 8);
    }
}
