//! A checked door to the `gemm` crate, and to our own product of few rows.

use rayon::prelude::*;

use super::few_rows;

/// A matrix within a slice: `rows · columns` values at the given distances.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) values: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// From one row to the next.
    pub(super) row_stride: usize,
    /// From one column to the next.
    pub(super) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major rows at a distance of `row_stride`.
    pub(super) fn new(values: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        Self {
            values,
            rows,
            columns,
            row_stride,
            column_stride: 1,
        }
    }

    /// The same values, rows for columns.
    pub(super) fn transposed(self) -> Self {
        Self {
            values: self.values,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    pub(super) fn fits(&self) -> bool {
        let last = (self.rows.max(1) - 1) * self.row_stride
            + (self.columns.max(1) - 1) * self.column_stride;
        last < self.values.len()
    }
}

/// Multiplications from which a second thread pays.
const PARALLEL: usize = 1 << 20;

/// The same for a single row, which is read from memory once.
const PARALLEL_ROW: usize = 1 << 17;

/// `output = keep·output + factor·a·b`, row-major rows of `output` at a
/// distance of `stride`; on this thread alone.
///
/// # Panics
/// If the shapes do not fit one another or their slices.
pub(super) fn product(
    output: &mut [f32],
    stride: usize,
    keep: bool,
    factor: f32,
    a: Matrix,
    b: Matrix,
) {
    run(output, stride, keep, factor, a, b, gemm::Parallelism::None);
}

/// [`product`] on every thread, for the large ones.
pub(super) fn parallel_product(
    output: &mut [f32],
    stride: usize,
    keep: bool,
    factor: f32,
    a: Matrix,
    b: Matrix,
) {
    if !keep && factor == 1.0 && few_rows::suits(&a, &b) {
        return few_rows::product(output, stride, a, b);
    }
    if a.rows == 1 && a.columns * b.columns >= PARALLEL_ROW {
        return single_row(&mut output[..b.columns], keep, factor, a, b);
    }
    let parallelism = match a.rows * a.columns * b.columns {
        PARALLEL.. => gemm::Parallelism::Rayon(0),
        _ => gemm::Parallelism::None,
    };
    run(output, stride, keep, factor, a, b, parallelism);
}

/// A row times a matrix, each thread with some of the columns: memory feeds two
/// cores faster than one, and the crate gives such a product to one alone.
fn single_row(output: &mut [f32], keep: bool, factor: f32, a: Matrix, b: Matrix) {
    let columns = b.columns.div_ceil(rayon::current_num_threads());
    let parts = output.par_chunks_mut(columns).enumerate();
    parts.for_each(|(part, output)| {
        let first = part * columns;
        let b = Matrix {
            values: &b.values[first * b.column_stride..],
            columns: output.len(),
            ..b
        };
        product(output, output.len(), keep, factor, a, b);
    });
}

/// Every index that a product reaches lies within its slice.
fn check(output: &[f32], stride: usize, a: Matrix, b: Matrix) {
    assert_eq!(a.columns, b.rows, "inner dimensions differ");
    let fits = a.fits() && b.fits() && b.columns <= stride;
    let last = (a.rows.max(1) - 1) * stride + b.columns;
    assert!(
        fits && last <= output.len(),
        "a matrix reaches beyond its slice"
    );
}

fn run(
    output: &mut [f32],
    stride: usize,
    keep: bool,
    factor: f32,
    a: Matrix,
    b: Matrix,
    parallelism: gemm::Parallelism,
) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        // A sum of nothing.
        let rows = output.chunks_mut(stride).take(m).filter(|_| !keep);
        rows.for_each(|row| row[..n].fill(0.0));
        return;
    }
    check(output, stride, a, b);
    #[expect(
        unsafe_code,
        reason = "the crate takes pointers; `check` has seen every index it reaches"
    )]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            output.as_mut_ptr(),
            1,
            stride as isize,
            keep,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            factor,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_follow_strides_and_accumulate() {
        // a = [[1, 2], [3, 4]] within rows of three; b = its transpose.
        let values = [1.0, 2.0, 9.0, 3.0, 4.0];
        let a = Matrix::new(&values, 2, 2, 3);
        let mut output = [1.0; 7];
        product(&mut output, 5, true, 2.0, a, a.transposed());
        assert_eq!(output, [11.0, 23.0, 1.0, 1.0, 1.0, 23.0, 51.0]);
        product(&mut output, 5, false, 1.0, a, a);
        assert_eq!(output, [7.0, 10.0, 1.0, 1.0, 1.0, 15.0, 22.0]);
        // A sum of nothing is zero, or what was there.
        let (a, b) = (Matrix::new(&[], 2, 0, 0), Matrix::new(&[], 0, 2, 2));
        product(&mut output, 5, true, 1.0, a, b);
        assert_eq!(output[..2], [7.0, 10.0]);
        product(&mut output, 5, false, 1.0, a, b);
        assert_eq!(output, [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    #[should_panic(expected = "a matrix reaches beyond its slice")]
    fn a_matrix_beyond_its_slice_is_refused() {
        let values = [0.0; 5];
        let a = Matrix::new(&values, 2, 3, 3);
        product(&mut [0.0; 4], 2, false, 1.0, a, a.transposed());
    }
}
