//! BIRD's execution accuracy and soft F1 of two results.
//!
//! Compared against `evaluation/evaluation_ex.py` (commit 47f116d) and `evaluation/evaluation_f1.py` (commit
//! 2932a2b) of bird-bench/mini_dev.

use std::collections::HashSet;

use crate::{Rows, Value};

/// BIRD's execution accuracy (EX): whether both results are the same *set* of rows.
///
/// Order and repeated rows do not count, which [`compare`](crate::compare) minds; the order of columns
/// does, which [`compare`](crate::compare) forgives. Two empty results are the same.
///
/// ```
/// use anneal_sql::{Rows, Value::Integer, same_rows};
/// let rows = |rows: &[[i64; 2]]| {
///     let values = rows.iter().map(|row| row.map(Integer).to_vec()).collect();
///     Rows::new(vec!["a".into(), "b".into()], values)
/// };
/// let gold = rows(&[[1, 2], [3, 4]]);
/// assert!(same_rows(&gold, &rows(&[[3, 4], [1, 2], [1, 2]])));
/// assert!(!same_rows(&gold, &rows(&[[2, 1], [4, 3]])));
/// ```
#[must_use]
pub fn same_rows(gold: &Rows, predicted: &Rows) -> bool {
    gold.rows() == predicted.rows() || set(gold) == set(predicted)
}

fn set(result: &Rows) -> HashSet<&[Value]> {
    result.rows().iter().map(Vec::as_slice).collect()
}

/// BIRD's soft F1, from 0 to 1: how much of the gold's rows is in the prediction's, cell by cell.
///
/// Repeated rows are dropped, the first stays. Then row *i* of one result is compared with row *i* of the
/// other: of the gold row's `c` cells, `m / c` match, where `m` counts the predicted cells whose value stands
/// anywhere in the gold row; `p / c` are the prediction's other cells and `t / c` the gold cells that the prediction's
/// row lacks. A row without partner counts 1 to `p` or `t`. With the sums over all rows,
/// precision = M / (M + P), recall = M / (M + T), and the score is their harmonic mean, 0 where a
/// denominator is 0; two empty results score 1.
///
/// The measure is that of `calculate_f1_score`, with its oddities: rows are partners by position, so a
/// prediction in another order scores low; cells count by value wherever they stand, so a predicted row that
/// repeats a right cell scores more than one that gives it once. Sums are plain, as Python's up to 3.11; later Pythons
/// compensate, which changes the last bit at most.
///
/// ```
/// use anneal_sql::{Rows, Value::Integer, soft_f1};
/// let rows = |width: usize, rows: &[&[i64]]| {
///     let values = rows.iter().map(|row| row.iter().map(|&n| Integer(n)).collect()).collect();
///     Rows::new(vec![String::new(); width], values)
/// };
/// let gold = rows(2, &[&[1, 2], &[3, 4]]);
/// assert_eq!(soft_f1(&gold, &rows(2, &[&[2, 1], &[4, 3]])), 1.0);
/// // One of two cells in each row: M = 1, P = 0, T = 1.
/// assert!((soft_f1(&gold, &rows(1, &[&[1], &[3]])) - 2.0 / 3.0).abs() < 1e-15);
/// ```
#[must_use]
pub fn soft_f1(gold: &Rows, predicted: &Rows) -> f64 {
    if gold.is_empty() && predicted.is_empty() {
        return 1.0;
    }
    let (gold, predicted) = (distinct(gold), distinct(predicted));
    let (mut both, mut predicted_only, mut gold_only) = (0.0, 0.0, 0.0);
    for (at, &expected) in gold.iter().enumerate() {
        let Some(&found) = predicted.get(at) else {
            gold_only += 1.0;
            continue;
        };
        let cells = expected.len() as f64;
        let matches = found.iter().filter(|&cell| expected.contains(cell)).count();
        let missing = expected
            .iter()
            .filter(|&cell| !found.contains(cell))
            .count();
        both += matches as f64 / cells;
        predicted_only += (found.len() - matches) as f64 / cells;
        gold_only += missing as f64 / cells;
    }
    predicted_only += predicted.len().saturating_sub(gold.len()) as f64;
    let share = |others: f64| match both + others > 0.0 {
        true => both / (both + others),
        false => 0.0,
    };
    let (precision, recall) = (share(predicted_only), share(gold_only));
    match precision + recall > 0.0 {
        true => 2.0 * precision * recall / (precision + recall),
        false => 0.0,
    }
}

/// The rows, each once, where it came first.
fn distinct(result: &Rows) -> Vec<&[Value]> {
    let mut seen: HashSet<&[Value]> = HashSet::new();
    let rows = result.rows().iter().map(Vec::as_slice);
    rows.filter(|&row| seen.insert(row)).collect()
}
