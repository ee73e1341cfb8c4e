//! Splits by database, so that held-out questions are about schemas that training never showed.
//!
//! Questions of one database share its schema and often nearly their words; a split by rows would
//! measure memory.

use std::collections::BTreeSet;

use crate::{DataError, Question};

/// Questions to train on and questions of other databases to measure with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The questions of all other databases, in their order.
    pub train: Vec<Question>,
    /// The questions of the databases held out, in their order.
    pub held_out: Vec<Question>,
    /// The databases held out, sorted.
    pub held_out_databases: Vec<String>,
}

impl Split {
    /// Holds out the databases 0, `every`, 2·`every` … of the sorted list of distinct ones.
    ///
    /// Names are sorted by code point, as Python's `sorted({row["db_id"] for row in rows})[::every]`
    /// sorts them. Filter the rows first: a database whose rows are all gone does not count.
    ///
    /// # Errors
    /// [`DataError::SplitEvery`] if `every` is 0.
    ///
    /// # Example
    /// ```
    /// # use anneal_data::{Question, Split};
    /// # let row = |db: &str| Question { db_id: db.into(), question: "?".into(), sql: "SELECT 1".into(),
    /// #     context: None, exec_ok: None, missing_data: None, n_rows: None };
    /// let split = Split::by_database(vec![row("c"), row("a"), row("b"), row("c")], 2)?;
    /// assert_eq!(split.held_out_databases, ["a", "c"]);
    /// assert_eq!((split.train.len(), split.held_out.len()), (1, 3));
    /// # Ok::<(), anneal_data::DataError>(())
    /// ```
    pub fn by_database(rows: Vec<Question>, every: usize) -> Result<Self, DataError> {
        if every == 0 {
            return Err(DataError::SplitEvery);
        }
        // Rust orders strings by their UTF-8 bytes, which is the order of code points.
        let databases: BTreeSet<String> = rows.iter().map(|row| row.db_id.clone()).collect();
        let chosen: BTreeSet<String> = databases.into_iter().step_by(every).collect();
        let (held_out, train) = rows
            .into_iter()
            .partition(|row| chosen.contains(&row.db_id));
        Ok(Self {
            train,
            held_out,
            held_out_databases: chosen.into_iter().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(names: &[String]) -> Vec<Question> {
        names
            .iter()
            .enumerate()
            .map(|(index, name)| Question {
                db_id: name.clone(),
                question: format!("question {index}"),
                sql: "SELECT 1".into(),
                context: None,
                exec_ok: None,
                missing_data: None,
                n_rows: None,
            })
            .collect()
    }

    #[test]
    fn every_tenth_of_the_sorted_databases_is_held_out_and_none_is_on_both_sides() {
        // 25 databases, three rows each, in no order: 7 and 25 share no factor.
        let names: Vec<String> = (0..75).map(|i| format!("db_{:02}", (i * 7) % 25)).collect();
        let split = Split::by_database(rows(&names), 10).unwrap();
        assert_eq!(split.held_out_databases, ["db_00", "db_10", "db_20"]);
        assert_eq!((split.train.len(), split.held_out.len()), (66, 9));
        let train: BTreeSet<_> = split.train.iter().map(|row| &row.db_id).collect();
        let held_out: BTreeSet<_> = split.held_out.iter().map(|row| &row.db_id).collect();
        assert!(train.is_disjoint(&held_out));
        assert_eq!(train.len() + held_out.len(), 25);
        // Rows keep the order in which they came.
        let kept = split.held_out.iter().map(|row| row.question.clone());
        let expected = rows(&names)
            .into_iter()
            .filter(|row| held_out.contains(&row.db_id))
            .map(|row| row.question);
        assert!(kept.eq(expected));
    }

    #[test]
    fn names_are_sorted_by_code_point_as_python_sorts_them() {
        // Python: sorted({"é", "z", "Z", "_", "𝒜", "ﬀ"}) == ['Z', '_', 'z', 'é', 'ﬀ', '𝒜']
        let names = ["é", "z", "Z", "_", "𝒜", "ﬀ"].map(str::to_owned);
        let split = Split::by_database(rows(&names), 1).unwrap();
        assert_eq!(split.held_out_databases, ["Z", "_", "z", "é", "ﬀ", "𝒜"]);
        assert!(split.train.is_empty());
    }

    #[test]
    fn holding_out_every_0th_is_refused() {
        assert_eq!(
            Split::by_database(Vec::new(), 0).unwrap_err().to_string(),
            "cannot hold out every 0th database; `every` must be at least 1"
        );
    }
}
