//! Whether two results say the same: as bags of rows, or as lists where order counts.
//!
//! The rules are those of `result_eq` in Spider's test-suite evaluation
//! (`exec_eval.py` of taoyds/test-suite-sql-eval; Zhong et al. 2020,
//! "Semantic Evaluation for Text-to-SQL with Distilled Test Suites").

use std::collections::HashMap;

use crate::{Rows, Value};

/// Cells that the search for a column permutation may visit before it gives up.
///
/// Reached only by wide results whose columns hold the same values in different
/// arrangements; each column assigned without going back visits one cell per row,
/// so every result within the default budget has many times its own size.
const SEARCH_CELLS: u64 = 1 << 28;

/// Whether `predicted` says the same as `gold`.
///
/// - Two empty results are equal, whatever their columns.
/// - Otherwise both need the same number of rows and of columns.
/// - Columns may stand in another order: the results are equal if *some*
///   permutation of the predicted columns makes them so. Names do not count.
/// - Rows are compared as a bag (order is free, repeated rows count), or one by
///   one if `order_matters`.
/// - Values compare as [`Value`] says.
///
/// The permutation is found exactly, where the script samples 20 rows to narrow
/// it down: a column can only stand for one with the same bag of values, and each
/// further column must keep the bags of the chosen columns' partial rows equal.
/// The general problem is as hard as graph isomorphism, so the search gives up, and says
/// `false`, after 2²⁸ visited cells.
///
/// ```
/// use anneal_sql::{Rows, Value::*, compare};
/// let names = |n: usize| vec![String::new(); n];
/// let gold = Rows::new(names(2), vec![vec![Integer(1), Text("a".into())], vec![Integer(2), Null]]);
/// let same = Rows::new(names(2), vec![vec![Null, Real(2.0)], vec![Text("a".into()), Real(1.0)]]);
/// assert!(compare(&gold, &same, false));
/// assert!(!compare(&gold, &same, true));
/// ```
#[must_use]
pub fn compare(gold: &Rows, predicted: &Rows, order_matters: bool) -> bool {
    if gold.is_empty() && predicted.is_empty() {
        return true;
    }
    if gold.len() != predicted.len() || gold.width() != predicted.width() {
        return false;
    }
    // Most correct predictions give the very rows of the gold.
    if gold.rows() == predicted.rows() {
        return true;
    }
    let Some((mut gold, mut predicted)) = columns(gold, predicted) else {
        return false;
    };
    if order_matters {
        // Row by row under some permutation: the same bag of whole columns.
        gold.sort_unstable();
        predicted.sort_unstable();
        return gold == predicted;
    }
    Search::new(&gold, &predicted).is_some_and(|mut search| search.run())
}

/// A column of a result, each value replaced by its number.
type Column = Vec<u32>;

/// Both results by columns, equal values under equal numbers; `None` if a
/// predicted value does not occur in the gold at all.
fn columns(gold: &Rows, predicted: &Rows) -> Option<(Vec<Column>, Vec<Column>)> {
    let (numbers, gold_columns) = number(gold)?;
    let mut predicted_columns = vec![Column::with_capacity(gold.len()); gold.width()];
    for row in predicted.rows() {
        for (column, value) in predicted_columns.iter_mut().zip(row) {
            column.push(*numbers.get(value)?);
        }
    }
    Some((gold_columns, predicted_columns))
}

/// As [`columns`], with one number for all values that the gold does not have.
pub(crate) fn numbered(gold: &Rows, predicted: &Rows) -> (Vec<Column>, Vec<Column>) {
    let Some((numbers, gold_columns)) = number(gold) else {
        return (Vec::new(), Vec::new());
    };
    let mut predicted_columns = vec![Column::with_capacity(predicted.len()); predicted.width()];
    for row in predicted.rows() {
        for (column, value) in predicted_columns.iter_mut().zip(row) {
            column.push(numbers.get(value).copied().unwrap_or(u32::MAX));
        }
    }
    (gold_columns, predicted_columns)
}

