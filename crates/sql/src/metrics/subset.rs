//! sql-eval's match: every column of the gold is in the prediction, which may have more.
//!
//! Compared against `compare_df`, `subset_df` and `normalize_table` of `eval/eval.py` in defog-ai/sql-eval
//! (commit 079e59c), run with pandas 3.1.1.

use super::frame::{Frame, number, order};
use crate::{Rows, Value};

/// Whether sql-eval counts the prediction as correct.
///
/// It does in two cases, with `ordered` as [`asks_for_order`] says of the question:
///
/// 1. Both results are equal: place by place, or after repeated rows are dropped, columns are sorted by name and rows
///    by their values. With `ordered`, rows are sorted by the columns that ascend already, then by the others; where no
///    column ascends, their order counts.
/// 2. The gold is not empty, and each of its columns finds its own column in the prediction with the same bag of values, the first that
///    fits; and the columns found, under the gold's names, are equal to the gold as in 1.
///
/// In 2 numbers are equal within a relative 10⁻⁵ or an absolute 10⁻⁸ (two integers exactly), in 1
/// exactly. NULL equals NULL; names count in 1 only.
///
/// An empty prediction so matches an empty gold of the same width and no other: sql-eval's own warning that
/// empty tables match too much. The first fitting column is taken without going back,
/// so that a column with the right values in the wrong rows can hide the right one. Two columns of one name, and columns
/// of numbers and texts, end in an exception in the reference and are compared here.
///
/// ```
/// use anneal_sql::{Rows, Value::*, subset_match};
/// let gold = Rows::new(vec!["n".into()], vec![vec![Integer(1)], vec![Integer(2)]]);
/// let more = Rows::new(
///     vec!["name".into(), "n".into()],
///     vec![vec![Text("b".into()), Integer(2)], vec![Text("a".into()), Integer(1)]],
/// );
/// assert!(subset_match(&gold, &more, false));
/// assert!(!subset_match(&more, &gold, false));
/// ```
#[must_use]
pub fn subset_match(gold: &Rows, predicted: &Rows, ordered: bool) -> bool {
    let whole = |result| {
        let result: &Rows = result;
        let columns: Vec<usize> = (0..result.width()).collect();
        Frame::new(result, &columns, names(result))
    };
    let exact: fn(&Value, &Value) -> bool = |a, b| a == b;
    let (expected, found) = (whole(gold), whole(predicted));
    if expected.equals(&found, exact) {
        return true;
    }
    if gold.width() == predicted.width() {
        let (expected, found) = (expected.normalise(ordered), found.normalise(ordered));
        if expected.equals(&found, exact) {
            return true;
        }
    }
    let Some(columns) = matching_columns(gold, predicted) else {
        return false;
    };
    let found = Frame::new(predicted, &columns, names(gold)).normalise(ordered);
    whole(gold).normalise(ordered).equals(&found, close)
}

fn names(result: &Rows) -> Vec<&str> {
    result.columns().iter().map(String::as_str).collect()
}

/// For each gold column the first predicted one, not taken yet, with the same bag of values.
fn matching_columns(gold: &Rows, predicted: &Rows) -> Option<Vec<usize>> {
    if gold.is_empty() || gold.len() != predicted.len() {
        return None;
    }
    let mut left: Vec<(usize, Vec<&Value>)> = sorted_columns(predicted).enumerate().collect();
    let mut taken = Vec::with_capacity(gold.width());
    for expected in sorted_columns(gold) {
        let fits = |(_, found): &(usize, Vec<&Value>)| {
            expected.iter().zip(found).all(|(a, b)| close(a, b))
        };
        let at = left.iter().position(fits)?;
        taken.push(left.remove(at).0);
    }
    Some(taken)
}

fn sorted_columns(result: &Rows) -> impl Iterator<Item = Vec<&Value>> {
    (0..result.width()).map(|column| {
        let mut values: Vec<&Value> = result.rows().iter().map(|row| &row[column]).collect();
        values.sort_by(|a, b| order(a, b));
        values
    })
}

/// Equal, or two numbers that are near each other and not both integers.
fn close(a: &Value, b: &Value) -> bool {
    const RELATIVE: f64 = 1e-5;
    const ABSOLUTE: f64 = 1e-8;
    if matches!((a, b), (Value::Integer(_), Value::Integer(_))) {
        return a == b;
    }
    match (number(a), number(b)) {
        (Some(x), Some(y)) if x.is_finite() && y.is_finite() => {
            (x - y).abs() <= (RELATIVE * x.abs().max(y.abs())).max(ABSOLUTE)
        }
        _ => a == b,
    }
}

/// Whether a question asks for an order: whether it holds the word `order`, `sort` or `arrange`.
///
/// ```
/// use anneal_sql::asks_for_order;
/// assert!(asks_for_order("List the films, and Order them by year."));
/// assert!(!asks_for_order("How many orders are sorted?"));
/// ```
#[must_use]
pub fn asks_for_order(question: &str) -> bool {
    let between = |c: char| !(c.is_alphanumeric() || c == '_');
    question.split(between).any(|word| {
        ["order", "sort", "arrange"]
            .iter()
            .any(|asks| word.eq_ignore_ascii_case(asks))
    })
}
