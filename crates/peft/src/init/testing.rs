//! What the tests of the decompositions share.

use super::weight::{Decomposed, Weight};
use anneal_testkit::hashed;

/// How far f32 results of PEFT and ours may lie apart, of values around 1 and
/// singular values that are some tenths apart.
pub(super) const TOLERANCE: f64 = 1e-5;

/// The first `count` singular values of [`known`].
pub(super) fn known_singular_value(k: usize) -> f64 {
    0.5_f64.powi(k as i32)
}

/// The transpose of a row-major matrix; goldens are in PyTorch's layout.
pub(super) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    assert_eq!(values.len(), rows * columns);
    (0..columns)
        .flat_map(|j| (0..rows).map(move |i| values[i * columns + j]))
        .collect()
}

/// The weight that the generator gives the layer `name`, in burn's layout.
pub(super) fn hashed_weight(name: &str, [d_input, d_output]: [usize; 2]) -> Vec<f32> {
    transposed(&hashed(name, d_input * d_output), d_output, d_input)
}

/// `left · right` in f64, the inner dimension being `rank`.
pub(super) fn product(left: &[f32], right: &[f32], rank: usize) -> Vec<f64> {
    let columns = right.len() / rank;
    let rows = left.chunks_exact(rank);
    rows.flat_map(|row| {
        (0..columns).map(move |j| {
            let terms = row.iter().enumerate();
            terms
                .map(|(k, &x)| f64::from(x) * f64::from(right[k * columns + j]))
                .sum()
        })
    })
    .collect()
}

/// The largest difference of two lists of numbers.
pub(super) fn distance<A: Into<f64> + Copy, B: Into<f64> + Copy>(a: &[A], b: &[B]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(&a, &b)| (a.into() - b.into()).abs())
        .fold(0.0, f64::max)
}

/// The first `rank` components of a matrix whose decomposition is known: of
/// Hadamard's vectors with the singular values 1, 1/2, 1/4, ..., in f64.
///
/// Both dimensions are powers of 2; there are as many components as the
/// smaller one. Component `k` pairs `k` of the inputs with `k + 1` of the
/// outputs, so that a mix-up of the two shows.
pub(super) fn known([d_input, d_output]: [usize; 2], rank: usize) -> Vec<f64> {
    let sign = |a: usize, b: usize| [1.0, -1.0][((a & b).count_ones() % 2) as usize];
    let norm = ((d_input * d_output) as f64).sqrt();
    let value = |i: usize, j: usize| {
        let components = 0..rank;
        components
            .map(|k| known_singular_value(k) * sign(i, k) * sign(j, (k + 1) % d_output))
            .sum::<f64>()
            / norm
    };
    (0..d_input)
        .flat_map(|i| (0..d_output).map(move |j| value(i, j)))
        .collect()
}

/// The whole of [`known`], rounded to f32.
pub(super) fn known_weight(shape: [usize; 2]) -> Vec<f32> {
    let exact = known(shape, shape[0].min(shape[1]));
    exact.iter().map(|&x| x as f32).collect()
}

/// How far the leading components of [`known_weight`] may be from those of
/// [`known`]: rounding the weight moves it by 2⁻²⁴ of its norm, 1.16; a
/// component moves by that over the gap of its singular values, at least 1/8
/// for the first three; and the factors are rounded too.
pub(super) const KNOWN_TOLERANCE: f64 = 1.2e-6;

/// That `residual + s · A · B` is the weight, but for one rounding to f32.
pub(super) fn assert_restores(weight: &Weight<'_>, found: &Decomposed, rank: usize, scale: f64) {
    let update = product(&found.a, &found.b, rank);
    let rows = weight.values.iter().zip(&found.residual).zip(update);
    for ((&w, &rest), update) in rows {
        let error = f64::from(w) - scale * update - f64::from(rest);
        // Half a unit in the last place, and f64's own rounding of the sum.
        let allowed = f64::from(rest.abs()) * 2_f64.powi(-24) + 1e-14;
        assert!(error.abs() <= allowed, "{w} misses {error:e}");
    }
}

/// That the columns of a `[rows, rank]` matrix are orthonormal to f32.
pub(super) fn assert_orthonormal(columns: &[f32], rank: usize) {
    let transposed = transposed(columns, columns.len() / rank, rank);
    let gram = product(&transposed, columns, columns.len() / rank);
    for (index, value) in gram.into_iter().enumerate() {
        let expected = f64::from(u8::from(index % (rank + 1) == 0));
        assert!((value - expected).abs() < 1e-6, "{value} at {index}");
    }
}
