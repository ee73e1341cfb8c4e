//! A product of few rows with a weight that is stored row by row.
//!
//! `gemm` packs the weight anew for each product: with a thousand rows that is
//! paid back many times, with sixteen it costs more than the product. Here a
//! weight row is read once, as it lies in memory, while sixteen rows of `x`
//! stand side by side in the lanes of a vector; a single row of `x` is
//! multiplied along the weight's rows.
//!
//! Such products are most of what generation does. Their weight comes from
//! memory, which takes about as long as the arithmetic of sixteen rows: what
//! counts is that the one goes on while the other does ([`x86`]).

mod portable;
#[cfg(test)]
mod tests;
mod x86;

use rayon::prelude::*;

use super::gemm::Matrix;
use super::output::{Output, written};

/// Rows of `x` in a panel: one AVX-512 vector, two of AVX2.
const LANES: usize = 16;

/// Products that are added up before the sum joins the others. One running sum
/// over 1,536 products loses a factor of four in precision to sums of 64.
const PART: usize = 64;

/// Values of a cache line.
const LINE: usize = 16;

/// Weight rows that all panels meet before the next ones are read: they stay in
/// the core's second cache.
const BLOCK: usize = 64;

/// From this many rows on, packing pays (measured: docs/performance.md).
const ROWS: usize = 64;

/// Values of a weight from which a second thread pays.
const PARALLEL: usize = 1 << 16;

/// Weight rows that are read side by side.
const GROUP: usize = 8;

/// Tasks of a thread: one that wakes late finds less left to do.
const TASKS: usize = 4;

/// Whether [`product`] is the faster way to `x·weight`.
pub(super) fn suits(x: &Matrix, weight: &Matrix) -> bool {
    let by_rows = weight.row_stride == 1 && weight.column_stride >= weight.rows;
    // `gemm` packs nothing for one row; AVX-512 alone is better at it.
    let few = (1 + usize::from(!x86::available())..=ROWS).contains(&x.rows);
    few && by_rows && weight.rows > 0 && weight.columns > 0
}

/// `output = x·weight` on every thread, for operands that [`suits`] accepts.
///
/// # Panics
/// If the shapes do not fit one another or their slices.
pub(super) fn product(output: &mut [f32], stride: usize, x: Matrix, weight: Matrix) {
    assert!(
        weight.columns <= stride && (x.rows.max(1) - 1) * stride + weight.columns <= output.len(),
        "the output reaches beyond its slice"
    );
    run(Output::new(output.as_mut_ptr(), stride), x, weight);
}

/// [`product`] as a new buffer, which is not cleared first.
///
/// # Panics
/// As [`product`].
pub(super) fn fresh(x: Matrix, weight: Matrix) -> Vec<f32> {
    #[expect(unsafe_code, reason = "`run` writes each value of every row")]
    unsafe {
        written(x.rows, weight.columns, |output| run(output, x, weight))
    }
}

/// The output must have room for the rows of `x` and the columns of the weight.
fn run(output: Output, x: Matrix, weight: Matrix) {
    assert_eq!(x.columns, weight.rows, "inner dimensions differ");
    assert!(
        x.fits() && weight.fits() && weight.row_stride == 1,
        "a matrix reaches beyond its slice"
    );
    let rows = Rows {
        values: weight.values,
        stride: weight.column_stride,
        first: 0,
        count: weight.columns,
        length: x.columns,
    };
    let operand = Operand::new(&x);
    let parallel = rows.length * rows.count >= PARALLEL && rayon::current_num_threads() > 1;
    let size = match parallel {
        true => rows
            .count
            .div_ceil(TASKS * rayon::current_num_threads())
            .next_multiple_of(GROUP),
        false => rows.count,
    };
    let task = |task: usize| {
        let first = task * size;
        let rows = rows.part(first, size.min(rows.count - first));
        operand.multiply(rows, output.at_column(first));
    };
    let tasks = rows.count.div_ceil(size);
    match parallel {
        true => (0..tasks).into_par_iter().with_max_len(1).for_each(task),
        false => (0..tasks).for_each(task),
    }
}

/// Rows of the weight, `length` values each.
#[derive(Clone, Copy)]
struct Rows<'a> {
    values: &'a [f32],
    stride: usize,
    first: usize,
    count: usize,
    length: usize,
}

impl<'a> Rows<'a> {
    fn part(self, first: usize, count: usize) -> Self {
        Self {
            first: self.first + first,
            count,
            ..self
        }
    }

    fn row(&self, index: usize) -> &'a [f32] {
        &self.values[(self.first + index) * self.stride..][..self.length]
    }
}

/// `x` as the loops want it.
enum Operand {
    /// One row.
    Row(Vec<f32>),
    /// Panels of [`LANES`] rows, each stored column by column; absent rows are
    /// zero.
    Panels(Vec<[f32; LANES]>, usize),
}

impl Operand {
    fn new(x: &Matrix) -> Self {
        if x.rows == 1 && x86::available() {
            let columns = x.values.iter().step_by(x.column_stride.max(1));
            return Self::Row(columns.take(x.columns).copied().collect());
        }
        Self::Panels(Self::panels(x), x.rows)
    }

    fn panels(x: &Matrix) -> Vec<[f32; LANES]> {
        let mut panels = vec![[0.0; LANES]; x.rows.div_ceil(LANES) * x.columns];
        for (index, panel) in panels.chunks_exact_mut(x.columns).enumerate() {
            let first = index * LANES;
            let rows = Matrix {
                values: &x.values[first * x.row_stride..],
                rows: LANES.min(x.rows - first),
                ..*x
            };
            let turned = x86::turn(&rows, panel);
            for row in 0..rows.rows {
                for (column, lanes) in panel.iter_mut().enumerate().skip(turned) {
                    lanes[row] = rows.values[row * x.row_stride + column * x.column_stride];
                }
            }
        }
        panels
    }

    /// Writes the products with these rows of the weight from the output's
    /// first column on.
    fn multiply(&self, rows: Rows, output: Output) {
        match self {
            Self::Row(x) => x86::row(rows, x, output),
            Self::Panels(panels, count) => {
                for first in (0..rows.count).step_by(BLOCK) {
                    let rows = rows.part(first, BLOCK.min(rows.count - first));
                    for (index, x) in panels.chunks_exact(rows.length).enumerate() {
                        let lanes = LANES.min(count - index * LANES);
                        let corner = output.at_column(first).at_row(index * LANES);
                        match x86::available() {
                            true => x86::panel(rows, x, lanes, corner),
                            false => portable::panel(rows, x, lanes, corner),
                        }
                    }
                }
            }
        }
    }
}

/// Writes the sums of some weight rows with a panel: a column each.
#[inline(always)]
fn write(sums: &[[f32; LANES]], lanes: usize, corner: Output) {
    for lane in 0..lanes {
        let row = corner.at_row(lane);
        for (column, sums) in sums.iter().enumerate() {
            #[expect(
                unsafe_code,
                reason = "the output has room for the panel's rows and these columns, and the \
                          columns are this task's alone"
            )]
            unsafe {
                row.start.wrapping_add(column).write(sums[lane]);
            }
        }
    }
}
