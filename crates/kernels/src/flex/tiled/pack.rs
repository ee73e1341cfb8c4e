//! Operands in the order in which the micro-kernel reads them.

use std::ops::Range;

use super::{PANEL, Rounding, Term};

/// Writes columns of a weight as panels at a distance of `words`: lines of
/// [`PANEL`] words, one for each step of depth (a pair of steps in bf16); absent
/// columns are zero.
pub(super) fn pack_columns(
    term: &Term,
    depth: Range<usize>,
    columns: Range<usize>,
    packed: &mut [u32],
    words: usize,
) {
    let b = &term.b;
    let count = columns.len();
    if !count.is_multiple_of(PANEL) {
        let steps = match term.rounding {
            Rounding::Exact => depth.len(),
            Rounding::Bf16 => depth.len().div_ceil(2),
        };
        packed[count / PANEL * words..][..steps * PANEL].fill(0);
    }
    if b.row_stride == 1 {
        // Each column lies in memory as a row: turn 16 by 16.
        let lines = Lines {
            values: b.values,
            start: depth.start + columns.start * b.column_stride,
            distance: b.column_stride,
        };
        for first in (0..count).step_by(16) {
            let packed = &mut packed[first / PANEL * words + first % PANEL..];
            let lines = lines.from(first);
            match term.rounding {
                Rounding::Exact => lines.turn(16.min(count - first), depth.len(), packed),
                Rounding::Bf16 => lines.turn_rounded(16.min(count - first), depth.len(), packed),
            }
        }
    } else {
        assert_eq!(b.column_stride, 1, "a weight without contiguous lines");
        let lines = Lines {
            values: b.values,
            start: depth.start * b.row_stride + columns.start,
            distance: b.row_stride,
        };
        match term.rounding {
            Rounding::Exact => lines.copy(count, depth.len(), packed, words),
            Rounding::Bf16 => lines.copy_rounded(count, depth.len(), packed, words),
        }
    }
}

/// Copies rows of `a` to a `distance` from one another, as pairs of bf16 if
/// they are to be rounded.
pub(super) fn copy_rows(
    term: &Term,
    rows: Range<usize>,
    depth: Range<usize>,
    room: &mut [u32],
    distance: usize,
) {
    let a = &term.a;
    for (row, room) in rows.zip(room.chunks_mut(distance)) {
        let values = &a.values[row * a.row_stride + depth.start..][..depth.len()];
        match term.rounding {
            Rounding::Bf16 => pack_pairs(values, &mut room[..depth.len().div_ceil(2)]),
            Rounding::Exact => {
                for (slot, value) in room.iter_mut().zip(values) {
                    *slot = value.to_bits();
                }
            }
        }
    }
}

/// A value as the upper half of its word, rounded to nearest, ties to even.
fn rounded(value: f32) -> u32 {
    let bits = value.to_bits();
    if value.is_nan() {
        // Rounding could carry a NaN into infinity.
        return (bits >> 16) | 0x40;
    }
    (bits + 0x7fff + ((bits >> 16) & 1)) >> 16
}

/// Two values as a pair, the first in the lower half.
fn pair(first: f32, second: f32) -> u32 {
    rounded(first) | rounded(second) << 16
}

/// Values as pairs of bf16; an odd one's partner is zero.
fn pack_pairs(values: &[f32], pairs: &mut [u32]) {
    #[cfg(target_arch = "x86_64")]
    let done = x86::pack_pairs(values, pairs);
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    for (at, slot) in pairs.iter_mut().enumerate().skip(done) {
        let second = values.get(2 * at + 1).copied().unwrap_or(0.0);
        *slot = pair(values[2 * at], second);
    }
}

/// Lines asked for ahead of their use.
const AHEAD: usize = 12;

/// Lines of values at a distance.
struct Lines<'a> {
    values: &'a [f32],
    start: usize,
    distance: usize,
}

