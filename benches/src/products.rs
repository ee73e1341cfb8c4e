//! A checked door to the `gemm` crate, on every thread, for what the machine can do at most.

/// A matrix in a slice: row-major, or the same values with rows for columns.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    strides: [isize; 2],
}

impl<'a> Matrix<'a> {
    /// The first `rows · columns` values, row-major.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        let values = &values[..rows * columns];
        let strides = [columns as isize, 1];
        Self {
            values,
            rows,
            columns,
            strides,
        }
    }

    /// The same values, rows for columns.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            strides: [self.strides[1], self.strides[0]],
            ..self
        }
    }
}

/// How a weight that takes `from` to `to` columns lies in memory.
#[derive(Clone, Copy)]
pub enum Layout {
    /// An output's row after another's, as checkpoints hold them.
    Stored,
    /// An input's row after another's.
    Turned,
}

impl Layout {
    /// The weight as the right operand of the forward product.
    pub fn matrix(self, values: &[f32], from: usize, to: usize) -> Matrix<'_> {
        match self {
            Self::Stored => Matrix::new(values, to, from).transposed(),
            Self::Turned => Matrix::new(values, from, to),
        }
    }

    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Turned => "turned",
        }
    }
}

/// `output = a·b`, row-major from the slice's start.
///
/// # Panics
/// If the shapes do not fit.
pub fn product(output: &mut [f32], a: Matrix, b: Matrix) {
    assert_eq!(a.columns, b.rows, "inner dimensions differ");
    let output = &mut output[..a.rows * b.columns];
    #[expect(
        unsafe_code,
        reason = "the crate takes pointers; a matrix has all its values in its slice, and so has the output"
    )]
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            output.as_mut_ptr(),
            1,
            b.columns as isize,
            false,
            a.values.as_ptr(),
            a.strides[1],
            a.strides[0],
            b.values.as_ptr(),
            b.strides[1],
            b.strides[0],
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::Rayon(0),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, Matrix, product};

    #[test]
    fn layouts_are_the_same_weight() {
        // [[1, 2, 3], [4, 5, 6]] takes two columns to three.
        let (turned, stored) = (
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            [1.0, 4.0, 2.0, 5.0, 3.0, 6.0],
        );
        let (mut first, mut second) = ([0.0; 3], [0.0; 3]);
        let x = [10.0, 1.0];
        product(
            &mut first,
            Matrix::new(&x, 1, 2),
            Layout::Turned.matrix(&turned, 2, 3),
        );
        product(
            &mut second,
            Matrix::new(&x, 1, 2),
            Layout::Stored.matrix(&stored, 2, 3),
        );
        assert_eq!(first, [14.0, 25.0, 36.0]);
        assert_eq!(first, second);
    }
}
