//! The product as the compiler makes it for a processor without AVX-512: the
//! twin of [`x86`](super::x86).

use multiversion::{multiversion, target::target_cfg_f};

use super::super::output::Output;
use super::{LANES, PART, Rows, write};

/// Writes the products of a panel with some rows of the weight.
#[multiversion(targets("x86_64+avx2+fma"))]
pub(super) fn panel(rows: Rows, x: &[[f32; LANES]], lanes: usize, corner: Output) {
    match target_cfg_f!(target_feature = "fma") {
        true => by_groups::<true>(rows, x, lanes, corner),
        false => by_groups::<false>(rows, x, lanes, corner),
    }
}

/// Weight rows at a time: their sums fit into sixteen registers of AVX2.
const GROUP: usize = 4;

#[inline(always)]
fn by_groups<const FUSED: bool>(rows: Rows, x: &[[f32; LANES]], lanes: usize, corner: Output) {
    let whole = rows.count / GROUP * GROUP;
    for first in (0..whole).step_by(GROUP) {
        let sums = sums::<FUSED, GROUP>(rows, first, x);
        write(&sums, lanes, corner.at_column(first));
    }
    for first in whole..rows.count {
        let sums = sums::<FUSED, 1>(rows, first, x);
        write(&sums, lanes, corner.at_column(first));
    }
}

/// The products of `R` weight rows with a panel.
#[inline(always)]
fn sums<const FUSED: bool, const R: usize>(
    rows: Rows,
    first: usize,
    x: &[[f32; LANES]],
) -> [[f32; LANES]; R] {
    let rows: [&[f32]; R] = std::array::from_fn(|r| rows.row(first + r));
    let mut sums = [[0.0; LANES]; R];
    for (part, x) in x.chunks(PART).enumerate() {
        let start = part * PART;
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
        let partial = partial.as_flattened();
        for (sum, partial) in sums.as_flattened_mut().iter_mut().zip(partial) {
            *sum += partial;
        }
    }
    sums
}