impl Lines<'_> {
    fn line(&self, index: usize, length: usize) -> &[f32] {
        &self.values[self.start + index * self.distance..][..length]
    }

    /// Asks for a line: lines that lie far apart are not seen coming.
    fn prefetch(&self, index: usize, length: usize) {
        #[cfg(target_arch = "x86_64")]
        if let Some(line) = self.values.get(self.start + index * self.distance..) {
            for value in line.iter().take(length).step_by(16) {
                x86::prefetch(value);
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (index, length);
    }

    /// The lines from the given one on.
    fn from(&self, first: usize) -> Lines<'_> {
        Lines {
            start: self.start + first * self.distance,
            ..*self
        }
    }

    /// `packed[step][line]` from at most 16 lines of `depth` values.
    fn turn(&self, lines: usize, depth: usize, packed: &mut [u32]) {
        let mut step = 0;
        #[cfg(target_arch = "x86_64")]
        if lines == 16 {
            step = depth / 16 * 16;
            let rows = std::array::from_fn(|i| self.line(i, depth));
            x86::turn(&rows, step, packed);
        }
        for line in 0..lines {
            let values = self.line(line, depth);
            for step in step..depth {
                packed[step * PANEL + line] = values[step].to_bits();
            }
        }
    }

    /// The same as pairs of bf16, a line of `packed` for two steps.
    fn turn_rounded(&self, lines: usize, depth: usize, packed: &mut [u32]) {
        let mut step = 0;
        #[cfg(target_arch = "x86_64")]
        if lines == 16 {
            step = depth / 32 * 16;
            let rows = std::array::from_fn(|i| self.line(i, depth));
            x86::turn_rounded(&rows, step, packed);
        }
        for line in 0..lines {
            let values = self.line(line, depth);
            for step in step..depth.div_ceil(2) {
                let second = values.get(2 * step + 1).copied().unwrap_or(0.0);
                packed[step * PANEL + line] = pair(values[2 * step], second);
            }
        }
    }

    /// `packed[panel][step]` from a line for each step.
    fn copy(&self, columns: usize, depth: usize, packed: &mut [u32], words: usize) {
        for step in 0..depth {
            self.prefetch(step + AHEAD, columns);
            let line = self.line(step, columns).chunks(PANEL);
            for (values, packed) in line.zip(packed.chunks_mut(words)) {
                let slots = packed[step * PANEL..].iter_mut();
                for (slot, value) in slots.zip(values) {
                    *slot = value.to_bits();
                }
            }
        }
    }

    /// The same as pairs of bf16: two lines in one.
    fn copy_rounded(&self, columns: usize, depth: usize, packed: &mut [u32], words: usize) {
        for step in 0..depth.div_ceil(2) {
            self.prefetch(2 * step + AHEAD, columns);
            self.prefetch(2 * step + 1 + AHEAD, columns);
            let first = self.line(2 * step, columns).chunks(PANEL);
            let second = (2 * step + 1 < depth).then(|| self.line(2 * step + 1, columns));
            for (panel, first) in first.enumerate() {
                let packed = &mut packed[panel * words + step * PANEL..][..PANEL];
                let second = second.map(|line| &line[panel * PANEL..][..first.len()]);
                let second = second.unwrap_or(&[0.0; PANEL][..first.len()]);
                #[cfg(target_arch = "x86_64")]
                if first.len() == PANEL {
                    x86::interleave(first, second, packed);
                    continue;
                }
                for (slot, (&first, &second)) in packed.iter_mut().zip(first.iter().zip(second)) {
                    *slot = pair(first, second);
                }
            }
        }
    }
}

/// The same with vector instructions. Whoever comes here has asked
/// [`super::available`], and each function asks once more.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector instructions")]
mod x86 {
    use std::arch::x86_64::*;

    use super::super::super::turn::transposed;
    use super::PANEL;

    fn has_bf16() -> bool {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512bf16")
    }

    pub(super) fn prefetch(value: &f32) {
        // SAFETY: a hint; nothing is read or written.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) };
    }