/// Numbers for the values of a result, and its columns in numbers; `None` beyond 2³² − 1 values.
fn number(gold: &Rows) -> Option<(HashMap<&Value, u32>, Vec<Column>)> {
    let mut numbers: HashMap<&Value, u32> = HashMap::new();
    let mut gold_columns = vec![Column::with_capacity(gold.len()); gold.width()];
    for row in gold.rows() {
        for (column, value) in gold_columns.iter_mut().zip(row) {
            let next = u32::try_from(numbers.len())
                .ok()
                .filter(|&next| next < u32::MAX)?;
            column.push(*numbers.entry(value).or_insert(next));
        }
    }
    Some((numbers, gold_columns))
}

/// The search for a permutation of columns under which the bags of rows are equal.
struct Search<'a> {
    gold: &'a [Column],
    predicted: &'a [Column],
    /// For each gold column the predicted columns with the same bag of values.
    candidates: Vec<Vec<usize>>,
    /// Gold columns in the order of assignment, fewest candidates first.
    order: Vec<usize>,
    used: Vec<bool>,
    cells_left: u64,
}

impl<'a> Search<'a> {
    /// `None` if some column has no candidate.
    fn new(gold: &'a [Column], predicted: &'a [Column]) -> Option<Self> {
        let bag = |column: &Column| {
            let mut bag = column.clone();
            bag.sort_unstable();
            bag
        };
        let mut by_bag: HashMap<Column, Vec<usize>> = HashMap::new();
        for (index, column) in predicted.iter().enumerate() {
            by_bag.entry(bag(column)).or_default().push(index);
        }
        let mut candidates = Vec::with_capacity(gold.len());
        for (index, column) in gold.iter().enumerate() {
            let mut found = by_bag.get(&bag(column))?.clone();
            // The same place first: most predictions keep the order of columns.
            found.sort_by_key(|&candidate| candidate != index);
            candidates.push(found);
        }
        let mut order: Vec<usize> = (0..gold.len()).collect();
        order.sort_by_key(|&column| candidates[column].len());
        Some(Self {
            gold,
            predicted,
            candidates,
            order,
            used: vec![false; predicted.len()],
            cells_left: SEARCH_CELLS,
        })
    }

    fn run(&mut self) -> bool {
        let rows = self.gold.first().map_or(0, Vec::len);
        self.assign(0, &vec![0; rows], &vec![0; rows])
    }

    /// Assigns the columns from `depth` on. `gold` and `predicted` give each row the
    /// number of its class: rows that agree in all columns assigned so far.
    fn assign(&mut self, depth: usize, gold: &[u32], predicted: &[u32]) -> bool {
        let Some(&column) = self.order.get(depth) else {
            return true;
        };
        let mut tried: Vec<usize> = Vec::new();
        for position in 0..self.candidates[column].len() {
            let candidate = self.candidates[column][position];
            // An identical column would fail in the same way.
            let repeated = |&other: &usize| self.predicted[other] == self.predicted[candidate];
            if self.used[candidate] || tried.iter().any(repeated) {
                continue;
            }
            tried.push(candidate);
            let Some(left) = self.cells_left.checked_sub(gold.len() as u64) else {
                return false;
            };
            self.cells_left = left;
            let refined = refine(
                gold,
                &self.gold[column],
                predicted,
                &self.predicted[candidate],
            );
            if let Some((gold, predicted)) = refined {
                self.used[candidate] = true;
                if self.assign(depth + 1, &gold, &predicted) {
                    return true;
                }
                self.used[candidate] = false;
            }
        }
        false
    }
}

