//! Best fit: rows by the space that is left in them.

use std::collections::BTreeMap;

/// Rows that are being filled.
pub(super) struct BestFit {
    capacity: usize,
    rows: Vec<Vec<usize>>,
    /// The rows that have so many tokens left; full rows are not listed. Keys are at most `capacity`
    /// many, so a look-up takes the logarithm of the smaller of rows and capacity.
    free: BTreeMap<usize, Vec<usize>>,
}

impl BestFit {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            rows: Vec::new(),
            free: BTreeMap::new(),
        }
    }

    /// Puts an example of `length` tokens, at most the capacity, into the row that it leaves the least
    /// space in, or into a new one.
    pub(super) fn place(&mut self, example: usize, length: usize) {
        let best = self.free.range_mut(length..).next();
        let taken = best.and_then(|(&space, rows)| Some((space, rows.pop()?, rows.is_empty())));
        let (space, row) = match taken {
            Some((space, row, last)) => {
                if last {
                    self.free.remove(&space);
                }
                (space, row)
            }
            None => {
                self.rows.push(Vec::new());
                (self.capacity, self.rows.len() - 1)
            }
        };
        self.rows[row].push(example);
        if space > length {
            self.free.entry(space - length).or_default().push(row);
        }
    }

    /// The examples of each row, in the order in which they were placed.
    pub(super) fn into_rows(self) -> Vec<Vec<usize>> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_goes_where_it_leaves_the_least_space() {
        let mut rows = BestFit::new(10);
        // 7 leaves 3, 6 leaves 4, then 3 fits the first exactly and 2 the second; 3 needs a third row,
        // and the last 2 fills the second.
        for (example, length) in [7, 6, 3, 2, 3, 2].into_iter().enumerate() {
            rows.place(example, length);
        }
        assert_eq!(rows.free, BTreeMap::from([(7, vec![2])]));
        assert_eq!(rows.into_rows(), [vec![0, 2], vec![1, 3, 5], vec![4]]);
    }
}
