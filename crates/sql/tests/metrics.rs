//! BIRD's and sql-eval's measures against values of the reference functions.
//!
//! The expected values are those of `calculate_ex` and `calculate_f1_score` (bird-bench/mini_dev, commits 47f116d
//! and 2932a2b), `clean_abnormal` (commit bb37377), and `compare_df or subset_df` (defog-ai/sql-eval, commit 079e59c),
//! run on the tables below with Python 3.11, numpy 2.4.6 and pandas 3.1.1. Beside them the functions agreed on 3,000 random tables.

use anneal_sql::Value::{self, Integer, Null, Real};
use anneal_sql::{Rows, same_rows, soft_f1, subset_match, time_ratio};

fn rows(names: &[&str], rows: Vec<Vec<Value>>) -> Rows {
    Rows::new(names.iter().map(|&name| name.into()).collect(), rows)
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

#[test]
fn bird_and_sql_eval_say_the_same() {
    // What, gold, prediction, whether the question asks for an order; then EX, soft F1, sql-eval.
    let cases = [
        (
            "the same",
            rows(
                &["n", "t"],
                vec![vec![Integer(1), text("a")], vec![Integer(2), text("b")]],
            ),
            rows(
                &["n", "t"],
                vec![vec![Integer(1), text("a")], vec![Integer(2), text("b")]],
            ),
            false,
            (true, 1.0, true),
        ),
        (
            "rows in another order",
            rows(
                &["n", "t"],
                vec![
                    vec![Integer(1), text("a")],
                    vec![Integer(2), text("b")],
                    vec![Integer(3), text("c")],
                ],
            ),
            rows(
                &["n", "t"],
                vec![
                    vec![Integer(2), text("b")],
                    vec![Integer(3), text("c")],
                    vec![Integer(1), text("a")],
                ],
            ),
            false,
            (true, 0.0, true),
        ),
        (
            "another order, asked for",
            rows(
                &["n", "t"],
                vec![
                    vec![Integer(3), text("a")],
                    vec![Integer(1), text("b")],
                    vec![Integer(2), text("c")],
                ],
            ),
            rows(
                &["n", "t"],
                vec![
                    vec![Integer(1), text("b")],
                    vec![Integer(3), text("a")],
                    vec![Integer(2), text("c")],
                ],
            ),
            true,
            (true, 0.3333333333333333, false),
        ),
        (
            "descending, asked for",
            rows(
                &["n", "t"],
                vec![
                    vec![Integer(3), text("c")],
                    vec![Integer(2), text("b")],
                    vec![Integer(1), text("a")],
                ],
            ),
            rows(
                &["n", "t"],
                vec![
                    vec![Integer(1), text("a")],
                    vec![Integer(2), text("b")],
                    vec![Integer(3), text("c")],
                ],
            ),
            true,
            (true, 0.3333333333333333, false),
        ),
        (
            "columns swapped",
            rows(
                &["n", "t"],
                vec![vec![Integer(1), text("a")], vec![Integer(2), text("b")]],
            ),
            rows(
                &["t", "n"],
                vec![vec![text("a"), Integer(1)], vec![text("b"), Integer(2)]],
            ),
            false,
            (false, 1.0, true),
        ),
        (
            "a column more",
            rows(
                &["n", "t"],
                vec![vec![Integer(1), text("a")], vec![Integer(2), text("b")]],
            ),
            rows(
                &["n", "u", "t"],
                vec![
                    vec![Integer(1), text("x"), text("a")],
                    vec![Integer(2), text("y"), text("b")],
                ],
            ),
            false,
            (false, 0.8, true),
        ),
        (
            "a column less",
            rows(
                &["n", "t"],
                vec![vec![Integer(1), text("a")], vec![Integer(2), text("b")]],
            ),
            rows(&["n"], vec![vec![Integer(1)], vec![Integer(2)]]),
            false,
            (false, 0.6666666666666666, false),
        ),
        (
            "one row repeated",
            rows(
                &["n", "t"],
                vec![vec![Integer(1), text("a")], vec![Integer(2), text("b")]],
            ),
            rows(
                &["n", "t"],
                vec![
                    vec![Integer(1), text("a")],
                    vec![Integer(1), text("a")],
                    vec![Integer(2), text("b")],
                ],
            ),
            false,
            (true, 1.0, true),
        ),
        (
            "a repeated row dropped",
            rows(
                &["n"],
                vec![vec![Integer(1)], vec![Integer(1)], vec![Integer(2)]],
            ),
            rows(&["n"], vec![vec![Integer(2)], vec![Integer(1)]]),
            false,
            (true, 0.0, true),
        ),
        (
            "a right cell twice",
            rows(
                &["a", "b", "c"],
                vec![vec![Integer(1), Integer(2), Integer(3)]],
            ),
            rows(
                &["a", "b", "c"],
                vec![vec![Integer(1), Integer(1), Integer(4)]],
            ),
            false,
            (false, 0.5714285714285715, false),
        ),
        (
            "too few rows",
            rows(
                &["n", "t"],
                vec![
                    vec![Integer(1), text("a")],
                    vec![Integer(2), text("b")],
                    vec![Integer(3), text("c")],
                ],
            ),
            rows(
                &["n", "t"],
                vec![vec![Integer(1), text("a")], vec![Integer(2), text("x")]],
            ),
            false,
            (false, 0.6, false),
        ),
        (
            "too many rows",
            rows(&["n", "t"], vec![vec![Integer(1), text("a")]]),
            rows(
                &["n", "t"],
                vec![
                    vec![Integer(1), text("a")],
                    vec![Integer(2), text("b")],
                    vec![Integer(3), text("c")],
                ],
            ),
            false,
            (false, 0.5, false),
        ),
        (
            "nearly the number",
            rows(&["x"], vec![vec![Real(0.3)], vec![Real(2.0)]]),
            rows(&["y"], vec![vec![Real(0.300001)], vec![Real(2.0)]]),
            false,
            (false, 0.5, true),
        ),
        (
            "integers as reals",
            rows(&["x"], vec![vec![Integer(1)], vec![Integer(2)]]),
            rows(&["y"], vec![vec![Real(2.0)], vec![Real(1.0)]]),
            false,
            (true, 0.0, true),
        ),
        (
            "values in other rows",
            rows(
                &["n", "t"],
                vec![vec![Integer(1), text("a")], vec![Integer(2), text("b")]],
            ),
            rows(
                &["n", "t"],
                vec![vec![Integer(1), text("b")], vec![Integer(2), text("a")]],
            ),
            false,
            (false, 0.5, false),
        ),
        (
            "both empty",
            rows(&["n"], vec![]),
            rows(&["m"], vec![]),
            false,
            (true, 1.0, true),
        ),
        (
            "both empty, wider",
            rows(&["n"], vec![]),
            rows(&["m", "o"], vec![]),
            false,
            (true, 1.0, false),
        ),
        (
            "gold empty",
            rows(&["n"], vec![]),
            rows(&["n"], vec![vec![Integer(1)]]),
            false,
            (false, 0.0, false),
        ),
        (
            "prediction empty",
            rows(&["n"], vec![vec![Integer(1)]]),
            rows(&["n"], vec![]),
            false,
            (false, 0.0, false),
        ),
        (
            "NULL in both",
            rows(
                &["n", "t"],
                vec![vec![Null, text("a")], vec![Integer(2), text("b")]],
            ),
            rows(
                &["n", "t"],
                vec![vec![Integer(2), text("b")], vec![Null, text("a")]],
            ),
            false,
            (true, 0.0, true),
        ),
        (
            "the first fitting column hides the right one",
            rows(
                &["t", "n"],
                vec![vec![text("a"), Integer(1)], vec![text("b"), Integer(2)]],
            ),
            rows(
                &["x", "y", "t"],
                vec![
                    vec![Integer(2), Integer(1), text("a")],
                    vec![Integer(1), Integer(2), text("b")],
                ],
            ),
            false,
            (false, 0.8, false),
        ),
    ];
    for (what, gold, predicted, ordered, (ex, f1, subset)) in cases {
        assert_eq!(same_rows(&gold, &predicted), ex, "EX: {what}");
        let found = soft_f1(&gold, &predicted);
        assert!(
            (found - f1).abs() <= 1e-15,
            "soft F1: {what}: {found}, expected {f1}"
        );
        assert_eq!(
            subset_match(&gold, &predicted, ordered),
            subset,
            "sql-eval: {what}"
        );
    }
}

#[test]
fn outliers_are_those_of_numpy() {
    // numpy keeps twelve of the thirteen, and all five.
    let ratios = [
        1.1, 0.9, 1.3, 0.7, 1.0, 1.2, 0.8, 1.05, 0.95, 1.15, 0.85, 1.25, 37.5,
    ];
    assert!((time_ratio(&ratios).unwrap() - 1.0208333333333333).abs() < 1e-15);
    let ratios = [0.6, 2.4, 0.6, 2.4, 1.0];
    assert!((time_ratio(&ratios).unwrap() - 1.4).abs() < 1e-15);
}
