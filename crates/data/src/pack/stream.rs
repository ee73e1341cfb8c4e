//! Packing while a set is read.

use std::cmp::Reverse;

use super::{PackError, PackedRow, best_fit_decreasing, check_length};
use crate::{DataError, Example};

/// Packs examples as they come, in bounded memory.
///
/// It holds at most `window` examples. When it holds so many they are packed by best fit decreasing; the
/// fullest rows are given out until half of the examples are gone, and the rest gets another chance
/// with those that follow. What comes out depends on the order of the examples and the window alone,
/// never on how a reader cuts its input into pieces. `O(log window)` steps an example.
///
/// Rows given out together stand in the order of their earliest example. An example may wait long, if
/// others fit better, and comes with [`finish`](Self::finish) at the latest.
///
/// Efficiency for rows of 1,024 tokens, on the sets of [`pack`](super::pack()):
///
/// | 20,000 lengths | window 100 | window 1,000 | window 10,000 |
/// |---|---|---|---|
/// | uniform, 2 to 1024 | 0.9825 | 0.9901 | 0.9956 |
/// | uniform, 2 to 384 | 0.9991 | 0.9999 | 0.9999 |
/// | mostly short, 16 to 1024 | 0.9967 | 0.9994 | 0.9996 |
/// | over a third of a row, 342 to 700 | 0.9486 | 0.9587 | 0.9653 |
///
/// # Example
/// ```
/// use anneal_data::{Example, StreamPacker};
///
/// let mut packer = StreamPacker::new(10, 4)?;
/// let mut rows = Vec::new();
/// for length in [6, 3, 9, 4, 7, 2] {
///     rows.extend(packer.push(Example::new(vec![7; length], vec![true; length])?)?);
/// }
/// rows.extend(packer.finish());
/// let segments: Vec<_> = rows.iter().map(|row| row.segments.clone()).collect();
/// assert_eq!(segments, [vec![6, 4], vec![7, 3], vec![9], vec![2]]);
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct StreamPacker {
    capacity: usize,
    window: usize,
    /// Examples with their indices, ascending.
    waiting: Vec<(usize, Example)>,
    pushed: usize,
}

impl StreamPacker {
    /// A packer of rows of at most `capacity` tokens that holds at most `window` examples.
    ///
    /// # Errors
    /// [`PackError::Capacity`], [`PackError::Window`]: 0.
    pub fn new(capacity: usize, window: usize) -> Result<Self, PackError> {
        if capacity == 0 {
            return Err(PackError::Capacity);
        }
        if window == 0 {
            return Err(PackError::Window);
        }
        Ok(Self {
            capacity,
            window,
            waiting: Vec::new(),
            pushed: 0,
        })
    }

    /// Takes an example, whose index is the number of those pushed before; gives the rows that are done.
    ///
    /// # Errors
    /// [`PackError::TooLong`]; [`DataError::Example`] for one that is not in order. The example counts
    /// as pushed and is left out; the packer can go on.
    pub fn push(&mut self, example: Example) -> Result<Vec<PackedRow>, DataError> {
        let index = self.pushed;
        self.pushed += 1;
        example.check().map_err(|source| DataError::Example {
            example: index,
            source: Box::new(source),
        })?;
        check_length(index, example.len(), self.capacity)?;
        self.waiting.push((index, example));
        if self.waiting.len() < self.window {
            return Ok(Vec::new());
        }
        let mut rows = self.rows();
        // The fullest first; of equal ones the earliest made, as the sort is stable.
        rows.sort_by_key(|row| Reverse(self.tokens(row)));
        let mut given = 0;
        let enough = rows.iter().position(|row| {
            given += row.len();
            given * 2 >= self.window
        });
        rows.truncate(enough.map_or(rows.len(), |last| last + 1));
        Ok(self.give(rows))
    }

    /// The rows of what still waits.
    pub fn finish(mut self) -> Vec<PackedRow> {
        let rows = self.rows();
        self.give(rows)
    }

    /// Places in `waiting`, by row.
    fn rows(&self) -> Vec<Vec<usize>> {
        let lengths: Vec<usize> = self.waiting.iter().map(|(_, e)| e.len()).collect();
        best_fit_decreasing((0..lengths.len()).collect(), &lengths, self.capacity)
    }

    fn tokens(&self, row: &[usize]) -> usize {
        row.iter().map(|&at| self.waiting[at].1.len()).sum()
    }

    /// Takes the rows' examples out of `waiting`.
    fn give(&mut self, mut rows: Vec<Vec<usize>>) -> Vec<PackedRow> {
        rows.sort_by_key(|row| row.iter().min().copied());
        let packed = |row: &Vec<usize>| {
            PackedRow::new(row.iter().map(|&at| {
                let (index, example) = &self.waiting[at];
                (*index, example)
            }))
        };
        let given = rows.iter().map(packed).collect();
        let mut gone = vec![false; self.waiting.len()];
        for at in rows.concat() {
            gone[at] = true;
        }
        let mut gone = gone.into_iter();
        self.waiting.retain(|_| !gone.next().unwrap_or(false));
        given
    }
}
