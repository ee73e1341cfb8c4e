//! The sums of a tile: up to 14 rows by 32 columns, in registers while a part
//! of the depth is added up.

use super::{PANEL, Rounding};

/// A piece of depth: rows at a distance, and a packed panel.
#[derive(Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub(super) rounding: Rounding,
    pub(super) steps: usize,
    /// f32 values, or pairs of bf16.
    pub(super) a: &'a [u32],
    /// From one row to the next.
    pub(super) distance: usize,
    /// `steps` lines of [`PANEL`] words.
    pub(super) b: &'a [u32],
}

impl Default for Chunk<'_> {
    fn default() -> Self {
        Self {
            rounding: Rounding::Exact,
            steps: 0,
            a: &[],
            distance: 0,
            b: &[],
        }
    }
}

/// Writes, or adds, the tile of `rows` by `width` at `output`.
///
/// # Panics
/// If a chunk's rows or panel reach beyond their slices, or there are more rows
/// than a tile has.
///
/// # Safety
/// `output` must be valid for `rows` rows of `width` at a distance of `stride`,
/// and the processor must have the instructions of the chunks' rounding.
#[expect(
    unsafe_code,
    reason = "vector instructions and an output shared by columns"
)]
pub(super) unsafe fn tile(
    rows: usize,
    chunks: &[Chunk],
    output: *mut f32,
    stride: usize,
    width: usize,
    keep: bool,
) {
    for chunk in chunks {
        let last = (rows.max(1) - 1) * chunk.distance + chunk.steps;
        assert!(
            last <= chunk.a.len() && chunk.steps * PANEL <= chunk.b.len(),
            "a chunk reaches beyond its slice"
        );
    }
    #[cfg(target_arch = "x86_64")]
    {
        macro_rules! choose {
            ($($count:literal)*) => {
                match rows {
                    0 => {}
                    $($count => unsafe { x86::run::<$count>(chunks, output, stride, width, keep) },)*
                    _ => panic!("{rows} rows in a tile"),
                }
            };
        }
        choose!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = (output, stride, width, keep);
        unreachable!("`available` is false here");
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector instructions")]
mod x86 {
    use std::arch::x86_64::*;

    use super::super::{PANEL, Rounding};
    use super::Chunk;

    type Sums<const R: usize> = [[__m512; 2]; R];

    /// Products that are summed up before the sum joins the others: one running
    /// sum over 768 of them rounds more than twice as much.
    const PART: usize = 128;

    /// Steps that a line of the panel is asked for ahead of its use.
    const AHEAD: usize = 8;

    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) unsafe fn run<const R: usize>(
        chunks: &[Chunk],
        output: *mut f32,
        stride: usize,
        width: usize,
        keep: bool,
    ) {
        let masks = [width, width.saturating_sub(16)]
            .map(|lanes| ((1u32 << lanes.min(16)) - 1) as __mmask16);
        let mut keep = keep;
        for chunk in chunks {
            let part = match chunk.rounding {
                Rounding::Exact => PART,
                // Their rounding is coarser than any order of sums.
                Rounding::Bf16 => chunk.steps,
            };
            for first in (0..chunk.steps).step_by(part.max(1)) {
                let piece = Chunk {
                    steps: part.min(chunk.steps - first),
                    a: &chunk.a[first..],
                    b: &chunk.b[first * PANEL..],
                    ..*chunk
                };
                let zeros = [[_mm512_setzero_ps(); 2]; R];
                let sums = match chunk.rounding {
                    Rounding::Exact => unsafe { exact(zeros, &piece) },
                    Rounding::Bf16 => unsafe { bf16(zeros, &piece) },
                };
                for (r, sums) in sums.into_iter().enumerate() {
                    for (half, mut sum) in sums.into_iter().enumerate() {
                        let at = output.wrapping_add(r * stride + half * 16);
                        if keep {
                            let before = unsafe { _mm512_maskz_loadu_ps(masks[half], at) };
                            sum = _mm512_add_ps(before, sum);
                        }
                        unsafe { _mm512_mask_storeu_ps(at, masks[half], sum) };
                    }
                }
                keep = true;
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn exact<const R: usize>(mut sums: Sums<R>, chunk: &Chunk) -> Sums<R> {
        let (a, b) = (
            chunk.a.as_ptr().cast::<f32>(),
            chunk.b.as_ptr().cast::<f32>(),
        );
        for step in 0..chunk.steps {
            unsafe {
                let line = b.add(step * PANEL);
                _mm_prefetch::<_MM_HINT_T0>(line.wrapping_add(AHEAD * PANEL).cast());
                _mm_prefetch::<_MM_HINT_T0>(line.wrapping_add(AHEAD * PANEL + 16).cast());
                let (left, right) = (_mm512_loadu_ps(line), _mm512_loadu_ps(line.add(16)));
                for (r, [first, second]) in sums.iter_mut().enumerate() {
                    let value = _mm512_set1_ps(*a.add(r * chunk.distance + step));
                    *first = _mm512_fmadd_ps(value, left, *first);
                    *second = _mm512_fmadd_ps(value, right, *second);
                }
            }
        }
        sums
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn bf16<const R: usize>(mut sums: Sums<R>, chunk: &Chunk) -> Sums<R> {
        let (a, b) = (chunk.a.as_ptr().cast::<i32>(), chunk.b.as_ptr());
        for step in 0..chunk.steps {
            unsafe {
                let line = b.add(step * PANEL);
                _mm_prefetch::<_MM_HINT_T0>(line.wrapping_add(AHEAD * PANEL).cast());
                _mm_prefetch::<_MM_HINT_T0>(line.wrapping_add(AHEAD * PANEL + 16).cast());
                let pairs = |at: *const u32| -> __m512bh {
                    std::mem::transmute(_mm512_loadu_si512(at.cast()))
                };
                let (left, right) = (pairs(line), pairs(line.add(16)));
                for (r, [first, second]) in sums.iter_mut().enumerate() {
                    let value = _mm512_set1_epi32(*a.add(r * chunk.distance + step));
                    let value: __m512bh = std::mem::transmute(value);
                    *first = _mm512_dpbf16_ps(*first, value, left);
                    *second = _mm512_dpbf16_ps(*second, value, right);
                }
            }
        }
        sums
    }
}
