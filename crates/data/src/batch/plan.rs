//! How a step's examples lie in rows, and its rows in micro-batches.

use super::BatchConfig;
use super::cut::micro_batches;
use crate::pack::best_fit_decreasing;

/// The examples of each row.
pub(super) type Rows = Vec<Vec<usize>>;

/// The rows of each micro-batch of a step, the largest first.
///
/// Unpacked, every example is a row. Packed, rows are filled by best fit decreasing; with buckets, once
/// for each bucket up to the capacity, as a step that does not fill a wide row may fill two narrow ones.
/// Taken is what costs least by the measure of [`micro_batches`], and of equals the widest.
pub(super) fn step(examples: Vec<usize>, lengths: &[usize], config: &BatchConfig) -> Vec<Rows> {
    let Some(capacity) = config.capacity else {
        let rows = examples.into_iter().map(|example| vec![example]).collect();
        return cut(rows, lengths, config);
    };
    let longest = examples.iter().map(|&example| lengths[example]).max();
    let narrower = config.buckets.iter().rev().copied();
    let narrower = narrower.filter(|&width| width < capacity && Some(width) >= longest);
    let plans = std::iter::once(capacity).chain(narrower).map(|capacity| {
        let rows = best_fit_decreasing(examples.clone(), lengths, capacity);
        cut(rows, lengths, config)
    });
    // The first of equals.
    let cheapest = plans.min_by_key(|plan| cost(plan, lengths, config));
    cheapest.unwrap_or_default()
}

/// The width of a micro-batch.
pub(super) fn width(rows: &[Vec<usize>], lengths: &[usize], config: &BatchConfig) -> usize {
    let longest = rows.iter().map(|row| tokens(row, lengths)).max();
    config.width_of(longest.unwrap_or(0))
}

fn tokens(row: &[usize], lengths: &[usize]) -> usize {
    row.iter().map(|&example| lengths[example]).sum()
}

fn cut(mut rows: Rows, lengths: &[usize], config: &BatchConfig) -> Vec<Rows> {
    let tokens: Vec<usize> = rows.iter().map(|row| tokens(row, lengths)).collect();
    let batches = micro_batches((0..rows.len()).collect(), &tokens, config);
    let mut take = |row: usize| std::mem::take(&mut rows[row]);
    let batch = |batch: Vec<usize>| batch.into_iter().map(&mut take).collect();
    batches.into_iter().map(batch).collect()
}

/// `Σ (rows · width + micro_cost)`.
fn cost(plan: &[Rows], lengths: &[usize], config: &BatchConfig) -> usize {
    let one = |rows: &Rows| rows.len() * width(rows, lengths, config) + config.micro_cost;
    plan.iter().map(one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(micro_tokens: usize, buckets: &[usize], capacity: usize) -> BatchConfig {
        BatchConfig {
            micro_tokens,
            buckets: buckets.to_vec(),
            capacity: Some(capacity),
            ..BatchConfig::default()
        }
    }

    #[test]
    fn rows_are_filled_and_cut_where_it_costs_least() {
        // 60 + 40 and 50 + 50 fill two rows; 30 + 5 makes one of 35, which is a micro-batch of its own.
        let lengths = [30, 50, 60, 50, 5, 40];
        let plan = step((0..6).collect(), &lengths, &config(208, &[], 100));
        assert_eq!(plan, [vec![vec![2, 5], vec![1, 3]], vec![vec![0, 4]]]);
        // 3 · 104 + 32 is less than 208 + 40 + 64 + 1.
        let wide = BatchConfig {
            micro_cost: 64,
            ..config(312, &[], 100)
        };
        assert_eq!(step((0..6).collect(), &lengths, &wide).len(), 1);
    }

    #[test]
    fn buckets_are_chosen_for_the_whole_step() {
        // 5 of 30: one row of 150 would be padded to 256; two of 60 and one of 30 take 160 in two pieces.
        let buckets = [32, 64, 256];
        let plan = |micro_cost| {
            let config = BatchConfig {
                micro_cost,
                ..config(256, &buckets, 256)
            };
            let plan = step((0..5).collect(), &[30; 5], &config);
            let shape = |rows: &Rows| (rows.len(), width(rows, &[30; 5], &config));
            plan.iter().map(shape).collect::<Vec<_>>()
        };
        assert_eq!(plan(0), [(2, 64), (1, 32)]);
        // With dear micro-batches all in one: 5 · 32 + 100, against 3 · 64 + 100 and 256 + 100.
        assert_eq!(plan(100), [(5, 32)]);
    }
}
