//! A packed row: examples one behind the other, with their borders.

use crate::{Example, IGNORE_LABEL, Targets};

/// Examples in one row. Each is a *segment*: its positions begin at 0, and nothing in it may see, or be
/// predicted from, another.
///
/// # Example
/// ```
/// use anneal_data::{Example, PackedRow};
///
/// let first = Example::new(vec![5, 6, 2], vec![false, true, true])?;
/// let second = Example::new(vec![7, 2], vec![true, true])?;
/// let row = PackedRow::new([(0, &first), (8, &second)]);
/// assert_eq!(row.input_ids, [5, 6, 2, 7, 2]);
/// assert_eq!((row.segments.as_slice(), row.examples.as_slice()), (&[3, 2][..], &[0, 8][..]));
/// assert_eq!(row.positions(), [0, 1, 2, 0, 1]);
/// // The 7 begins a segment: nothing before it is its own, so that nothing predicts it.
/// assert_eq!(row.targets().positions, [0, 1, 3]);
/// assert_eq!(row.labels(), [-100, 6, 2, -100, 2]);
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackedRow {
    /// The ids of all segments, one behind the other, without padding.
    pub input_ids: Vec<u32>,
    /// Whether each id is to be learned, as the examples say; a segment's first id has nothing before it
    /// and is never a target.
    pub trained: Vec<bool>,
    /// The length of each segment; none is 0.
    pub segments: Vec<usize>,
    /// Which example each segment is.
    pub examples: Vec<usize>,
}

impl PackedRow {
    /// The examples in the order given, each with its index.
    pub fn new<'a>(examples: impl IntoIterator<Item = (usize, &'a Example)>) -> Self {
        let mut row = Self::default();
        for (index, example) in examples {
            row.input_ids.extend_from_slice(&example.input_ids);
            row.trained.extend_from_slice(&example.trained);
            row.segments.push(example.len());
            row.examples.push(index);
        }
        row
    }

    /// Tokens.
    pub fn len(&self) -> usize {
        self.input_ids.len()
    }

    /// Whether there is no token at all.
    pub fn is_empty(&self) -> bool {
        self.input_ids.is_empty()
    }

    /// Each token's position in its segment, from 0: transformers' `position_ids` of a packed row.
    pub fn positions(&self) -> Vec<usize> {
        self.segments.iter().flat_map(|&length| 0..length).collect()
    }

    /// The targets of all segments: the hidden state at place `t - 1` of the row predicts the marked
    /// token `t`, where both are of one segment.
    pub fn targets(&self) -> Targets {
        let (positions, ids) = self
            .learned()
            .filter(|&(_, learned)| learned)
            .map(|(place, _)| (place - 1, self.input_ids[place]))
            .unzip();
        Targets { positions, ids }
    }

    /// The labels as other programs write them, unshifted: the id where learned, -100 elsewhere, and so
    /// at every segment's first token, which a model that shifts would predict from another example
    /// (TRL's collator does the same).
    pub fn labels(&self) -> Vec<i64> {
        let label = |(place, learned): (usize, bool)| match learned {
            true => i64::from(self.input_ids[place]),
            false => IGNORE_LABEL,
        };
        self.learned().map(label).collect()
    }

    /// The ids, filled up on the right to `width` places; longer ones stay as they are.
    pub fn padded_ids(&self, width: usize, pad_id: u32) -> Vec<u32> {
        let mut ids = self.input_ids.clone();
        ids.resize(width.max(self.len()), pad_id);
        ids
    }

    /// Every place, and whether its token is a target.
    fn learned(&self) -> impl Iterator<Item = (usize, bool)> {
        let positions = self.segments.iter().flat_map(|&length| 0..length);
        let learned = |(position, &trained)| trained && position > 0;
        positions.zip(&self.trained).map(learned).enumerate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_those_of_the_examples_moved_to_their_places() {
        let examples = [
            Example::new(vec![9, 4, 8], vec![true, false, true]).unwrap(),
            Example::new(vec![1, 2, 3, 2], vec![true, true, false, true]).unwrap(),
            Example::new(vec![6, 2], vec![false, true]).unwrap(),
        ];
        let row = PackedRow::new([2, 0, 1].map(|index| (index, &examples[index])));
        assert_eq!(row.input_ids, [6, 2, 9, 4, 8, 1, 2, 3, 2]);
        assert_eq!(
            (row.segments.clone(), row.examples.clone()),
            (vec![2, 3, 4], vec![2, 0, 1])
        );
        let mut expected = Targets::default();
        for (start, index) in [(0, 2), (2, 0), (5, 1)] {
            let own = examples[index].targets();
            let places = own.positions.iter().map(|place| start + place);
            expected.positions.extend(places);
            expected.ids.extend(own.ids);
        }
        assert_eq!(row.targets(), expected);
        assert_eq!(row.labels(), [-100, 2, -100, -100, 8, -100, 2, -100, 2]);
        // The pad id may be one that is learned: padding is past the row and no target.
        assert_eq!(row.padded_ids(11, 2)[8..], [2, 2, 2]);
        assert_eq!(row.padded_ids(3, 2), row.input_ids);
    }
}
