//! The product on AVX-512, arranged so that memory and arithmetic overlap.
//!
//! Eight rows of the weight are read side by side, a cache line of each at a
//! time. While a line of each is multiplied (128 multiply-adds), the line of
//! each that comes [`AHEAD`] lines later is asked for, beyond the rows' ends in
//! the next eight rows: the processor itself does not see where reading goes
//! on, because rows are short and lie side by side.

use super::super::gemm::Matrix;
use super::super::output::Output;
use super::{LANES, Rows};

/// Whether this processor has the instructions.
pub(super) fn available() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// Writes the products of a panel with some rows of the weight.
///
/// # Panics
/// If a row reaches beyond the weight, or the processor lacks the instructions.
pub(super) fn panel(rows: Rows, x: &[[f32; LANES]], lanes: usize, corner: Output) {
    check(&rows, x.len());
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "`check` has seen rows and instructions")]
    unsafe {
        avx512::panel(rows, x, lanes, corner);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (lanes, corner);
}

/// Writes the products of one row with some rows of the weight.
///
/// # Panics
/// As [`panel`].
pub(super) fn row(rows: Rows, x: &[f32], output: Output) {
    check(&rows, x.len());
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "`check` has seen rows and instructions")]
    unsafe {
        avx512::row(rows, x, output);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = output;
}

/// Writes up to sixteen rows of `x` into a panel, column by column, and returns
/// how many columns that are: whole blocks of contiguous rows, if the processor
/// has the instructions.
pub(super) fn turn(x: &Matrix, panel: &mut [[f32; LANES]]) -> usize {
    if !available() || x.column_stride != 1 || x.rows > LANES {
        return 0;
    }
    let columns = panel.len() / LANES * LANES;
    let mut rows: [&[f32]; LANES] = [&[]; LANES];
    for (row, slot) in rows.iter_mut().take(x.rows).enumerate() {
        *slot = &x.values[row * x.row_stride..][..columns];
    }
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "the rows hold whole blocks, or nothing")]
    unsafe {
        avx512::turn(rows, panel);
    }
    columns
}

