//! A product of few rows with a weight that is stored row by row.
//!
//! `gemm` packs the weight anew for each product: with a thousand rows that is
//! paid back many times, with sixteen it costs more than the product. Here a
//! weight row is read once, as it lies in memory, while sixteen rows of `x`
//! stand side by side in the lanes of a vector.

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::gemm::Matrix;

/// Rows of `x` in a panel: one AVX-512 vector, two of AVX2.
const LANES: usize = 16;

/// Products that are added up before the sum joins the others. One running sum
/// over 1,536 products loses a factor of four in precision to sums of 64.
const PART: usize = 64;

/// Values of a cache line.
const LINE: usize = 16;

/// Weight rows of a task: its results and its part of the weight stay in cache.
const BLOCK: usize = 64;

/// From this many rows on, packing pays (measured: docs/performance.md). One
/// row is left to `gemm` too, whose matrix-vector product packs nothing.
const ROWS: std::ops::RangeInclusive<usize> = 2..=64;

/// Whether [`product`] is the faster way to `x·weight`.
pub(super) fn suits(x: &Matrix, weight: &Matrix) -> bool {
    let by_rows = weight.row_stride == 1 && weight.column_stride >= weight.rows;
    ROWS.contains(&x.rows) && by_rows && weight.rows > 0 && weight.columns > 0
}

/// `output = x·weight` on every thread, for operands that [`suits`] accepts.
///
/// The caller has checked that the shapes fit ([`super::gemm`]).
pub(super) fn product(output: &mut [f32], stride: usize, x: Matrix, weight: Matrix) {
    let (m, n) = (x.rows, weight.columns);
    let panels = panels(&x);
    let mut blocks = vec![0.0; n.div_ceil(BLOCK) * BLOCK * m];
    let tasks = blocks.par_chunks_mut(BLOCK * m).enumerate();
    tasks.for_each(|(block, results)| {
        let first = block * BLOCK;
        let rows = Rows {
            values: &weight.values[first * weight.column_stride..],
            stride: weight.column_stride,
            count: BLOCK.min(n - first),
        };
        multiply(rows, x.columns, &panels, m, results);
    });
    for (block, results) in blocks.chunks(BLOCK * m).enumerate() {
        let first = block * BLOCK;
        let count = BLOCK.min(n - first);
        for (row, results) in results.chunks(BLOCK).enumerate() {
            output[row * stride + first..][..count].copy_from_slice(&results[..count]);
        }
    }
}

/// `x` cut into panels of [`LANES`] rows, each stored column by column; absent
/// rows are zero.
fn panels(x: &Matrix) -> Vec<[f32; LANES]> {
    let mut panels = vec![[0.0; LANES]; x.rows.div_ceil(LANES) * x.columns];
    for row in 0..x.rows {
        let panel = &mut panels[row / LANES * x.columns..][..x.columns];
        for (i, lanes) in panel.iter_mut().enumerate() {
            lanes[row % LANES] = x.values[row * x.row_stride + i * x.column_stride];
        }
    }
    panels
}

/// Some rows of the weight.
#[derive(Clone, Copy)]
struct Rows<'a> {
    values: &'a [f32],
    stride: usize,
    count: usize,
}

/// Writes `results[row of x][row of the weight]`, rows of [`BLOCK`] values.
#[multiversion(targets("x86_64+avx512f+avx512vl+fma", "x86_64+avx2+fma"))]
fn multiply(weight: Rows, k: usize, panels: &[[f32; LANES]], m: usize, results: &mut [f32]) {
    // As many weight rows at a time as sums fit into the vector registers.
    let avx512 = target_cfg_f!(target_feature = "avx512f");
    let fused = target_cfg_f!(target_feature = "fma");
    match (avx512, fused) {
        (true, _) => by_groups::<true, 8>(weight, k, panels, m, results),
        (false, true) => by_groups::<true, 4>(weight, k, panels, m, results),
        (false, false) => by_groups::<false, 4>(weight, k, panels, m, results),
    }
}

