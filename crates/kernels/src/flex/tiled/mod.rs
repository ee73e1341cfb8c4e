//! Large products on AVX-512: sums in registers, the weight packed on the fly.
//!
//! Three things that the `gemm` crate does not do. A low-rank update joins the
//! product of the frozen weight inside the registers, `x·W + h·B` in one pass
//! over the output. The weight may be rounded to bf16 as it is packed, which
//! the processor multiplies at twice the rate of f32 ([`Rounding`]). And rows of
//! `x` are read as they lie.
//!
//! A task is a group of the output's columns: it packs its part of the weight
//! once into its own cache and runs over all rows. Tasks share nothing, so
//! threads meet once, at the end.

mod kernel;
mod pack;
mod task;

use rayon::prelude::*;

use super::gemm::Matrix;
use super::output::{Output, written};

use task::Task;

/// Columns of a panel: two vectors of sixteen.
const PANEL: usize = 32;

/// Rows of a tile: 14 · 2 sums leave four of the 32 registers for operands.
const TILE: usize = 14;

/// How the operands of a product are rounded before they are multiplied. Sums
/// are f32 in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::flex) enum Rounding {
    /// Not at all.
    Exact,
    /// Both to bf16 (8 bits of precision), to nearest, ties to even.
    Bf16,
}

/// One product of a sum of products.
#[derive(Clone, Copy)]
pub(in crate::flex) struct Term<'a> {
    pub(in crate::flex) a: Matrix<'a>,
    pub(in crate::flex) b: Matrix<'a>,
    pub(in crate::flex) rounding: Rounding,
}

/// Multiplications from which a second thread pays.
const PARALLEL: usize = 1 << 20;

/// Fewest rows that pay for packing a weight: one row more than
/// [`few_rows`](super::few_rows) takes, which packs nothing.
const ROWS: usize = 65;

/// Bytes of packed weight that a task holds: most of a core's second cache.
const GROUP_BYTES: usize = 768 << 10;

/// Depth that is summed up in registers before the output is touched.
const DEPTH: usize = 768;

/// Whether this processor has the instructions for a product of this rounding.
pub(in crate::flex) fn available(rounding: Rounding) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        match rounding {
            Rounding::Exact => wide,
            Rounding::Bf16 => wide && is_x86_feature_detected!("avx512bf16"),
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = rounding;
        false
    }
}

/// Whether [`product`] is the way to go for a product of this shape.
pub(in crate::flex) fn suits(term: &Term) -> bool {
    let Term { a, b, rounding } = term;
    let lie = a.column_stride == 1 && (b.row_stride == 1 || b.column_stride == 1);
    let large = a.rows >= ROWS && b.columns >= PANEL && b.rows > 0;
    large && lie && available(*rounding)
}

/// `output = Σ a·b` over the terms, row-major rows at a distance of `stride`;
/// `keep` adds it to what is there.
///
/// # Panics
/// If shapes do not fit one another or their slices, rows of an `a` are not
/// contiguous, or the processor can't multiply so.
pub(in crate::flex) fn product(output: &mut [f32], stride: usize, keep: bool, terms: &[Term]) {
    let Some(first) = terms.first() else { return };
    let (m, n) = (first.a.rows, first.b.columns);
    assert!(n <= stride, "rows of {n} at a distance of {stride}");
    assert!(
        m == 0 || (m - 1) * stride + n <= output.len(),
        "the output reaches beyond its slice"
    );
    run(Output::new(output.as_mut_ptr(), stride), keep, terms);
}

/// [`product`] as a new buffer, which is not cleared first.
///
/// # Panics
/// If there is no term, or as [`product`].
pub(in crate::flex) fn fresh(terms: &[Term]) -> Vec<f32> {
    let (m, n) = (terms[0].a.rows, terms[0].b.columns);
    #[expect(unsafe_code, reason = "`run` writes every value of m rows of n")]
    unsafe {
        written(m, n, |output| run(output, false, terms))
    }
}

/// The output must have room for the rows of the first term.
fn run(output: Output, keep: bool, terms: &[Term]) {
    let (m, n) = (terms[0].a.rows, terms[0].b.columns);
    for term in terms {
        term.check(m, n);
    }
    if m == 0 || n == 0 {
        return;
    }
    let depth: usize = terms.iter().map(|term| term.a.columns).sum();
    let parallel = m * n * depth >= PARALLEL && rayon::current_num_threads() > 1;
    let threads = if parallel {
        rayon::current_num_threads()
    } else {
        1
    };
    let columns = group_columns(n, depth, terms, threads);
    let groups = n.div_ceil(columns);
    let group = |group: usize| {
        let start = group * columns;
        let task = Task {
            terms,
            rows: m,
            columns: start..(start + columns).min(n),
            keep,
        };
        task.run(output);
    };
    match parallel {
        true => (0..groups).into_par_iter().with_max_len(1).for_each(group),
        false => (0..groups).for_each(group),
    }
}

/// Columns of a task: whole panels that fit the cache, cut so that the threads
/// have equally many.
fn group_columns(n: usize, depth: usize, terms: &[Term], threads: usize) -> usize {
    let bytes = match terms.iter().all(|term| term.rounding == Rounding::Exact) {
        true => 4,
        false => 2,
    };
    let panels = n.div_ceil(PANEL);
    let fitting = (GROUP_BYTES / (bytes * PANEL * depth.min(DEPTH))).max(1);
    let rounds = panels.div_ceil(fitting * threads);
    panels.div_ceil(rounds * threads) * PANEL
}

impl Term<'_> {
    fn check(&self, m: usize, n: usize) {
        let Self { a, b, rounding } = self;
        assert_eq!((a.rows, b.columns), (m, n), "terms of different shapes");
        assert_eq!(a.columns, b.rows, "inner dimensions differ");
        assert!(a.columns > 0, "a sum of nothing");
        assert!(a.fits() && b.fits(), "a matrix reaches beyond its slice");
        assert_eq!(a.column_stride, 1, "rows must be contiguous");
        assert!(available(*rounding), "this processor can't multiply so");
    }
}

#[cfg(test)]
mod tests;
