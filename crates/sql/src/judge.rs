//! A prediction against the gold query on one database.
//!
//! The verdict is that of Spider's test-suite script (`eval_exec_match` in `exec_eval.py` of
//! taoyds/test-suite-sql-eval, commit 14784c3), read line by line. Where the two differ, on purpose:
//!
//! | what | the script | here | why |
//! |---|---|---|---|
//! | an empty prediction, or one of comments only | equal to an empty gold; its mode that ignores DISTINCT ends in an exception | fails, [`Failure::NotSql`] | it answers nothing |
//! | several statements | fails; in the mode that ignores DISTINCT all but the first are cut off before it runs | fails | a by-product of its tokenizer |
//! | `SELECT 1;;` | fails; passes in the mode that ignores DISTINCT | runs | the same |
//! | a statement that writes, `PRAGMA`, `EXPLAIN` | runs, changes the file, and equals an empty gold | fails, [`Failure::Forbidden`] | |
//! | a column of integers in the gold and of reals in the prediction | its first look at each row sorts values by their text, `10` before `1` but `1.0` before `10`, so that equal rows are refused by chance | equal, as everywhere else in the script | |
//! | text that is not UTF-8 | bad bytes are left out | each becomes U+FFFD | otherwise different texts are equal |
//! | `order by` inside a string or a quoted name | asks for an order | does not | see [`orders`] |
//! | `ORDER BY` over two lines | is not seen | asks for an order | see [`orders`] |
//! | `> =` and `YEAR(CURDATE())` in a string | changed | not | see [`repaired`] |
//! | `IS DISTINCT FROM` while DISTINCT is ignored | broken | kept | see [`without_distinct`](crate::without_distinct) |
//! | columns that hold the same values, in a wide result | all products of candidates are tried, which may never end | searched with bounds | see [`compare`](crate::compare) |
//! | a query that runs on and on | runs to its end: its timer cannot interrupt SQLite | fails, [`Failure::BudgetExceeded`] | |
//! | functions of the system's SQLite that the bundled one lacks (`sqrt`, `pow`) | run | fail | |
//!
//! Both sides can also differ where the result is SQLite's free choice and versions choose differently:
//! `LIMIT` without an order, ties of an order, bare columns of a group, and the last bits of sums of reals, which are
//! compensated since SQLite 3.43.

use serde::{Deserialize, Serialize};

use crate::{
    Budget, Database, Difference, Failure, QueryError, Rows, difference, orders, repaired,
};

/// The verdict on one prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "error", rename_all = "snake_case")]
pub enum Judgement {
    /// It runs, and its result is the gold's.
    Correct,
    /// It runs, and its result is another.
    Wrong(Difference),
    /// It does not run within the budget.
    PredictionFailed(QueryError),
    /// The gold query does not run within the budget: nothing can be said about the prediction.
    GoldFailed(QueryError),
}

impl Judgement {
    /// Why the prediction is wrong; `None` where it is correct or the gold failed.
    ///
    /// `predicted` is the text that was judged: SQLite says the same about prose and about SQL
    /// with a slip.
    ///
    /// ```
    /// use anneal_sql::{Failure, Judgement, QueryError};
    /// let failed = Judgement::PredictionFailed(QueryError::Sqlite { message: "near \"The\": syntax error".into() });
    /// assert_eq!(failed.failure("The answer is 3"), Some(Failure::NotSql));
    /// assert_eq!(Judgement::Correct.failure("SELECT 1"), None);
    /// ```
    #[must_use]
    pub fn failure(&self, predicted: &str) -> Option<Failure> {
        match self {
            Self::Correct | Self::GoldFailed(_) => None,
            Self::Wrong(difference) => Some(difference.failure()),
            Self::PredictionFailed(error) => Some(error.failure(predicted)),
        }
    }
}

/// Runs both queries and compares their results.
///
/// Both are [`repaired`] as Spider's script does, otherwise run as they stand: use
/// [`clean_sql`](crate::clean_sql) on a model's answer first, and
/// [`without_distinct`](crate::without_distinct) on both to ignore DISTINCT. The order of rows counts
/// where the gold [`orders`] them; everything else is [`compare`](crate::compare)'s.
///
/// # Where it differs from Spider's script
///
/// An empty prediction never matches, nor do several statements or a statement that writes. Integers
/// equal reals wherever they stand. Text that is not UTF-8 keeps a mark for each bad byte. Strings and quoted names are
/// never searched for keywords. A query over the budget fails. The head of `judge.rs` lists each with its reason.
///
/// One database can agree by chance; [`Suite::judge`](crate::Suite::judge) asks several.
#[must_use]
pub fn judge(database: &Database, gold: &str, predicted: &str, budget: &Budget) -> Judgement {
    match database.query(&repaired(gold), budget) {
        Err(error) => Judgement::GoldFailed(error),
        Ok(rows) => against(database, &rows, orders(gold), &repaired(predicted), budget).0,
    }
}

/// The second half of [`judge`], with the gold's result at hand and `predicted` repaired; with the
/// prediction's result where it runs.
pub(crate) fn against(
    database: &Database,
    gold: &Rows,
    order_matters: bool,
    predicted: &str,
    budget: &Budget,
) -> (Judgement, Option<Rows>) {
    match database.query(predicted, budget) {
        Err(error) => (Judgement::PredictionFailed(error), None),
        Ok(rows) => {
            let judgement = match difference(gold, &rows, order_matters) {
                None => Judgement::Correct,
                Some(difference) => Judgement::Wrong(difference),
            };
            (judgement, Some(rows))
        }
    }
}
