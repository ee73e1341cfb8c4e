//! A result as sql-eval's comparison sees it: columns with names, sorted by pandas' rules.

use std::cmp::Ordering;

use crate::{Rows, Value};

/// Some columns of a result, each row as a list of borrowed values.
pub(super) struct Frame<'a> {
    names: Vec<&'a str>,
    rows: Vec<Vec<&'a Value>>,
}

impl<'a> Frame<'a> {
    /// The columns `columns` of `result`, under `names`.
    pub(super) fn new(result: &'a Rows, columns: &[usize], names: Vec<&'a str>) -> Self {
        let row = |row: &'a Vec<Value>| columns.iter().map(|&column| &row[column]).collect();
        Self {
            names,
            rows: result.rows().iter().map(row).collect(),
        }
    }

    /// `normalize_table`: repeated rows go; columns by name; rows by their values from the first column
    /// to the last or, if `ordered`, by the columns that are in ascending order already, then the others, and as they are where no column is.
    pub(super) fn normalise(mut self, ordered: bool) -> Self {
        let mut seen = std::collections::HashSet::new();
        self.rows.retain(|row| seen.insert(row.clone()));
        let mut columns: Vec<usize> = (0..self.names.len()).collect();
        columns.sort_by_key(|&column| self.names[column]);
        self.names = columns.iter().map(|&column| self.names[column]).collect();
        for row in &mut self.rows {
            *row = columns.iter().map(|&column| row[column]).collect();
        }
        let ascending = |&column: &usize| {
            self.rows
                .is_sorted_by(|a, b| order(a[column], b[column]) != Ordering::Greater)
        };
        let all = 0..self.names.len();
        let (first, others): (Vec<usize>, Vec<usize>) = match ordered {
            true => all.partition(ascending),
            false => (all.collect(), Vec::new()),
        };
        if !first.is_empty() {
            let keys = [first, others].concat();
            self.rows.sort_by(|a, b| {
                let by = keys.iter().map(|&column| order(a[column], b[column]));
                by.fold(Ordering::Equal, Ordering::then)
            });
        }
        self
    }

    /// Whether both have the same shape and equal values, place by place.
    pub(super) fn equals(&self, other: &Self, equal: fn(&Value, &Value) -> bool) -> bool {
        let row = |(a, b): (&Vec<&Value>, &Vec<&Value>)| a.iter().zip(b).all(|(a, b)| equal(a, b));
        self.names.len() == other.names.len()
            && self.rows.len() == other.rows.len()
            && self.rows.iter().zip(&other.rows).all(row)
    }
}

/// Numbers, then texts, then blobs, NULL last. pandas cannot sort a column of numbers and texts at all.
pub(super) fn order(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Integer(_) | Value::Real(_) => 0,
        Value::Text(_) => 1,
        Value::Blob(_) => 2,
        Value::Null => 3,
    };
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Blob(a), Value::Blob(b)) => a.cmp(b),
        _ => match (number(a), number(b)) {
            // Integers beyond 2⁵³ can be one float and yet differ. Without the second look the order would not be
            // transitive, and sorting by it could panic. Adding 0 turns -0.0 into 0.0, which it equals.
            (Some(x), Some(y)) => (x + 0.0)
                .total_cmp(&(y + 0.0))
                .then_with(|| whole(a).cmp(&whole(b))),
            _ => rank(a).cmp(&rank(b)),
        },
    }
}

/// A number without its fraction; exact for all numbers that have none, as far as an `i128` goes.
fn whole(value: &Value) -> i128 {
    match value {
        Value::Integer(value) => i128::from(*value),
        Value::Real(value) => *value as i128,
        _ => 0,
    }
}

pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(value) => Some(*value as f64),
        Value::Real(value) => Some(*value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value::{Blob, Integer, Null, Real, Text};

    #[test]
    fn the_order_is_total_over_all_kinds() {
        const TWO_53: i64 = 1 << 53;
        let values = [
            Real(f64::NEG_INFINITY),
            Integer(i64::MIN),
            Real(-0.5),
            Integer(0),
            Real(0.5),
            Integer(TWO_53),
            Integer(TWO_53 + 1),
            Real(TWO_53 as f64 + 2.0),
            Integer(i64::MAX),
            Real(9_223_372_036_854_775_808.0),
            Real(f64::INFINITY),
            Text("a".into()),
            Blob(b"a".to_vec()),
            Null,
        ];
        for (i, a) in values.iter().enumerate() {
            for (j, b) in values.iter().enumerate() {
                assert_eq!(order(a, b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
        // What is equal has one place.
        for (a, b) in [
            (Real(-0.0), Integer(0)),
            (Real(TWO_53 as f64), Integer(TWO_53)),
        ] {
            assert_eq!((order(&a, &b), a == b), (Ordering::Equal, true));
        }
    }
}
