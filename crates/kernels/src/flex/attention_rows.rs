//! The elementwise half of attention, over rows of scores.

use multiversion::multiversion;

use super::exp::exp;

/// Turns rows of scaled scores into probabilities, row `i` over its first
/// `first + i + 1` keys; the rest becomes zero. Writes each row's log-sum-exp.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub(super) fn softmax(scores: &mut [f32], width: usize, first: usize, log_sum_exp: &mut [f32]) {
    let rows = scores.chunks_exact_mut(width).zip(log_sum_exp);
    for (i, (row, log_sum_exp)) in rows.enumerate() {
        let (seen, hidden) = row.split_at_mut(first + i + 1);
        let mut largest = [f32::MIN; 16];
        for (j, &score) in seen.iter().enumerate() {
            largest[j % 16] = largest[j % 16].max(score);
        }
        let largest = largest.into_iter().fold(f32::MIN, f32::max);
        let mut sums = [0.0f32; 16];
        for (j, score) in seen.iter_mut().enumerate() {
            *score = exp(*score - largest);
            sums[j % 16] += *score;
        }
        let sum: f32 = sums.iter().sum();
        let inverse = 1.0 / sum;
        seen.iter_mut().for_each(|p| *p *= inverse);
        hidden.fill(0.0);
        *log_sum_exp = largest + sum.ln();
    }
}

/// The same probabilities again, from scores and the log-sum-exp.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub(super) fn probabilities(scores: &mut [f32], width: usize, first: usize, log_sum_exp: &[f32]) {
    let rows = scores.chunks_exact_mut(width).zip(log_sum_exp);
    for (i, (row, log_sum_exp)) in rows.enumerate() {
        let (seen, hidden) = row.split_at_mut(first + i + 1);
        seen.iter_mut()
            .for_each(|score| *score = exp(*score - log_sum_exp));
        hidden.fill(0.0);
    }
}

/// `dS = P·(dP − δ)`, in place of `dP`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub(super) fn score_gradients(
    probabilities: &[f32],
    gradients: &mut [f32],
    width: usize,
    deltas: &[f32],
) {
    let rows = probabilities
        .chunks_exact(width)
        .zip(gradients.chunks_exact_mut(width));
    for ((probabilities, gradients), delta) in rows.zip(deltas) {
        for (p, g) in probabilities.iter().zip(gradients) {
            *g = p * (*g - delta);
        }
    }
}

/// `δᵢ = Σ dOᵢ·Oᵢ`.
pub(super) fn delta(output: &[f32], grad: &[f32]) -> f32 {
    output.iter().zip(grad).map(|(o, g)| o * g).sum()
}
