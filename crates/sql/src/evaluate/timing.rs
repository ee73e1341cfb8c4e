//! How fast a correct prediction is beside its gold.

use std::time::Instant;

use super::Example;
use crate::{Budget, Database, r_ves_reward, repaired, time_ratio};

/// Fills in [`Example::r_ves`]: 0 where BIRD's match fails, nothing where the gold failed.
///
/// As in BIRD's script, runs alternate, the prediction first, and each pair gives a ratio. The clock
/// is around the query and the reading of its rows on an open connection; the script's is also around opening the
/// file, which makes every ratio of short queries one.
pub(super) fn time(database: &Database, example: &mut Example, runs: usize, budget: &Budget) {
    if example.gold_error.is_some() || runs == 0 {
        return;
    }
    example.r_ves = Some(0.0);
    if !example.bird {
        return;
    }
    let gold = repaired(&example.gold);
    let predicted = repaired(example.predicted.as_deref().unwrap_or_default());
    let seconds = |sql: &str| {
        let start = Instant::now();
        let result = database.query(sql, budget);
        result.is_ok().then(|| start.elapsed().as_secs_f64())
    };
    let ratios: Option<Vec<f64>> = (0..runs)
        .map(|_| {
            let predicted = seconds(&predicted)?;
            // A clock that does not move between two readings would divide by zero.
            Some(seconds(&gold)? / predicted.max(1e-9))
        })
        .collect();
    let ratio = ratios.and_then(|ratios| time_ratio(&ratios));
    let reward = ratio.map(r_ves_reward);
    example.r_ves = reward.or(Some(0.0));
}
