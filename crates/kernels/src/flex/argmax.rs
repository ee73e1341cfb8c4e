//! The largest of each row, and how probable it is.

use multiversion::multiversion;
use rayon::prelude::*;

use super::exp::exp;

/// For each row of so many columns: the column of the largest value, the first
/// of equals, and its log softmax.
pub(crate) fn argmax_log_softmax(logits: &[f32], columns: usize) -> Vec<(i64, f32)> {
    let rows = logits.par_chunks_exact(columns);
    rows.map(|row| {
        let (largest, log_sum) = log_sum(row);
        let column = row.iter().position(|&value| value == largest);
        (column.unwrap_or_default() as i64, -log_sum)
    })
    .collect()
}

/// The largest value, and `log Σ exp(x − largest)`.
#[multiversion(targets("x86_64+avx512f+avx512vl+fma", "x86_64+avx2+fma"))]
fn log_sum(row: &[f32]) -> (f32, f32) {
    // Sixteen partial results, so that the loops become vector instructions.
    let (blocks, rest) = row.as_chunks::<16>();
    let mut largest = [f32::NEG_INFINITY; 16];
    for block in blocks {
        for (largest, &value) in largest.iter_mut().zip(block) {
            *largest = if value > *largest { value } else { *largest };
        }
    }
    let all = largest.iter().chain(rest);
    let largest = all.fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    let mut sum = 0.0f64;
    // Sums of a thousand in f32, those in f64.
    for part in row.chunks(16 * 64) {
        let mut sums = [0.0f32; 16];
        let (blocks, rest) = part.as_chunks::<16>();
        for block in blocks {
            for (sum, value) in sums.iter_mut().zip(block) {
                *sum += exp(value - largest);
            }
        }
        for (sum, value) in sums.iter_mut().zip(rest) {
            *sum += exp(value - largest);
        }
        sum += sums.iter().map(|&sum| f64::from(sum)).sum::<f64>();
    }
    (largest, sum.ln() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anneal_testkit::hashed;

    #[test]
    fn rows_agree_with_f64() {
        for columns in [1, 15, 16, 1_040, 3_000] {
            let logits: Vec<f32> = hashed("logits", 3 * columns)
                .iter()
                .map(|v| v * 9.0)
                .collect();
            let found = argmax_log_softmax(&logits, columns);
            for (row, (column, log_probability)) in logits.chunks(columns).zip(found) {
                let largest = row.iter().copied().fold(f32::MIN, f32::max);
                assert_eq!(row[column as usize], largest);
                let sum: f64 = row.iter().map(|&v| f64::from(v - largest).exp()).sum();
                assert!((f64::from(log_probability) + sum.ln()).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn the_first_of_equals_is_chosen_and_what_is_no_number_shows() {
        let row = |values: [f32; 3]| argmax_log_softmax(&values, 3)[0];
        assert_eq!(row([1.0, 2.0, 2.0]).0, 1);
        assert_eq!(row([f32::NEG_INFINITY, 5.0, f32::NEG_INFINITY]), (1, 0.0));
        for values in [
            [0.0, f32::NAN, 0.0],
            [f32::NEG_INFINITY; 3],
            [0.0, f32::INFINITY, 0.0],
        ] {
            assert!(!row(values).1.is_finite(), "{values:?}");
        }
    }
}
