//! Two predictors on the same questions, as four counts and what follows from them.

use serde::{Deserialize, Serialize};

use super::{Rate, mcnemar, paired_interval};

/// Which of two predictors got a question right, counted over questions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Both.
    pub both: usize,
    /// Only the first.
    pub only_first: usize,
    /// Only the second.
    pub only_second: usize,
    /// Neither.
    pub neither: usize,
    /// The first's execution accuracy on these questions.
    pub first: Rate,
    /// The second's.
    pub second: Rate,
    /// Second minus first, from -1 to 1; `null` without questions.
    pub difference: Option<f64>,
    /// Its 95 % interval, see [`paired_interval`](crate::paired_interval).
    pub interval: Option<[f64; 2]>,
    /// McNemar's exact two-sided p-value, see [`mcnemar`](crate::mcnemar).
    pub p_exact: f64,
    /// The mid-p value.
    pub p_mid: f64,
}

impl Paired {
    /// From the four counts \[both, only the first, only the second, neither\].
    ///
    /// ```
    /// let paired = anneal_sql::Paired::new([10, 1, 7, 2]);
    /// assert_eq!((paired.first.count, paired.second.count), (11, 17));
    /// assert_eq!((paired.difference, paired.p_exact), (Some(0.3), 0.0703125));
    /// ```
    #[must_use]
    pub fn new(table: [usize; 4]) -> Self {
        let [both, only_first, only_second, neither] = table;
        let pairs = table.iter().sum::<usize>();
        let (p_exact, p_mid) = mcnemar(only_first, only_second);
        let difference = (only_second as f64 - only_first as f64) / pairs as f64;
        Self {
            both,
            only_first,
            only_second,
            neither,
            first: Rate::new(both + only_first, pairs),
            second: Rate::new(both + only_second, pairs),
            difference: (pairs > 0).then_some(difference),
            interval: paired_interval(table),
            p_exact,
            p_mid,
        }
    }

    /// Questions in the comparison.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.both + self.only_first + self.only_second + self.neither
    }
}
