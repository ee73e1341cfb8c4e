//! PiSSA: an adapter that begins with the weight's largest components.
//!
//! Meng et al., arXiv:2404.02948; compared against `LoraLayer.pissa_init`.

use faer::{Mat, MatRef};

use super::{
    decompose::{Leading, leading, thin_qr},
    normal::Normals,
    weight::{Decomposed, Weight},
};
use crate::error::PeftError;

/// `init_lora_weights="pissa"`: with `W = U·S·Vᵀ` cut at `rank`,
/// `A = U·√(S/s)`, `B = √(S/s)·Vᵀ`, and the residual is `W − s·A·B`.
///
/// # Errors
///
/// A rank above the layer's, values that are not finite, a decomposition that
/// does not converge, or a scale that is not above 0.
pub(crate) fn pissa(weight: &Weight<'_>, rank: usize, scale: f64) -> Result<Decomposed, PeftError> {
    let matrix = weight.read(rank)?;
    split(weight, &leading(matrix.as_ref(), rank, weight.path)?, scale)
}

/// `init_lora_weights="pissa_niter_N"`: as [`pissa`], with the randomised
/// decomposition of `torch.svd_lowrank` in place of the exact one.
///
/// Its random matrix comes from the seed and the path.
///
/// # Errors
///
/// As [`pissa`].
pub(crate) fn pissa_niter(
    weight: &Weight<'_>,
    rank: usize,
    scale: f64,
    iterations: usize,
    seed: u64,
) -> Result<Decomposed, PeftError> {
    let matrix = weight.read(rank)?;
    let [d_input, d_output] = weight.shape;
    let mut normals = Normals::new(seed, weight.path);
    let mut omega = Mat::zeros(d_input.min(d_output), rank);
    for row in 0..omega.nrows() {
        for column in 0..rank {
            omega[(row, column)] = normals.draw();
        }
    }
    let found = randomised(matrix.as_ref(), omega, iterations, weight.path)?;
    split(weight, &found, scale)
}

fn split(weight: &Weight<'_>, found: &Leading, scale: f64) -> Result<Decomposed, PeftError> {
    // Singular values are divided by the scale before their root is taken.
    if !(scale > 0.0 && scale.is_finite()) {
        return Err(PeftError::InvalidSetting {
            field: format!("the scale of {}", weight.path),
            found: scale.to_string(),
            expected: "finite and above 0 for init_lora_weights=\"pissa\"; see lora_alpha",
        });
    }
    let root = |singular: f64| (singular / scale).sqrt();
    let (a, b) = (found.scaled_u(root), found.scaled_vt(root));
    weight.without(a.as_ref(), b.as_ref(), scale)
}

