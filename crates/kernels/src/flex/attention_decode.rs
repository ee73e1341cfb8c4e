//! Causal attention of a single query in each row, as generation asks for it.
//!
//! Two products per head, each of one row, are too small for a matrix product:
//! here the heads that share keys walk over them together.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::FirstKeys;

use super::attention_rows::{Block, softmax};
use super::rows::Heads;

/// Values of a vector.
const LANES: usize = 16;

/// Multiplications from which a second thread pays.
const PARALLEL: usize = 1 << 18;

/// Whether [`forward`] takes such queries.
pub(super) fn suits(q: &Heads) -> bool {
    let [_, _, queries, width] = q.dims;
    queries == 1 && width > 0 && width % LANES == 0
}

/// Writes the output, `[batch, heads, 1, width]`, and the log-sum-exp of the
/// scores, for queries that [`suits`] accepts.
pub(super) fn forward(
    [q, k, v]: [&Heads; 3],
    scale: f32,
    first: Option<&FirstKeys>,
    output: &mut [f32],
    log_sum_exp: &mut [f32],
) {
    let ([_, heads, _, width], [_, kv_heads, keys, _]) = (q.dims, k.dims);
    let group = heads / kv_heads;
    let task = |(index, (output, log_sum_exp)): (usize, (&mut [f32], &mut [f32]))| {
        let (batch, kv_head) = (index / kv_heads, index % kv_heads);
        let block = Block::new(0, 1, keys - 1, first.map(|first| first.row(batch)));
        let ((k, k_stride), (v, v_stride)) = (k.head(batch, kv_head), v.head(batch, kv_head));
        let keys = Lines::new(k, k_stride, block, width);
        let values = Lines::new(v, v_stride, block, width);
        let mut scores = vec![0.0; group * keys.count];
        for (g, scores) in scores.chunks_exact_mut(keys.count).enumerate() {
            let (q, _) = q.head(batch, kv_head * group + g);
            multiply(q, keys, scale, scores);
            softmax(scores, block, &mut log_sum_exp[g..=g]);
        }
        for (scores, output) in scores
            .chunks_exact(keys.count)
            .zip(output.chunks_exact_mut(width))
        {
            mix(scores, values, output);
        }
    };
    let outputs = group * width;
    match 2 * output.len() * keys >= PARALLEL && rayon::current_num_threads() > 1 {
        true => output
            .par_chunks_mut(outputs)
            .zip(log_sum_exp.par_chunks_mut(group))
            .enumerate()
            .for_each(task),
        false => output
            .chunks_mut(outputs)
            .zip(log_sum_exp.chunks_mut(group))
            .enumerate()
            .for_each(task),
    }
}

/// The keys or the values of a head that a query sees.
#[derive(Clone, Copy)]
struct Lines<'a> {
    values: &'a [f32],
    stride: usize,
    count: usize,
    width: usize,
}

impl<'a> Lines<'a> {
    fn new(values: &'a [f32], stride: usize, block: Block, width: usize) -> Self {
        Self {
            values: &values[block.start * stride..],
            stride,
            count: block.width(),
            width,
        }
    }

    #[inline(always)]
    fn line(&self, index: usize) -> &'a [[f32; LANES]] {
        self.values[index * self.stride..][..self.width]
            .as_chunks()
            .0
    }
}

/// `scores = scale·q·kᵀ`.
fn multiply(q: &[f32], keys: Lines, scale: f32, scores: &mut [f32]) {
    let q = q[..keys.width].as_chunks().0;
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        #[expect(unsafe_code, reason = "the processor has the instructions")]
        return unsafe { avx512::multiply(q, keys, scale, scores) };
    }
    slow_multiply(q, keys, scale, scores);
}

/// `output = p·v`.
fn mix(probabilities: &[f32], values: Lines, output: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        let output = output.as_chunks_mut().0;
        #[expect(unsafe_code, reason = "the processor has the instructions")]
        return unsafe { avx512::mix(probabilities, values, output) };
    }
    slow_mix(probabilities, values, output);
}

/// The twin of what AVX-512 does, and all that other processors have.
#[multiversion(targets("x86_64+avx2+fma"))]
fn slow_multiply(q: &[[f32; LANES]], keys: Lines, scale: f32, scores: &mut [f32]) {
    for (index, score) in scores.iter_mut().enumerate() {
        let mut sums = [0.0; LANES];
        for (q, key) in q.iter().zip(keys.line(index)) {
            for lane in 0..LANES {
                sums[lane] += q[lane] * key[lane];
            }
        }
        *score = scale * sums.iter().sum::<f32>();
    }
}

/// The same for the output.
#[multiversion(targets("x86_64+avx2+fma"))]
fn slow_mix(probabilities: &[f32], values: Lines, output: &mut [f32]) {
    output.fill(0.0);
    for (index, p) in probabilities.iter().enumerate() {
        let line = values.line(index).as_flattened();
        for (sum, value) in output.iter_mut().zip(line) {
            *sum += p * value;
        }
    }
}

