//! A layer's weight on its way through a decomposition, and what comes out.

use faer::{Mat, MatRef};

use crate::error::PeftError;

/// A weight that is to be decomposed.
#[derive(Clone, Copy)]
pub(crate) struct Weight<'a> {
    /// The layer, for errors and as the seed of what is drawn.
    pub path: &'a str,
    /// Row-major values.
    pub values: &'a [f32],
    /// `[d_input, d_output]`.
    pub shape: [usize; 2],
}

/// A weight as a base and an update: `W = residual + s · A · B`.
pub(crate) struct Decomposed {
    /// `A`, `[d_input, rank]`.
    pub a: Vec<f32>,
    /// `B`, `[rank, d_output]`.
    pub b: Vec<f32>,
    /// What the base's weight becomes, `[d_input, d_output]`.
    pub residual: Vec<f32>,
}

impl Weight<'_> {
    /// The values in f64, once they can be decomposed at this rank.
    ///
    /// # Errors
    ///
    /// [`PeftError::RankTooLarge`] and [`PeftError::NonFinite`].
    ///
    /// # Panics
    ///
    /// If the values are not as many as the shape says.
    pub(super) fn read(&self, rank: usize) -> Result<Mat<f64>, PeftError> {
        check_rank(self.path, self.shape, rank)?;
        check_finite(self.path, self.values)?;
        Ok(matrix(self.values, self.shape))
    }

    /// Takes the factors out of the weight.
    ///
    /// The factors are rounded to f32 before the product is taken, and the
    /// product is exact to f64, so that `residual + s · A · B` is the weight
    /// but for one rounding to f32.
    ///
    /// # Errors
    ///
    /// [`PeftError::NonFinite`] if a factor or the residual has no f32.
    pub(super) fn without(
        &self,
        a: MatRef<'_, f64>,
        b: MatRef<'_, f64>,
        scale: f64,
    ) -> Result<Decomposed, PeftError> {
        let [d_input, d_output] = self.shape;
        let rank = a.ncols();
        let (a, b) = (rounded(self.path, a)?, rounded(self.path, b)?);
        let update = matrix(&a, [d_input, rank]) * matrix(&b, [rank, d_output]);
        let rest = Mat::from_fn(d_input, d_output, |i, j| {
            f64::from(self.values[i * d_output + j]) - scale * update[(i, j)]
        });
        let residual = rounded(self.path, rest.as_ref())?;
        Ok(Decomposed { a, b, residual })
    }
}

/// Refuses a rank above that of any matrix of this shape.
pub(super) fn check_rank(
    path: &str,
    [d_input, d_output]: [usize; 2],
    rank: usize,
) -> Result<(), PeftError> {
    if rank <= d_input.min(d_output) {
        return Ok(());
    }
    Err(PeftError::RankTooLarge {
        path: path.to_owned(),
        rank,
        d_input,
        d_output,
    })
}

/// Refuses NaN and infinities.
pub(super) fn check_finite(path: &str, values: &[f32]) -> Result<(), PeftError> {
    if values.iter().all(|x| x.is_finite()) {
        return Ok(());
    }
    Err(PeftError::NonFinite {
        tensors: vec![path.to_owned()],
    })
}

/// A result in f32, row-major.
///
/// # Errors
///
/// [`PeftError::NonFinite`] if a value is too large for f32.
pub(super) fn rounded(path: &str, result: MatRef<'_, f64>) -> Result<Vec<f32>, PeftError> {
    let rows = 0..result.nrows();
    let values: Vec<f32> = rows
        .flat_map(|i| (0..result.ncols()).map(move |j| result[(i, j)] as f32))
        .collect();
    check_finite(path, &values)?;
    Ok(values)
}

/// Row-major values as a matrix.
///
/// # Panics
///
/// If the values are not as many as the shape says.
pub(super) fn matrix(values: &[f32], [rows, columns]: [usize; 2]) -> Mat<f64> {
    assert_eq!(values.len(), rows * columns, "values do not fill the shape");
    Mat::from_fn(rows, columns, |i, j| f64::from(values[i * columns + j]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_decomposed_is_named() {
        let weight = Weight {
            path: "layers.0.q_proj",
            values: &[1.0, 2.0, f32::NAN, 4.0, 5.0, 6.0],
            shape: [3, 2],
        };
        assert_eq!(
            weight.read(2).unwrap_err().to_string(),
            "NaN or infinite values in layers.0.q_proj"
        );
        assert_eq!(
            weight.read(3).unwrap_err().to_string(),
            "layers.0.q_proj maps 3 features to 2, so an adapter of rank 3 is wider than the \
             layer; use a rank of at most 2"
        );
    }

    #[test]
    fn a_result_beyond_f32_is_refused() {
        let weight = Weight {
            path: "up",
            values: &[1.0],
            shape: [1, 1],
        };
        let [a, b] = [1e38, 1e3].map(|x| Mat::from_fn(1, 1, |_, _| x));
        let refused = weight.without(a.as_ref(), b.as_ref(), 1.0).err().unwrap();
        assert_eq!(refused.to_string(), "NaN or infinite values in up");
        assert!(weight.without(a.as_ref(), b.as_ref(), 1e-4).is_ok());
    }
}