#[inline(always)]
fn by_groups<const FUSED: bool, const R: usize>(
    weight: Rows,
    k: usize,
    panels: &[[f32; LANES]],
    m: usize,
    results: &mut [f32],
) {
    for (panel, x) in panels.chunks_exact(k).enumerate() {
        let lanes = LANES.min(m - panel * LANES);
        let results = &mut results[panel * LANES * BLOCK..];
        let whole = weight.count / R * R;
        for first in (0..whole).step_by(R) {
            let sums = sums::<FUSED, R>(weight, first, x);
            write(&sums, first, lanes, results);
        }
        for first in whole..weight.count {
            let sums = sums::<FUSED, 1>(weight, first, x);
            write(&sums, first, lanes, results);
        }
    }
}

/// The products of `R` weight rows with a panel.
#[inline(always)]
fn sums<const FUSED: bool, const R: usize>(
    weight: Rows,
    first: usize,
    x: &[[f32; LANES]],
) -> [[f32; LANES]; R] {
    let rows: [&[f32]; R] =
        std::array::from_fn(|r| &weight.values[(first + r) * weight.stride..][..x.len()]);
    let mut sums = [[0.0; LANES]; R];
    for (part, x) in x.chunks(PART).enumerate() {
        let start = part * PART;
        for r in first + R..first + 2 * R {
            for at in (start..start + PART).step_by(LINE) {
                prefetch(weight.values, r * weight.stride + at);
            }
        }
        let rows = rows.map(|row| &row[start..start + x.len()]);
        let mut partial = [[0.0; LANES]; R];
        for (i, lanes) in x.iter().enumerate() {
            for (partial, row) in partial.iter_mut().zip(&rows) {
                for (sum, x) in partial.iter_mut().zip(lanes) {
                    *sum = if FUSED {
                        row[i].mul_add(*x, *sum)
                    } else {
                        row[i] * x + *sum
                    };
                }
            }
        }
        for (sum, partial) in sums
            .as_flattened_mut()
            .iter_mut()
            .zip(partial.as_flattened())
        {
            *sum += partial;
        }
    }
    sums
}

/// Asks for the cache line at a place: the rows that come next lie too far
/// apart for the processor to see by itself where reading goes on.
#[inline(always)]
fn prefetch(values: &[f32], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(value) = values.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        #[expect(
            unsafe_code,
            reason = "a hint about a value that exists; nothing is read or written"
        )]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, at);
}

#[inline(always)]
fn write(sums: &[[f32; LANES]], first: usize, lanes: usize, results: &mut [f32]) {
    for (r, sums) in sums.iter().enumerate() {
        for (lane, sum) in sums.iter().take(lanes).enumerate() {
            results[lane * BLOCK + first + r] = *sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anneal_testkit::hashed;

    #[test]
    fn rounding_is_that_of_short_sums() {
        let (m, k, n) = (16, 4_096, 96);
        let (x, weight) = (hashed("x", m * k), hashed("weight", n * k));
        let mut output = vec![0.0; m * n];
        let rows = Matrix::new(&weight, n, k, k);
        product(&mut output, n, Matrix::new(&x, m, k, k), rows.transposed());
        let (mut error, mut size) = (0.0, 0.0);
        for (at, found) in output.iter().enumerate() {
            let (x, weight) = (&x[at / n * k..][..k], &weight[at % n * k..][..k]);
            let pairs = x.iter().zip(weight);
            let exact: f64 = pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
            error += (f64::from(*found) - exact).powi(2);
            size += exact * exact;
        }
        // Each addition rounds by 2^-24/√3 of the sum so far, as a mean square.
        // Over 64 products and then over 64 sums that is √32 twice, as root mean
        // squares 4.6 units together; one running sum has √2048, 26.
        let units = (error / size).sqrt() * 2f64.powi(24);
        assert!(units < 8.0, "{units} units of 2^-24");
    }
}