/// Splits the classes of rows by one more column; `None` if a class then has
/// another number of rows in the gold than in the prediction.
fn refine(
    gold_class: &[u32],
    gold_column: &[u32],
    predicted_class: &[u32],
    predicted_column: &[u32],
) -> Option<(Vec<u32>, Vec<u32>)> {
    let mut classes: HashMap<(u32, u32), (u32, usize)> = HashMap::new();
    let mut gold = Vec::with_capacity(gold_class.len());
    for key in gold_class.iter().copied().zip(gold_column.iter().copied()) {
        let next = classes.len() as u32; // at most one per row, and rows fit a u32
        let (class, count) = classes.entry(key).or_insert((next, 0));
        *count += 1;
        gold.push(*class);
    }
    let mut predicted = Vec::with_capacity(gold.len());
    for key in predicted_class
        .iter()
        .copied()
        .zip(predicted_column.iter().copied())
    {
        let (class, count) = classes.get_mut(&key)?;
        *count = count.checked_sub(1)?;
        predicted.push(*class);
    }
    Some((gold, predicted))
}

#[cfg(test)]
mod tests {
    use super::Value::{Blob, Integer, Null, Real};
    use super::*;

    fn rows(rows: &[&[Value]]) -> Rows {
        let width = rows.first().map_or(0, |row| row.len());
        Rows::new(
            vec![String::new(); width],
            rows.iter().map(|row| row.to_vec()).collect(),
        )
    }