fn check(rows: &Rows, length: usize) {
    assert!(available(), "this processor can't multiply so");
    assert_eq!(rows.length, length, "inner dimensions differ");
    if let Some(last) = rows.count.checked_sub(1) {
        let _within = rows.row(last);
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector instructions")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::super::super::output::Output;
    use super::super::super::turn::transposed;
    use super::super::{GROUP, LANES, LINE, PART, Rows, write};

    /// Cache lines of a row from its use back to where it is asked for.
    const AHEAD: usize = 24;

    /// The same for a single row of `x`, in lines of memory as it lies.
    const AHEAD_ROW: usize = 64;

    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn panel(rows: Rows, x: &[[f32; LANES]], lanes: usize, corner: Output) {
        let whole = rows.count / GROUP * GROUP;
        for first in (0..whole).step_by(GROUP) {
            let sums = unsafe { sums::<GROUP>(rows, first, x) };
            write(&sums, lanes, corner.at_column(first));
        }
        for first in whole..rows.count {
            let sums = unsafe { sums::<1>(rows, first, x) };
            write(&sums, lanes, corner.at_column(first));
        }
    }

    /// The products of `R` weight rows from `first` on with a panel.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn sums<const R: usize>(
        rows: Rows,
        first: usize,
        x: &[[f32; LANES]],
    ) -> [[f32; LANES]; R] {
        let length = x.len();
        let x = x.as_ptr().cast::<f32>();
        let weight: [*const f32; R] = std::array::from_fn(|r| rows.row(first + r).as_ptr());
        let mut sums = [_mm512_setzero_ps(); R];
        for part in (0..length).step_by(PART) {
            let end = (part + PART).min(length);
            let mut partial = [_mm512_setzero_ps(); R];
            for at in (part..end).step_by(LINE) {
                ask(weight, R * rows.stride, at + AHEAD * LINE, length);
                // A whole line of each row without a question in between.
                if at + LINE <= end {
                    for i in at..at + LINE {
                        unsafe { step(&mut partial, weight, x, i) };
                    }
                } else {
                    for i in at..end {
                        unsafe { step(&mut partial, weight, x, i) };
                    }
                }
            }
            for (sum, partial) in sums.iter_mut().zip(partial) {
                *sum = _mm512_add_ps(*sum, partial);
            }
        }
        let mut values = [[0.0; LANES]; R];
        for (values, sum) in values.iter_mut().zip(sums) {
            unsafe { _mm512_storeu_ps(values.as_mut_ptr(), sum) };
        }
        values
    }

    /// The value in column `i` of each weight row times the lanes of `x` there.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn step<const R: usize>(
        partial: &mut [__m512; R],
        weight: [*const f32; R],
        x: *const f32,
        i: usize,
    ) {
        unsafe {
            let x = _mm512_loadu_ps(x.add(i * LANES));
            for (partial, row) in partial.iter_mut().zip(weight) {
                *partial = _mm512_fmadd_ps(_mm512_set1_ps(*row.add(i)), x, *partial);
            }
        }
    }

    /// Asks the second cache for the line at column `at` of each row, or, beyond
    /// their end, of the rows of the next group. A hint: nothing is read, so that
    /// it may point beyond the weight.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn ask<const R: usize>(weight: [*const f32; R], group: usize, at: usize, length: usize) {
        let at = match at < length {
            true => at,
            false => group + at - length,
        };
        for row in weight {
            _mm_prefetch::<_MM_HINT_T1>(row.wrapping_add(at).cast());
        }
    }

    /// Rows of the panel's length, but for what is no whole block, or empty.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn turn(rows: [&[f32]; LANES], panel: &mut [[f32; LANES]]) {
        for (block, panel) in panel.chunks_exact_mut(LANES).enumerate() {
            let mut vectors = [_mm512_setzero_si512(); LANES];
            for (vector, row) in vectors.iter_mut().zip(rows) {
                if !row.is_empty() {
                    let at = row.as_ptr().wrapping_add(block * LANES);
                    *vector = unsafe { _mm512_loadu_si512(at.cast()) };
                }
            }
            for (lanes, vector) in panel.iter_mut().zip(transposed(vectors)) {
                unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), vector) };
            }
        }
    }

    /// Sums of a row: enough for additions not to wait for one another.
    const SUMS: usize = 4;

    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn row(rows: Rows, x: &[f32], output: Output) {
        for index in 0..rows.count {
            let weight = rows.row(index);
            let (chunks, rest) = x.as_chunks::<{ SUMS * LANES }>();
            let mut sums = [_mm512_setzero_ps(); SUMS];
            for (chunks, from) in chunks.chunks(PART / LANES).zip((0..).step_by(SUMS * PART)) {
                let mut partial = [_mm512_setzero_ps(); SUMS];
                for (chunk, x) in chunks.iter().enumerate() {
                    for (lane, partial) in partial.iter_mut().enumerate() {
                        let at = from + (chunk * SUMS + lane) * LANES;
                        unsafe {
                            let weight = weight.as_ptr().add(at);
                            let ahead = weight.wrapping_add(AHEAD_ROW * LINE);
                            _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
                            let x = _mm512_loadu_ps(x.as_ptr().add(lane * LANES));
                            *partial = _mm512_fmadd_ps(_mm512_loadu_ps(weight), x, *partial);
                        }
                    }
                }
                for (sum, partial) in sums.iter_mut().zip(partial) {
                    *sum = _mm512_add_ps(*sum, partial);
                }
            }
            let sums = _mm512_add_ps(
                _mm512_add_ps(sums[0], sums[1]),
                _mm512_add_ps(sums[2], sums[3]),
            );
            let tail = &weight[weight.len() - rest.len()..];
            let tail: f32 = rest.iter().zip(tail).map(|(x, weight)| x * weight).sum();
            unsafe {
                let sum = _mm512_reduce_add_ps(sums) + tail;
                output.start.wrapping_add(index).write(sum);
            }
        }
    }
}
