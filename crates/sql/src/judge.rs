//! A prediction against the gold query on one database.

use serde::{Deserialize, Serialize};

use crate::{Budget, Database, QueryError, Rows, compare, orders};

/// The verdict on one prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "error", rename_all = "snake_case")]
pub enum Judgement {
    /// It runs, and its result is the gold's.
    Correct,
    /// It runs, and its result is another.
    Wrong,
    /// It does not run within the budget.
    PredictionFailed(QueryError),
    /// The gold query does not run within the budget: nothing can be said about the prediction.
    GoldFailed(QueryError),
}

/// Runs both queries and compares their results.
///
/// Both are run as they stand: use [`clean_sql`](crate::clean_sql) on a model's
/// answer first, and [`without_distinct`](crate::without_distinct) on both to
/// ignore DISTINCT. The order of rows counts where the gold [`orders`] its
/// outermost query; everything else is [`compare`]'s.
///
/// One database can agree by chance; [`Suite::judge`](crate::Suite::judge) asks several.
#[must_use]
pub fn judge(database: &Database, gold: &str, predicted: &str, budget: &Budget) -> Judgement {
    match database.query(gold, budget) {
        Err(error) => Judgement::GoldFailed(error),
        Ok(rows) => against(database, &rows, orders(gold), predicted, budget),
    }
}

/// The second half of [`judge`], with the gold's result at hand.
pub(crate) fn against(
    database: &Database,
    gold: &Rows,
    order_matters: bool,
    predicted: &str,
    budget: &Budget,
) -> Judgement {
    match database.query(predicted, budget) {
        Err(error) => Judgement::PredictionFailed(error),
        Ok(rows) if compare(gold, &rows, order_matters) => Judgement::Correct,
        Ok(_) => Judgement::Wrong,
    }
}