    fn integers(rows: &[&[i64]]) -> Rows {
        let width = rows.first().map_or(0, |row| row.len());
        let row = |row: &&[i64]| row.iter().map(|&value| Integer(value)).collect();
        Rows::new(vec![String::new(); width], rows.iter().map(row).collect())
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn repeated_rows_count() {
        let gold = integers(&[&[1], &[1], &[2]]);
        assert!(compare(&gold, &integers(&[&[2], &[1], &[1]]), false));
        assert!(!compare(&gold, &integers(&[&[2], &[1], &[2]]), false));
        assert!(!compare(&gold, &integers(&[&[1], &[2]]), false));
        assert!(!compare(&gold, &integers(&[&[2], &[1], &[1]]), true));
        assert!(compare(&gold, &integers(&[&[1], &[1], &[2]]), true));
    }

    #[test]
    fn values_compare_by_number_text_and_null() {
        let gold = rows(&[
            &[Integer(3), Null, text("a")],
            &[Real(0.5), Integer(7), text("é")],
        ]);
        let same = rows(&[
            &[Real(0.5), Real(7.0), text("é")],
            &[Real(3.0), Null, text("a")],
        ]);
        assert!(compare(&gold, &same, false));
        let case = rows(&[
            &[Real(0.5), Real(7.0), text("É")],
            &[Real(3.0), Null, text("a")],
        ]);
        assert!(!compare(&gold, &case, false));
        assert!(!compare(
            &rows(&[&[text("3")]]),
            &rows(&[&[Integer(3)]]),
            false
        ));
        assert!(!compare(&rows(&[&[Null]]), &rows(&[&[Integer(0)]]), false));
        assert!(!compare(
            &rows(&[&[Blob(vec![97])]]),
            &rows(&[&[text("a")]]),
            false
        ));
    }

    #[test]
    fn widths_must_match_unless_both_are_empty() {
        assert!(!compare(&integers(&[&[1]]), &integers(&[&[1, 1]]), false));
        let empty = |width: usize| Rows::new(vec![String::new(); width], vec![]);
        assert!(compare(&empty(1), &empty(3), true));
        assert!(!compare(&empty(1), &integers(&[&[1]]), false));
    }

    #[test]
    fn columns_may_be_permuted_as_a_whole_only() {
        let gold = integers(&[&[1, 2, 5], &[3, 4, 6]]);
        assert!(compare(&gold, &integers(&[&[6, 3, 4], &[5, 1, 2]]), false));
        assert!(compare(&gold, &integers(&[&[5, 1, 2], &[6, 3, 4]]), true));
        // Each row holds the same values, but no one permutation fits both.
        assert!(!compare(&gold, &integers(&[&[2, 1, 5], &[3, 4, 6]]), false));
        assert!(!compare(&gold, &integers(&[&[2, 1, 5], &[3, 4, 6]]), true));
    }

    #[test]
    fn equal_column_bags_are_told_apart_by_their_rows() {
        // Every column holds {0, 0, 1, 1}: only the combinations differ.
        let gold = integers(&[&[0, 0, 1], &[0, 1, 0], &[1, 0, 0], &[1, 1, 1]]);
        let odd = integers(&[&[0, 0, 0], &[0, 1, 1], &[1, 0, 1], &[1, 1, 0]]);
        assert!(!compare(&gold, &odd, false));
        let doubled = integers(&[&[0, 0, 1], &[0, 0, 1], &[1, 1, 0], &[1, 1, 0]]);
        let turned = integers(&[&[1, 0, 1], &[0, 1, 0], &[1, 0, 1], &[0, 1, 0]]);
        assert!(compare(&doubled, &turned, false));
        assert!(!compare(&gold, &doubled, false));
    }

    /// Tries every permutation: slow, and plainly right.
    fn brute_force(gold: &[Vec<i64>], predicted: &[Vec<i64>], ordered: bool) -> bool {
        fn permutations(width: usize) -> Vec<Vec<usize>> {
            if width == 0 {
                return vec![vec![]];
            }
            let mut all = Vec::new();
            for shorter in permutations(width - 1) {
                for at in 0..=shorter.len() {
                    let mut longer = shorter.clone();
                    longer.insert(at, width - 1);
                    all.push(longer);
                }
            }
            all
        }
        let mut gold = gold.to_vec();
        if !ordered {
            gold.sort();
        }
        permutations(gold[0].len()).into_iter().any(|permutation| {
            let turn = |row: &Vec<i64>| permutation.iter().map(|&at| row[at]).collect();
            let mut turned: Vec<Vec<i64>> = predicted.iter().map(turn).collect();
            if !ordered {
                turned.sort();
            }
            turned == gold
        })
    }

    #[test]
    fn agrees_with_trying_every_permutation() {
        // A small linear congruential generator (Knuth's MMIX constants): a fixed sequence.
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut equal = [0, 0];
        for _ in 0..4_000 {
            let (height, width) = (1 + random(5) as usize, 1 + random(4) as usize);
            let gold: Vec<Vec<i64>> = (0..height)
                .map(|_| (0..width).map(|_| random(2) as i64).collect())
                .collect();
            // A shuffle of columns, one of rows, and in half of the cases one changed cell.
            let mut predicted = gold.clone();
            let (first, second) = (random(width as u64) as usize, random(width as u64) as usize);
            predicted.iter_mut().for_each(|row| row.swap(first, second));
            if random(2) == 0 {
                predicted.rotate_left(random(height as u64) as usize);
            }
            if random(2) == 0 {
                predicted[random(height as u64) as usize][random(width as u64) as usize] ^= 1;
            }
            let as_rows =
                |rows: &[Vec<i64>]| integers(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
            for ordered in [false, true] {
                let expected = brute_force(&gold, &predicted, ordered);
                equal[usize::from(ordered)] += usize::from(expected);
                assert_eq!(
                    compare(&as_rows(&gold), &as_rows(&predicted), ordered),
                    expected,
                    "{gold:?} against {predicted:?}, ordered: {ordered}"
                );
            }
        }
        // The cases are worth something only if both answers are common.
        assert!(
            equal.iter().all(|&count| (1_000..3_500).contains(&count)),
            "{equal:?}"
        );
    }

    #[test]
    fn a_wide_result_of_alike_columns_is_compared_quickly() {
        // 40 columns with one 1 each: 40! permutations, and one step per column.
        let cell = |row: usize, column: usize| Integer(i64::from(row == column));
        let matrix = |turn: usize| {
            let row = |row| {
                (0..40)
                    .map(|column| cell(row, (column + turn) % 40))
                    .collect()
            };
            Rows::new(vec![String::new(); 40], (0..40).map(row).collect())
        };
        assert!(compare(&matrix(0), &matrix(17), false));
        assert!(compare(&matrix(0), &matrix(17), true));
    }
}
