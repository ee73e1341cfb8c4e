//! OLoRA: an adapter that begins with the weight's first QR components.
//!
//! Büyükakyüz, arXiv:2406.01775; compared against `LoraLayer.olora_init`.

use super::{
    decompose::thin_qr,
    weight::{Decomposed, Weight},
};
use crate::error::PeftError;

/// `init_lora_weights="olora"`: with `Wᵀ = Q·R` (PyTorch's layout) cut at
/// `rank`, `A = Rᵀ`, `B = Qᵀ`, and the residual is `W − s·A·B`.
///
/// The scale only enters the residual, as in PEFT. `Q`'s first columns depend
/// on as many columns of `Wᵀ` alone, so that only those are decomposed.
///
/// # Errors
///
/// A rank above the layer's, or values that are not finite.
pub(crate) fn olora(weight: &Weight<'_>, rank: usize, scale: f64) -> Result<Decomposed, PeftError> {
    let matrix = weight.read(rank)?;
    let (q, r) = thin_qr(matrix.as_ref().subrows(0, rank).transpose());
    let mut a = &matrix * &q;
    // Here R is triangular: what was computed is 0 but for rounding.
    for row in 0..rank {
        for column in 0..rank {
            a[(row, column)] = if column > row { 0.0 } else { r[(column, row)] };
        }
    }
    weight.without(a.as_ref(), q.transpose(), scale)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    // Printed by testkit/fixtures/generate/initial_values.py, in PyTorch's
    // layout: `lora_A` [rank, d_input], `lora_B` [d_output, rank].
    const TALL: ([f32; 8], [f32; 10], [f32; 20]) = (
        [
            -0.3980843, -0.3971967, -0.4355003, -0.0896424, 0.0, 0.3910429, -0.0912944, -0.4774585,
        ],
        [
            -0.2734573, 0.7000139, -0.8759703, -0.4450945, -0.0741121, 0.3046374, -0.1087246,
            0.2472555, -0.3749446, 0.3974068,
        ],
        [
            -0.0544295, -0.1911758, -0.1398706, 0.249658, -0.174355, -0.0869406, -0.2536929,
            -0.1677299, -0.0147514, -0.0742817, 0.1521401, -0.0118748, -0.0216408, -0.0699363,
            -0.3714734, -0.3322824, -0.0746298, -0.1521649, 0.1915985, 0.1889392,
        ],
    );
    const WIDE: ([f32; 12], [f32; 6], [f32; 18]) = (
        [
            0.4306105, -0.2792727, -0.2449991, 0.2804719, -0.1429421, -0.2474896, 0.0, 0.4044098,
            0.0565791, -0.3164313, 0.4045391, -0.2027381,
        ],
        [
            -0.042509, -0.6290262, 0.995892, -0.0888479, -0.0799486, -0.7722902,
        ],
        [
            0.0091524, 0.1212564, 0.0511674, 0.0883161, 0.2837636, -0.0462531, -0.2144207,
            0.1570282, 0.1236419, -0.1578081, 0.0855593, 0.1137177, 0.0172133, 0.1449971,
            -0.0192692, -0.2586437, 0.0209417, -0.1066673,
        ],
    );
    const FULL: ([f32; 9], [f32; 9]) = (
        [
            -0.6538791, 0.3462902, 0.2699445, 0.0, 0.4188211, -0.3785516, 0.0, 0.0, -0.3248631,
        ],
        [
            -0.6697578, -0.3683377, 0.6447883, -0.4785209, -0.449902, -0.7540597, 0.5678402,
            -0.8135819, 0.1250682,
        ],
    );

    fn check(path: &str, shape: [usize; 2], rank: usize, a: &[f32], b: &[f32]) -> Vec<f32> {
        let values = hashed_weight(path, shape);
        let weight = Weight {
            path,
            values: &values,
            shape,
        };
        // alpha 3
        let scale = 3.0 / rank as f64;
        let found = olora(&weight, rank, scale).unwrap();
        let [d_input, d_output] = shape;
        // Signs included.
        assert!(distance(&found.a, &transposed(a, rank, d_input)) < TOLERANCE);
        assert!(distance(&found.b, &transposed(b, d_output, rank)) < TOLERANCE);
        assert_restores(&weight, &found, rank, scale);
        found.residual
    }

    #[test]
    fn factors_and_residual_are_pefts() {
        let (a, b, expected) = &TALL;
        let residual = check("olora.tall", [4, 5], 2, a, b);
        assert!(distance(&residual, &transposed(expected, 5, 4)) < TOLERANCE);
        let (a, b, expected) = &WIDE;
        let residual = check("olora.wide", [6, 3], 2, a, b);
        assert!(distance(&residual, &transposed(expected, 3, 6)) < TOLERANCE);
    }

    #[test]
    fn the_full_rank_is_the_weight_itself() {
        let (a, b) = &FULL;
        let residual = check("olora.full", [3, 3], 3, a, b);
        // Scale 1: what is left are the factors' own roundings.
        assert!(residual.iter().all(|x| x.abs() < 2e-7), "{residual:?}");
    }

    #[test]
    fn a_is_triangular_and_b_orthonormal() {
        let values = hashed_weight("olora", [40, 70]);
        let weight = Weight {
            path: "olora",
            values: &values,
            shape: [40, 70],
        };
        let found = olora(&weight, 9, 0.25).unwrap();
        assert!((0..9).all(|i| {
            found.a[i * 9 + i + 1..(i + 1) * 9]
                .iter()
                .all(|&x| x == 0.0)
        }));
        assert_orthonormal(&transposed(&found.b, 9, 70), 9);
        assert_restores(&weight, &found, 9, 0.25);
        // The first nine rows of the weight lie in what B spans.
        let update = product(&found.a, &found.b, 9);
        assert!(distance(&update[..9 * 70], &values[..9 * 70]) < 1e-6);
        assert!(olora(&weight, 41, 1.0).is_err());
    }
}
