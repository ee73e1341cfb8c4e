//! The best factors of a given rank: what combining adapters by SVD takes.
//!
//! Compared against `add_weighted_adapter(combination_type="svd")` of PEFT,
//! which leaves `A` orthonormal and gives the singular values to `B`.

use faer::Mat;

#[cfg(test)]
use super::weight::Weight;
use super::{
    decompose::{Leading, leading, thin_qr},
    weight::{check_finite, check_rank, matrix, rounded},
};
use crate::error::PeftError;

/// `A` `[d_input, rank]` and `B` `[rank, d_output]` whose product is nearest
/// to a dense update: with `Δ = U·S·Vᵀ` cut at `rank`, `A = U`, `B = S·Vᵀ`.
///
/// # Errors
///
/// A rank above the layer's, values that are not finite, or a decomposition
/// that does not converge.
#[cfg(test)]
fn truncate(delta: &Weight<'_>, rank: usize) -> Result<(Vec<f32>, Vec<f32>), PeftError> {
    let dense = delta.read(rank)?;
    split(delta.path, &leading(dense.as_ref(), rank, delta.path)?)
}

/// One adapter's share of a sum: `weight · A · B`.
#[derive(Clone, Copy)]
pub(crate) struct Term<'a> {
    /// The adapter's weight times its scale.
    pub weight: f64,
    /// `A`, `[d_input, its rank]`.
    pub a: &'a [f32],
    /// `B`, `[its rank, d_output]`.
    pub b: &'a [f32],
}

