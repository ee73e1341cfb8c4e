//! How a result differs from the gold's.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::compare::{compare, numbered};
use crate::{Failure, Rows};

/// How a result differs from the gold's; the first of these that holds, in this order.
///
/// ```
/// use anneal_sql::{Difference, Rows, Value::*, difference};
/// let rows = |values: &[i64]| Rows::new(vec!["n".into()], values.iter().map(|&n| vec![Integer(n)]).collect());
/// assert_eq!(difference(&rows(&[1, 2]), &rows(&[2, 1]), false), None);
/// assert_eq!(difference(&rows(&[1, 2]), &rows(&[2, 1]), true), Some(Difference::Order));
/// let found = difference(&rows(&[1, 2]), &rows(&[1, 2, 3]), false).unwrap();
/// assert_eq!(found.to_string(), "3 rows, expected 2");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Difference {
    /// The prediction has no row, the gold has some.
    #[error("no row, expected {expected}")]
    Empty {
        /// Rows of the gold.
        expected: usize,
    },
    /// The gold has rows, and another number of columns.
    #[error("{}, expected {expected}", count(*found, "column"))]
    Width {
        /// Columns of the prediction.
        found: usize,
        /// Columns of the gold.
        expected: usize,
    },
    /// As many rows and columns as the gold. Some gold columns are there, as bags of values, each in a
    /// column of its own, and this one, the first of the others, is not.
    #[error("no column holds the values of the gold's column {number}")]
    Column {
        /// Which column of the gold, from 1.
        number: usize,
    },
    /// The same bag of rows in another order, and the order counts.
    #[error("the rows are in another order")]
    Order,
    /// Everything else: another number of rows, no column in common, or the same columns combined
    /// into other rows.
    #[error("{}", rows_in_words(*found, *expected))]
    Rows {
        /// Rows of the prediction.
        found: usize,
        /// Rows of the gold.
        expected: usize,
    },
}

fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

fn rows_in_words(found: usize, expected: usize) -> String {
    if found == expected {
        format!("other values in {}", count(found, "row"))
    } else {
        format!("{}, expected {expected}", count(found, "row"))
    }
}

impl Difference {
    /// The class of this difference.
    #[must_use]
    pub fn failure(self) -> Failure {
        match self {
            Self::Empty { .. } => Failure::Empty,
            Self::Width { .. } | Self::Column { .. } => Failure::WrongColumns,
            Self::Order => Failure::WrongOrder,
            Self::Rows { .. } => Failure::WrongRows,
        }
    }
}

/// How `predicted` differs from `gold`, `None` exactly where [`compare`] says that it does not.
#[must_use]
pub fn difference(gold: &Rows, predicted: &Rows, order_matters: bool) -> Option<Difference> {
    if compare(gold, predicted, order_matters) {
        return None;
    }
    let (found, expected) = (predicted.len(), gold.len());
    Some(if found == 0 {
        Difference::Empty { expected }
    } else if expected > 0 && gold.width() != predicted.width() {
        Difference::Width {
            found: predicted.width(),
            expected: gold.width(),
        }
    } else if found != expected {
        Difference::Rows { found, expected }
    } else if order_matters && compare(gold, predicted, false) {
        Difference::Order
    } else if let Some(number) = missing_column(gold, predicted) {
        Difference::Column { number }
    } else {
        Difference::Rows { found, expected }
    })
}

/// The first gold column, from 1, whose bag of values no predicted column is left to hold; `None`
/// if there is none such, or nothing but such.
fn missing_column(gold: &Rows, predicted: &Rows) -> Option<usize> {
    let (gold, predicted) = numbered(gold, predicted);
    let bag = |mut column: Vec<u32>| {
        column.sort_unstable();
        column
    };
    let mut left: HashMap<Vec<u32>, usize> = HashMap::new();
    for column in predicted {
        *left.entry(bag(column)).or_insert(0) += 1;
    }
    let (mut missing, mut agreeing) = (None, 0);
    for (index, column) in gold.into_iter().enumerate() {
        match left.get_mut(&bag(column)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                agreeing += 1;
            }
            _ => missing = missing.or(Some(index + 1)),
        }
    }
    missing.filter(|_| agreeing > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value::Integer;

    fn rows(width: usize, rows: &[&[i64]]) -> Rows {
        let row = |row: &&[i64]| row.iter().map(|&value| Integer(value)).collect();
        Rows::new(vec![String::new(); width], rows.iter().map(row).collect())
    }

    #[track_caller]
    fn check(gold: &Rows, predicted: &Rows, ordered: bool, words: &str, failure: Failure) {
        let found = difference(gold, predicted, ordered).expect("they differ");
        assert_eq!(
            (found.to_string().as_str(), found.failure()),
            (words, failure)
        );
    }

    #[test]
    fn each_difference_has_its_words_and_class() {
        let gold = rows(2, &[&[1, 10], &[2, 20], &[3, 30]]);
        for (predicted, words, failure) in [
            (rows(2, &[]), "no row, expected 3", Failure::Empty),
            (rows(1, &[]), "no row, expected 3", Failure::Empty),
            (
                rows(1, &[&[1]]),
                "1 column, expected 2",
                Failure::WrongColumns,
            ),
            (
                rows(3, &[&[1, 10, 0], &[2, 20, 0], &[3, 30, 0]]),
                "3 columns, expected 2",
                Failure::WrongColumns,
            ),
            (
                rows(2, &[&[1, 10], &[2, 21], &[3, 30]]),
                "no column holds the values of the gold's column 2",
                Failure::WrongColumns,
            ),
            (
                rows(2, &[&[10, 10], &[20, 20], &[30, 30]]),
                "no column holds the values of the gold's column 1",
                Failure::WrongColumns,
            ),
            (
                rows(2, &[&[1, 10], &[2, 20]]),
                "2 rows, expected 3",
                Failure::WrongRows,
            ),
            (
                rows(2, &[&[1, 10]]),
                "1 row, expected 3",
                Failure::WrongRows,
            ),
            // Both columns are there, combined into other rows.
            (
                rows(2, &[&[1, 20], &[2, 10], &[3, 30]]),
                "other values in 3 rows",
                Failure::WrongRows,
            ),
            (
                rows(2, &[&[7, 70], &[2, 20], &[3, 30]]),
                "other values in 3 rows",
                Failure::WrongRows,
            ),
        ] {
            check(&gold, &predicted, false, words, failure);
        }
    }

    #[test]
    fn order_is_told_only_where_the_bags_agree() {
        let gold = rows(2, &[&[1, 10], &[2, 20]]);
        let turned = rows(2, &[&[20, 2], &[10, 1]]);
        assert_eq!(difference(&gold, &turned, false), None);
        check(
            &gold,
            &turned,
            true,
            "the rows are in another order",
            Failure::WrongOrder,
        );
        let other = rows(2, &[&[20, 1], &[10, 2]]);
        check(
            &gold,
            &other,
            true,
            "other values in 2 rows",
            Failure::WrongRows,
        );
    }

    #[test]
    fn one_column_with_other_values_is_other_rows() {
        let (gold, other) = (rows(1, &[&[1]]), rows(1, &[&[2]]));
        check(
            &gold,
            &other,
            false,
            "other values in 1 row",
            Failure::WrongRows,
        );
    }

    #[test]
    fn an_empty_gold_has_no_columns_to_miss() {
        let gold = rows(1, &[]);
        check(
            &gold,
            &rows(2, &[&[1, 2]]),
            false,
            "1 row, expected 0",
            Failure::WrongRows,
        );
        assert_eq!(difference(&gold, &rows(2, &[]), true), None);
    }
}
