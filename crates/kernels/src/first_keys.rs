//! The first key that each query sees: packed rows and padding on the left.

use std::sync::Arc;

/// For every query the first key that it sees, as host data: `[batch, queries]`.
///
/// Query `i` of row `b`, whose own key is `keys − queries + i`, sees the keys
/// `first[b, i] ..= keys − queries + i`, and its own key whatever the bound
/// says, so that a padded query has a finite result too.
///
/// ```
/// use anneal_kernels::FirstKeys;
///
/// // Two examples of 2 and 3 tokens share a row of 6; the last is padding.
/// let packed = FirstKeys::segments(&[vec![2, 3]], 6);
/// assert_eq!(packed.row(0), [0, 0, 2, 2, 2, 5]);
/// // One new token for each of two prompts that stand behind 0 and 4 of padding.
/// let padded = FirstKeys::padding(&[0, 4], 1);
/// assert_eq!((padded.row(0), padded.row(1)), (&[0][..], &[4][..]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstKeys {
    first: Arc<[u32]>,
    batch: usize,
    queries: usize,
}

impl FirstKeys {
    /// The bounds themselves, row by row.
    ///
    /// # Panics
    /// If there are not `batch · queries` of them.
    pub fn new(first: Vec<u32>, [batch, queries]: [usize; 2]) -> Self {
        assert_eq!(
            first.len(),
            batch * queries,
            "{batch} rows of {queries} queries need as many bounds"
        );
        Self {
            first: first.into(),
            batch,
            queries,
        }
    }

    /// Rows of packed segments, given by their lengths: a token sees its own
    /// segment only. A token behind the last segment is padding and sees
    /// itself alone.
    ///
    /// # Panics
    /// If the segments of a row are longer than `length` together.
    pub fn segments<R: AsRef<[usize]>>(rows: &[R], length: usize) -> Self {
        let mut first = Vec::with_capacity(rows.len() * length);
        for (index, row) in rows.iter().enumerate() {
            let begin = first.len();
            for &segment in row.as_ref() {
                let start = (first.len() - begin) as u32;
                first.resize(first.len() + segment, start);
            }
            let used = first.len() - begin;
            assert!(
                used <= length,
                "the segments of row {index} hold {used} tokens, the row {length}"
            );
            first.extend(used as u32..length as u32);
        }
        Self::new(first, [rows.len(), length])
    }

    /// Rows that begin with `padding` tokens which nobody sees, before or
    /// among the keys of this call's `queries`.
    pub fn padding(padding: &[usize], queries: usize) -> Self {
        let rows = padding
            .iter()
            .flat_map(|&count| std::iter::repeat_n(count as u32, queries));
        Self::new(rows.collect(), [padding.len(), queries])
    }

    /// Rows and queries of a row.
    pub fn dims(&self) -> [usize; 2] {
        [self.batch, self.queries]
    }

    /// The bounds of one row's queries.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &[u32] {
        &self.first[row * self.queries..(row + 1) * self.queries]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_segments_of_its_own() {
        let first = FirstKeys::segments(&[vec![1, 0, 3], vec![], vec![4]], 4);
        assert_eq!(first.row(0), [0, 1, 1, 1]);
        assert_eq!(first.row(1), [0, 1, 2, 3]);
        assert_eq!(first.row(2), [0; 4]);
    }

    #[test]
    #[should_panic(expected = "the segments of row 1 hold 5 tokens, the row 4")]
    fn segments_beyond_the_row_are_refused() {
        FirstKeys::segments(&[vec![4], vec![2, 3]], 4);
    }
}
