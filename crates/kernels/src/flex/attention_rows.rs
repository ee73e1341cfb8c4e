//! The elementwise half of attention, over rows of scores.

use std::ops::Range;

use multiversion::multiversion;

use super::exp::exp;

/// A block of query rows with the keys that any of them sees.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    /// The first query.
    pub(super) row: usize,
    /// How many there are.
    pub(super) rows: usize,
    /// The first key that one of them sees.
    pub(super) start: usize,
    /// The first query's own key.
    own: usize,
    /// The first key that each sees; all of them from key 0 on without.
    first: Option<&'a [u32]>,
}

impl<'a> Block<'a> {
    /// A block of `rows` queries from `row` on, whose own keys begin at `own`;
    /// `first` holds the bounds of all queries.
    pub(super) fn new(row: usize, rows: usize, own: usize, first: Option<&'a [u32]>) -> Self {
        let mut block = Self {
            row,
            rows,
            start: 0,
            own,
            first: first.map(|first| &first[row..row + rows]),
        };
        block.start = (0..rows).map(|i| block.first_key(i)).min().unwrap_or(0);
        block
    }

    /// Keys from the first to the last one that a row sees: a row of scores.
    pub(super) fn width(&self) -> usize {
        self.own + self.rows - self.start
    }

    fn first_key(&self, i: usize) -> usize {
        self.first
            .map_or(0, |first| (first[i] as usize).min(self.own + i))
    }

    /// The scores of row `i` that count.
    fn seen(&self, i: usize) -> Range<usize> {
        self.first_key(i) - self.start..self.own + i + 1 - self.start
    }
}

/// Zeroes what a row does not see and hands out what it does.
fn split(row: &mut [f32], seen: Range<usize>) -> &mut [f32] {
    row[..seen.start].fill(0.0);
    row[seen.end..].fill(0.0);
    &mut row[seen]
}

/// Turns rows of scaled scores into probabilities over the keys that each row
/// sees; the rest becomes zero. Writes each row's log-sum-exp.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub(super) fn softmax(scores: &mut [f32], block: Block, log_sum_exp: &mut [f32]) {
    let rows = scores.chunks_exact_mut(block.width()).zip(log_sum_exp);
    for (i, (row, log_sum_exp)) in rows.enumerate() {
        let seen = split(row, block.seen(i));
        // Whole vectors at a time: with an index modulo 16 the compiler keeps
        // to single values.
        let (vectors, rest) = seen.as_chunks_mut::<16>();
        let mut largest = [f32::MIN; 16];
        for vector in vectors.iter() {
            for (largest, &score) in largest.iter_mut().zip(vector) {
                *largest = if score > *largest { score } else { *largest };
            }
        }
        let largest = largest.iter().chain(rest.iter());
        let largest = largest.copied().fold(f32::MIN, f32::max);
        let mut sums = [0.0f32; 16];
        for vector in vectors {
            for (sum, score) in sums.iter_mut().zip(vector) {
                *score = exp(*score - largest);
                *sum += *score;
            }
        }
        for (sum, score) in sums.iter_mut().zip(rest) {
            *score = exp(*score - largest);
            *sum += *score;
        }
        let sum: f32 = sums.iter().sum();
        let inverse = 1.0 / sum;
        seen.iter_mut().for_each(|p| *p *= inverse);
        *log_sum_exp = largest + sum.ln();
    }
}

/// The same probabilities again, from scores and the log-sum-exp.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub(super) fn probabilities(scores: &mut [f32], block: Block, log_sum_exp: &[f32]) {
    let rows = scores.chunks_exact_mut(block.width()).zip(log_sum_exp);
    for (i, (row, log_sum_exp)) in rows.enumerate() {
        let seen = split(row, block.seen(i));
        seen.iter_mut()
            .for_each(|score| *score = exp(*score - log_sum_exp));
    }
}

/// `dS = P·(dP − δ)`, in place of `dP`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub(super) fn score_gradients(
    probabilities: &[f32],
    gradients: &mut [f32],
    width: usize,
    deltas: &[f32],
) {
    let rows = probabilities
        .chunks_exact(width)
        .zip(gradients.chunks_exact_mut(width));
    for ((probabilities, gradients), delta) in rows.zip(deltas) {
        for (p, g) in probabilities.iter().zip(gradients) {
            *g = p * (*g - delta);
        }
    }
}

/// `δᵢ = Σ dOᵢ·Oᵢ`.
pub(super) fn delta(output: &[f32], grad: &[f32]) -> f32 {
    output.iter().zip(grad).map(|(o, g)| o * g).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FirstKeys;

    #[test]
    fn a_block_holds_no_key_that_none_of_its_rows_sees() {
        // Segments of 100, 28 and 130 tokens: the last begins at key 128.
        let first = FirstKeys::segments(&[[100, 28, 130]], 258);
        let block = |row, rows| {
            let block = Block::new(row, rows, row, Some(first.row(0)));
            (block.start, block.width())
        };
        assert_eq!(block(0, 64), (0, 64));
        assert_eq!(block(64, 64), (0, 128));
        assert_eq!(block(128, 64), (128, 64));
        assert_eq!(block(192, 64), (128, 128));
        assert_eq!(Block::new(192, 64, 192, None).width(), 256);
    }
}