/// By hand: the compiler makes vectors of two and four, and gathers single
/// values.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vectors are read from arrays of their size")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::{LANES, Lines};

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(lanes: &[f32; LANES]) -> __m512 {
        // SAFETY: sixteen values.
        unsafe { _mm512_loadu_ps(lanes.as_ptr()) }
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn multiply(q: &[[f32; LANES]], keys: Lines, scale: f32, scores: &mut [f32]) {
        let (fours, rest) = scores.as_chunks_mut::<4>();
        let whole = fours.len() * 4;
        for (four, scores) in fours.iter_mut().enumerate() {
            let dots: [__m512; 4] = std::array::from_fn(|i| products(q, keys, four * 4 + i));
            let sums = _mm_mul_ps(_mm_set1_ps(scale), totals(dots));
            // SAFETY: four values.
            unsafe { _mm_storeu_ps(scores.as_mut_ptr(), sums) };
        }
        for (index, score) in rest.iter_mut().enumerate() {
            *score = scale * _mm512_reduce_add_ps(products(q, keys, whole + index));
        }
    }

    /// Sixteen parts of the product with a key.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn products(q: &[[f32; LANES]], keys: Lines, index: usize) -> __m512 {
        let mut sums = _mm512_setzero_ps();
        for (q, key) in q.iter().zip(keys.line(index)) {
            sums = _mm512_fmadd_ps(load(q), load(key), sums);
        }
        sums
    }

    /// The sum of each of four vectors: pairs, quarters, and across them.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn totals([a, b, c, d]: [__m512; 4]) -> __m128 {
        let ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
        let cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
        let (ab, cd) = (_mm512_castps_pd(ab), _mm512_castps_pd(cd));
        let low = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd));
        let quarters = _mm512_add_ps(low, _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)));
        _mm_add_ps(
            _mm_add_ps(
                _mm512_extractf32x4_ps::<0>(quarters),
                _mm512_extractf32x4_ps::<1>(quarters),
            ),
            _mm_add_ps(
                _mm512_extractf32x4_ps::<2>(quarters),
                _mm512_extractf32x4_ps::<3>(quarters),
            ),
        )
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn mix(probabilities: &[f32], values: Lines, output: &mut [[f32; LANES]]) {
        let (fours, rest) = output.as_chunks_mut::<4>();
        let whole = fours.len() * 4;
        for (four, output) in fours.iter_mut().enumerate() {
            mix_part(probabilities, values, four * 4, output);
        }
        for (index, output) in rest.iter_mut().enumerate() {
            mix_part(
                probabilities,
                values,
                whole + index,
                std::array::from_mut(output),
            );
        }
    }

    /// Vectors of the output that stay in registers while all values pass.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn mix_part<const N: usize>(
        probabilities: &[f32],
        values: Lines,
        first: usize,
        output: &mut [[f32; LANES]; N],
    ) {
        let mut sums = [_mm512_setzero_ps(); N];
        for (index, &p) in probabilities.iter().enumerate() {
            let p = _mm512_set1_ps(p);
            let line = &values.line(index)[first..first + N];
            for (sum, value) in sums.iter_mut().zip(line) {
                *sum = _mm512_fmadd_ps(p, load(value), *sum);
            }
        }
        for (output, sum) in output.iter_mut().zip(sums) {
            // SAFETY: sixteen values.
            unsafe { _mm512_storeu_ps(output.as_mut_ptr(), sum) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anneal_testkit::hashed;

    #[test]
    fn both_ways_agree_with_f64() {
        // Keys in fours and a rest, widths in fours of vectors and a rest.
        for (count, width, stride) in [(1, 16, 16), (6, 48, 50), (9, 64, 192), (4, 80, 80)] {
            let (q, lines) = (hashed("q", width), hashed("k", count * stride));
            let lines = Lines {
                values: &lines,
                stride,
                count,
                width,
            };
            let value = |index: usize, at: usize| f64::from(lines.values[index * stride + at]);
            let [mut fast, mut slow] = [vec![0.0; count], vec![0.0; count]];
            multiply(&q, lines, 0.3, &mut fast);
            slow_multiply(q.as_chunks().0, lines, 0.3, &mut slow);
            for index in 0..count {
                let sum: f64 = (0..width)
                    .map(|at| f64::from(q[at]) * value(index, at))
                    .sum();
                for found in [fast[index], slow[index]] {
                    assert!(
                        (f64::from(found) - 0.3 * sum).abs() < 1e-6,
                        "{found} and {sum}"
                    );
                }
            }
            let p = hashed("p", count);
            let [mut fast, mut slow] = [vec![7.0; width], vec![7.0; width]];
            mix(&p, lines, &mut fast);
            slow_mix(&p, lines, &mut slow);
            for at in 0..width {
                let sum: f64 = (0..count).map(|i| f64::from(p[i]) * value(i, at)).sum();
                for found in [fast[at], slow[at]] {
                    assert!((f64::from(found) - sum).abs() < 1e-6, "{found} and {sum}");
                }
            }
        }
    }
}