/// Halko, Martinsson and Tropp's algorithm 5.1 (arXiv:0909.4061) after
/// `iterations` rounds of subspace iteration, from the random `omega`.
fn randomised(
    matrix: MatRef<'_, f64>,
    omega: Mat<f64>,
    iterations: usize,
    path: &str,
) -> Result<Leading, PeftError> {
    let rank = omega.ncols();
    // PyTorch works on the tall one of the weight and its transpose. Of a
    // square one it takes its own layout, which is our transpose.
    let upright = matrix.nrows() > matrix.ncols();
    let tall = if upright { matrix } else { matrix.transpose() };
    let mut basis = thin_qr((tall * omega).as_ref()).0;
    for _ in 0..iterations {
        let across = thin_qr((tall.transpose() * &basis).as_ref()).0;
        basis = thin_qr((tall * across).as_ref()).0;
    }
    let Leading { u, s, v } = leading((basis.transpose() * tall).as_ref(), rank, path)?;
    let u = basis * u;
    Ok(if upright {
        Leading { u, s, v }
    } else {
        Leading { u: v, s, v: u }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{testing::*, weight::matrix};
    use super::*;

    // Printed by testkit/fixtures/generate/initial_values.py, in PyTorch's
    // layout: `lora_A` [2, d_input], `lora_B` [d_output, 2].
    const TALL: ([f32; 8], [f32; 10], [f32; 20]) = (
        [
            -0.2610011, -0.6545968, 0.3825079, 0.1990148, -0.1222398, 0.3940604, 0.3667965,
            0.4308394,
        ],
        [
            0.1233518, -0.3151195, 0.2926509, -0.0647377, 0.5419676, 0.0808382, -0.0483114,
            0.6113307, 0.5344293, 0.0814675,
        ],
        [
            0.0491612, -0.036702, -0.0969156, 0.1300262, 0.1875343, -0.0727457, -0.1056108,
            0.2096558, 0.0144554, 0.0144325, 0.0705444, -0.0691572, 0.0597198, -0.0326242,
            -0.0707701, 0.107034, -0.1233006, 0.0307208, 0.0022645, -0.0650095,
        ],
    );
    const WIDE: ([f32; 12], [f32; 6], [f32; 18]) = (
        [
            0.2663238, 0.3381332, -0.4298045, -0.2095017, 0.0944933, 0.5089832, 0.1124075,
            -0.3357858, -0.0656539, 0.1409006, 0.5361838, 0.0672681,
        ],
        [
            0.5990776, -0.2479199, 0.0454258, 0.5774987, -0.5664985, -0.2158699,
        ],
        [
            0.0509561, -0.0803983, 0.0458598, -0.2400112, 0.0121163, -0.0355659, 0.0433167,
            -0.0683449, 0.0389844, -0.2040283, 0.0103, -0.0302339, 0.05736, -0.0905024, 0.0516231,
            -0.2701747, 0.013639, -0.0400357,
        ],
    );
    const RANDOMISED_TALL: ([f32; 8], [f32; 10]) = (
        [
            0.3133575, 0.3083842, -0.6731503, 0.201226, -0.2218424, 0.3115736, 0.2086103, 0.5658204,
        ],
        [
            -0.0944859, 0.0964591, -0.5683941, -0.3106628, 0.1178673, -0.5733716, 0.4868383,
            -0.0239646, 0.322511, -0.2735293,
        ],
    );
    const RANDOMISED_WIDE: ([f32; 12], [f32; 6]) = (
        [
            -0.0803897, 0.2123826, 0.4092065, -0.4287259, -0.4131149, 0.0526384, -0.2208399,
            0.0804464, -0.3532025, 0.1170918, -0.3829421, 0.0322086,
        ],
        [
            -0.1036876, 0.0163278, 0.034907, 0.5835252, 0.7511921, -0.0248619,
        ],
    );

    /// Compares with PEFT's factors, each component up to the sign that its
    /// two vectors share.
    fn assert_factors(found: &Decomposed, lora_a: &[f32], lora_b: &[f32]) {
        let (d_input, d_output) = (lora_a.len() / 2, lora_b.len() / 2);
        let b = transposed(lora_b, d_output, 2);
        for k in 0..2 {
            let expected_a = &lora_a[k * d_input..][..d_input];
            let expected_b = &b[k * d_output..][..d_output];
            let sign = (found.a[k] * expected_a[0]).signum();
            let a: Vec<f32> = (0..d_input).map(|i| sign * found.a[i * 2 + k]).collect();
            let b: Vec<f32> = (0..d_output)
                .map(|j| sign * found.b[k * d_output + j])
                .collect();
            assert!(distance(&a, expected_a) < TOLERANCE, "{a:?}");
            assert!(distance(&b, expected_b) < TOLERANCE, "{b:?}");
        }
    }

    fn check(path: &str, shape: [usize; 2], (a, b, residual): (&[f32], &[f32], &[f32])) {
        let values = hashed_weight(path, shape);
        let weight = Weight {
            path,
            values: &values,
            shape,
        };
        // Rank 2 and alpha 3.
        let found = pissa(&weight, 2, 1.5).unwrap();
        assert_factors(&found, a, b);
        let residual = transposed(residual, shape[1], shape[0]);
        assert!(distance(&found.residual, &residual) < TOLERANCE);
        assert_restores(&weight, &found, 2, 1.5);
    }

    #[test]
    fn factors_and_residual_are_pefts() {
        let (a, b, residual) = &TALL;
        check("pissa.tall", [4, 5], (a, b, residual));
        let (a, b, residual) = &WIDE;
        check("pissa.wide", [6, 3], (a, b, residual));
    }

    #[test]
    fn the_randomised_algorithm_is_pytorchs() {
        let cases: [(_, _, &[f32], &[f32]); 2] = [
            ("niter.tall", [4, 5], &RANDOMISED_TALL.0, &RANDOMISED_TALL.1),
            ("niter.wide", [6, 3], &RANDOMISED_WIDE.0, &RANDOMISED_WIDE.1),
        ];
        for (path, shape, a, b) in cases {
            let values = hashed_weight(path, shape);
            let weight = Weight {
                path,
                values: &values,
                shape,
            };
            let narrow = shape[0].min(shape[1]);
            let omega = anneal_testkit::hashed(&format!("{path}.omega"), narrow * 2);
            let omega = matrix(&omega, [narrow, 2]);
            let leading = randomised(weight.read(2).unwrap().as_ref(), omega, 1, path).unwrap();
            assert_factors(&split(&weight, &leading, 1.5).unwrap(), a, b);
        }
    }

    #[test]
    fn known_components_are_found() {
        for shape in [[64, 32], [32, 64], [32, 32]] {
            let values = known_weight(shape);
            let weight = Weight {
                path: "up",
                values: &values,
                shape,
            };
            let expected = known(shape, 3);
            // Between the third component and the fourth lies a factor of 2,
            // so that 12 iterations leave 2⁻²⁵ of the fourth.
            let exact = pissa(&weight, 3, 0.75).unwrap();
            let close = pissa_niter(&weight, 3, 0.75, 12, 5).unwrap();
            for found in [exact, close] {
                let update: Vec<f64> = product(&found.a, &found.b, 3)
                    .iter()
                    .map(|x| 0.75 * x)
                    .collect();
                let error = distance(&update, &expected);
                assert!(error < KNOWN_TOLERANCE, "{error:e}");
                assert_restores(&weight, &found, 3, 0.75);
            }
        }
    }

    #[test]
    fn seed_and_path_alone_decide_what_is_drawn() {
        let values = hashed_weight("pissa", [9, 7]);
        let draw = |path, seed| {
            let weight = Weight {
                path,
                values: &values,
                shape: [9, 7],
            };
            pissa_niter(&weight, 2, 1.0, 0, seed).unwrap().a
        };
        assert_eq!(draw("p", 1), draw("p", 1));
        assert_ne!(draw("p", 1), draw("p", 2));
        assert_ne!(draw("p", 1), draw("q", 1));
    }

    #[test]
    fn a_scale_that_has_no_root_is_refused() {
        let weight = Weight {
            path: "layers.0.up",
            values: &[1.0, 2.0],
            shape: [2, 1],
        };
        for scale in [0.0, -0.5, f64::NAN] {
            let message = pissa(&weight, 1, scale).err().unwrap().to_string();
            let expected = format!(
                "the scale of layers.0.up is {scale}, but it must be finite and above 0 for \
                 init_lora_weights=\"pissa\"; see lora_alpha"
            );
            assert_eq!(message, expected);
        }
        assert!(pissa(&weight, 2, 1.0).is_err());
    }
}