    /// Returns how many pairs were written.
    pub(super) fn pack_pairs(values: &[f32], pairs: &mut [u32]) -> usize {
        let blocks = (values.len() / 32).min(pairs.len() / 16);
        if !has_bf16() {
            return 0;
        }
        // SAFETY: the instructions are there, and the blocks lie within both.
        unsafe { pack_blocks(values.as_ptr(), pairs.as_mut_ptr(), blocks) };
        blocks * 16
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn pack_blocks(values: *const f32, pairs: *mut u32, blocks: usize) {
        for block in 0..blocks {
            unsafe {
                let at = values.add(block * 32);
                let rounded = narrow(_mm512_loadu_ps(at), _mm512_loadu_ps(at.add(16)));
                _mm512_storeu_si512(pairs.add(block * 16).cast(), rounded);
            }
        }
    }

    /// 32 values as 16 pairs in their order.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn narrow(low: __m512, high: __m512) -> __m512i {
        // SAFETY: a vector of bf16 is 64 bytes, as one of integers.
        unsafe { std::mem::transmute(_mm512_cvtne2ps_pbh(high, low)) }
    }

    /// Two lines of 32 as 32 pairs, one value of each.
    pub(super) fn interleave(first: &[f32], second: &[f32], packed: &mut [u32]) {
        assert!(first.len() == PANEL && second.len() == PANEL && packed.len() == PANEL);
        assert!(has_bf16());
        // SAFETY: the instructions are there, and the lengths were checked.
        unsafe { interleave_lines(first.as_ptr(), second.as_ptr(), packed.as_mut_ptr()) };
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn interleave_lines(first: *const f32, second: *const f32, packed: *mut u32) {
        for half in 0..2 {
            unsafe {
                let first = _mm512_loadu_ps(first.add(half * 16));
                let second = _mm512_loadu_ps(second.add(half * 16));
                // 16 of the first, 16 of the second: the halves of 16 words.
                let both = narrow(first, second);
                let low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(both));
                let high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64::<1>(both));
                let pairs = _mm512_or_si512(low, _mm512_slli_epi32::<16>(high));
                _mm512_storeu_si512(packed.add(half * 16).cast(), pairs);
            }
        }
    }

    /// `packed[step][line]` for the first `depth` steps, 16 at a time.
    pub(super) fn turn(rows: &[&[f32]; 16], depth: usize, packed: &mut [u32]) {
        assert!(depth.is_multiple_of(16) && rows.iter().all(|row| row.len() >= depth));
        assert!(depth == 0 || packed.len() >= (depth - 1) * PANEL + 16);
        assert!(is_x86_feature_detected!("avx512f"));
        let rows = rows.map(|row| row.as_ptr());
        // SAFETY: the instructions are there, and the lengths were checked.
        unsafe { turn_blocks(&rows, depth, packed.as_mut_ptr()) };
    }

    #[target_feature(enable = "avx512f")]
    unsafe fn turn_blocks(rows: &[*const f32; 16], depth: usize, packed: *mut u32) {
        for step in (0..depth).step_by(16) {
            let mut block = [_mm512_setzero_si512(); 16];
            for (slot, row) in block.iter_mut().zip(rows) {
                *slot = unsafe { _mm512_loadu_si512(row.add(step).cast()) };
            }
            unsafe { store(transposed(block), packed.add(step * PANEL)) };
        }
    }

    /// `packed[step][line]` in pairs, for the first `steps` pairs, 16 at a time.
    pub(super) fn turn_rounded(rows: &[&[f32]; 16], steps: usize, packed: &mut [u32]) {
        assert!(steps.is_multiple_of(16) && rows.iter().all(|row| row.len() >= 2 * steps));
        assert!(steps == 0 || packed.len() >= (steps - 1) * PANEL + 16);
        assert!(has_bf16());
        let rows = rows.map(|row| row.as_ptr());
        // SAFETY: the instructions are there, and the lengths were checked.
        unsafe { turn_pairs(&rows, steps, packed.as_mut_ptr()) };
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn turn_pairs(rows: &[*const f32; 16], steps: usize, packed: *mut u32) {
        for step in (0..steps).step_by(16) {
            let mut block = [_mm512_setzero_si512(); 16];
            for (slot, row) in block.iter_mut().zip(rows) {
                unsafe {
                    let at = row.add(2 * step);
                    *slot = narrow(_mm512_loadu_ps(at), _mm512_loadu_ps(at.add(16)));
                }
            }
            unsafe { store(transposed(block), packed.add(step * PANEL)) };
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn store(block: [__m512i; 16], packed: *mut u32) {
        for (line, words) in block.into_iter().enumerate() {
            unsafe { _mm512_storeu_si512(packed.add(line * PANEL).cast(), words) };
        }
    }
}
