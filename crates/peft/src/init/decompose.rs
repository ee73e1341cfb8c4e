//! The singular value and QR decompositions, by `faer`, in f64.
//!
//! f64 because then the one rounding that is left is that of the result to
//! f32: PEFT, in f32, loses several digits of a small singular value.

use faer::{Mat, MatRef};

use crate::error::PeftError;

/// The leading part of `W = U · diag(S) · Vᵀ`.
pub(super) struct Leading {
    /// Orthonormal columns, `[d_input, rank]`.
    pub u: Mat<f64>,
    /// The largest singular values, from the largest down.
    pub s: Vec<f64>,
    /// Orthonormal columns, `[d_output, rank]`.
    pub v: Mat<f64>,
}

/// The `rank` largest singular values of a matrix, with their vectors.
///
/// # Errors
///
/// [`PeftError::NoConvergence`].
pub(super) fn leading(
    matrix: MatRef<'_, f64>,
    rank: usize,
    path: &str,
) -> Result<Leading, PeftError> {
    let svd = matrix.thin_svd().map_err(|_| PeftError::NoConvergence {
        path: path.to_owned(),
    })?;
    Ok(Leading {
        u: svd.U().subcols(0, rank).to_owned(),
        s: (0..rank).map(|i| svd.S()[i]).collect(),
        v: svd.V().subcols(0, rank).to_owned(),
    })
}

impl Leading {
    /// `U · diag(f(S))`.
    pub(super) fn scaled_u(&self, f: impl Fn(f64) -> f64) -> Mat<f64> {
        Mat::from_fn(self.u.nrows(), self.u.ncols(), |i, k| {
            self.u[(i, k)] * f(self.s[k])
        })
    }

    /// `diag(f(S)) · Vᵀ`.
    pub(super) fn scaled_vt(&self, f: impl Fn(f64) -> f64) -> Mat<f64> {
        Mat::from_fn(self.v.ncols(), self.v.nrows(), |k, j| {
            self.v[(j, k)] * f(self.s[k])
        })
    }
}

/// `Q` and `R` of a matrix with `min(rows, columns)` columns in `Q`.
///
/// Householder reflections in LAPACK's convention: `R`'s diagonal has the
/// opposite sign of what was there, but for a last column of one element.
pub(super) fn thin_qr(matrix: MatRef<'_, f64>) -> (Mat<f64>, Mat<f64>) {
    let qr = matrix.qr();
    (qr.compute_thin_Q(), qr.thin_R().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decomposition_that_fails_is_named() {
        // Weights are checked before; this is the only way to make it fail.
        let broken = Mat::from_fn(3, 3, |i, _| if i == 1 { f64::NAN } else { 1.0 });
        let error = leading(broken.as_ref(), 2, "layers.0.q_proj")
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            "the singular value decomposition of layers.0.q_proj did not converge"
        );
    }
}