/// `A` `[d_input, rank]` and `B` `[rank, d_output]` whose product is nearest to
/// `Σ weight · A · B`, without forming the sum: two thin QR
/// decompositions and a singular value decomposition as wide as the ranks
/// together, milliseconds in place of seconds.
///
/// # Errors
///
/// As [`truncate`].
pub(crate) fn truncate_sum(
    path: &str,
    [d_input, d_output]: [usize; 2],
    terms: &[Term<'_>],
    rank: usize,
) -> Result<(Vec<f32>, Vec<f32>), PeftError> {
    check_rank(path, [d_input, d_output], rank)?;
    let widths: Vec<usize> = terms.iter().map(|term| term.a.len() / d_input).collect();
    let width = widths.iter().sum();
    let (mut a, mut bt) = (Mat::zeros(d_input, width), Mat::zeros(d_output, width));
    let mut start = 0;
    for (term, width) in terms.iter().zip(widths) {
        check_finite(path, term.a)?;
        check_finite(path, term.b)?;
        a.subcols_mut(start, width)
            .copy_from(matrix(term.a, [d_input, width]) * faer::Scale(term.weight));
        bt.subcols_mut(start, width)
            .copy_from(matrix(term.b, [width, d_output]).transpose());
        start += width;
    }
    if rank > width {
        // The sum's rank is below the one asked for: what fills it up must
        // still be orthonormal, and only the dense decomposition gives that.
        let dense = &a * bt.transpose();
        return split(path, &leading(dense.as_ref(), rank, path)?);
    }
    let ((left, x), (right, y)) = (thin_qr(a.as_ref()), thin_qr(bt.as_ref()));
    let Leading { u, s, v } = leading((x * y.transpose()).as_ref(), rank, path)?;
    let (u, v) = (left * u, right * v);
    split(path, &Leading { u, s, v })
}

fn split(path: &str, found: &Leading) -> Result<(Vec<f32>, Vec<f32>), PeftError> {
    let b = found.scaled_vt(|singular| singular);
    Ok((rounded(path, found.u.as_ref())?, rounded(path, b.as_ref())?))
}

#[cfg(test)]
mod tests {
    use anneal_testkit::hashed;

    use super::super::testing::*;
    use super::*;

    // Printed by testkit/fixtures/generate/initial_values.py: `lora_A` [2, 5]
    // and `lora_B` [4, 2] of two adapters combined.
    const LORA_A: [f32; 10] = [
        0.2081934, 0.285465, -0.6515529, 0.5225031, -0.4214666, 0.8147558, 0.2148283, -0.1642412,
        -0.4533285, 0.2398744,
    ];
    const LORA_B: [f32; 8] = [
        0.3830553, -0.0700293, -0.1432707, -0.0834953, -0.2035621, 0.076415, -0.3144595, -0.0967307,
    ];

    /// The two adapters of the golden, in burn's layout.
    fn adapters() -> [(Vec<f32>, Vec<f32>); 2] {
        ["one", "two"].map(|name| {
            let a = transposed(&hashed(&format!("svd.{name}.a"), 10), 2, 5);
            let b = transposed(&hashed(&format!("svd.{name}.b"), 8), 4, 2);
            (a, b)
        })
    }

    fn terms(adapters: &[(Vec<f32>, Vec<f32>); 2]) -> [Term<'_>; 2] {
        // Weights 0.75 and -0.5, alpha 3, rank 2.
        [0, 1].map(|i| Term {
            weight: [0.75, -0.5][i] * 1.5,
            a: &adapters[i].0,
            b: &adapters[i].1,
        })
    }

    fn sum(terms: &[Term<'_>]) -> Vec<f64> {
        let mut sum = vec![0.0; 20];
        for term in terms {
            for (sum, x) in sum.iter_mut().zip(product(term.a, term.b, 2)) {
                *sum += term.weight * x;
            }
        }
        sum
    }

    #[test]
    fn combined_adapters_are_pefts() {
        let adapters = adapters();
        let terms = terms(&adapters);
        let dense: Vec<f32> = sum(&terms).iter().map(|&x| x as f32).collect();
        let delta = Weight {
            path: "up",
            values: &dense,
            shape: [5, 4],
        };
        let (expected_a, expected_b) = (transposed(&LORA_A, 2, 5), transposed(&LORA_B, 4, 2));
        for (a, b) in [
            truncate(&delta, 2).unwrap(),
            truncate_sum("up", [5, 4], &terms, 2).unwrap(),
        ] {
            assert_orthonormal(&a, 2);
            let expected = product(&expected_a, &expected_b, 2);
            assert!(distance(&product(&a, &b, 2), &expected) < TOLERANCE);
            // The singular values are all in B, as in PEFT, up to signs.
            let sizes = |values: &[f32]| values.iter().map(|x| x.abs()).collect::<Vec<_>>();
            assert!(distance(&sizes(&a), &sizes(&expected_a)) < TOLERANCE);
            assert!(distance(&sizes(&b), &sizes(&expected_b)) < TOLERANCE);
        }
    }

    #[test]
    fn a_rank_that_suffices_loses_nothing() {
        let adapters = adapters();
        let terms = terms(&adapters);
        let (a, b) = truncate_sum("up", [5, 4], &terms, 4).unwrap();
        assert!(distance(&product(&a, &b, 4), &sum(&terms)) < 1e-6);
        // More than the terms have together: one adapter of rank 2 at rank 3.
        let (a, b) = truncate_sum("up", [5, 4], &terms[..1], 3).unwrap();
        assert_orthonormal(&a, 3);
        assert!(distance(&product(&a, &b, 3), &sum(&terms[..1])) < 1e-6);
    }

    #[test]
    fn known_components_are_found() {
        for shape in [[64, 32], [32, 64]] {
            let values = known_weight(shape);
            let delta = Weight {
                path: "up",
                values: &values,
                shape,
            };
            let (a, b) = truncate(&delta, 3).unwrap();
            assert_orthonormal(&a, 3);
            let error = distance(&product(&a, &b, 3), &known(shape, 3));
            assert!(error < KNOWN_TOLERANCE, "{error:e}");
            for (k, row) in b.chunks_exact(shape[1]).enumerate() {
                let norm = row
                    .iter()
                    .map(|&x| f64::from(x).powi(2))
                    .sum::<f64>()
                    .sqrt();
                let expected = known_singular_value(k);
                assert!((norm - expected).abs() < KNOWN_TOLERANCE, "{norm}");
            }
        }
    }

    #[test]
    fn what_cannot_be_truncated_is_named() {
        let good = [1.0, 2.0];
        let term = |b| Term {
            weight: 1.0,
            a: &good,
            b,
        };
        let bad = [f32::INFINITY];
        let refused = |terms: &[Term<'_>], rank| {
            let result = truncate_sum("layers.0.up", [2, 1], terms, rank);
            result.unwrap_err().to_string()
        };
        assert_eq!(
            refused(&[term(&[1.0]), term(&bad)], 1),
            "NaN or infinite values in layers.0.up"
        );
        assert!(refused(&[term(&[1.0])], 2).contains("use a rank of at most 1"));
    }
}
