//! Several examples in one row of a batch.

use anneal_kernels::{AttentionMask, FirstKeys};

use crate::Positions;

/// Where the examples of a packed batch lie: their positions begin at 0 and
/// attention stays within each of them, so that packing changes no number.
///
/// ```
/// use anneal_llama::{Positions, Segments};
///
/// // 2 and 3 tokens share the first row, 4 lie in the second; the rest is padding.
/// let segments = Segments::new(&[vec![2, 3], vec![4]], 6);
/// let Positions::PerToken { positions, length } = segments.positions() else { panic!() };
/// assert_eq!(length, 6);
/// assert_eq!(positions, [0, 1, 0, 1, 2, 0, 0, 1, 2, 3, 0, 0]);
/// ```
#[derive(Debug, Clone)]
pub struct Segments {
    rows: Vec<Vec<usize>>,
    positions: Vec<usize>,
    first: FirstKeys,
}

impl Segments {
    /// Rows of `length` tokens, each given by its segments' lengths; what they
    /// do not fill is padding at the end.
    ///
    /// # Panics
    /// If the segments of a row are longer than `length` together.
    pub fn new<R: AsRef<[usize]>>(rows: &[R], length: usize) -> Self {
        let first = FirstKeys::segments(rows, length);
        let positions = (0..rows.len())
            .flat_map(|row| first.row(row).iter().enumerate())
            .map(|(token, &first)| token - first as usize)
            .collect();
        let rows = rows.iter().map(|row| row.as_ref().to_vec()).collect();
        Self {
            rows,
            positions,
            first,
        }
    }

    /// The lengths of each row's segments.
    pub(crate) fn rows(&self) -> &[Vec<usize>] {
        &self.rows
    }

    /// Rows and tokens of a row.
    pub fn dims(&self) -> [usize; 2] {
        self.first.dims()
    }

    /// Each token's position within its segment.
    pub fn positions(&self) -> Positions<'_> {
        let [_, length] = self.dims();
        Positions::PerToken {
            positions: &self.positions,
            length,
        }
    }

    /// The mask that keeps segments apart.
    pub fn mask(&self) -> AttentionMask {
        AttentionMask::CausalFrom(self.first.clone())
    }
}
