//! Cutting a step into micro-batches of the least cost.

use super::BatchConfig;

/// The rows of each micro-batch of a step, largest micro-batch first; `lengths` are the rows', without
/// padding.
///
/// With the rows sorted by length, a micro-batch is a run of neighbours: exchanging two rows that are out of order never makes a batch narrower. Among all cuts with at most
/// `micro_tokens` padded tokens a piece, the one is taken that minimises
///
/// `Σ (rows · width + micro_cost)`
///
/// by dynamic programming over the place of the last cut. The largest comes first, so that memory
/// runs out at the beginning or not at all, and an allocator grows once.
pub(super) fn micro_batches(
    mut step: Vec<usize>,
    lengths: &[usize],
    config: &BatchConfig,
) -> Vec<Vec<usize>> {
    step.sort_by_key(|&example| lengths[example]);
    // best[n]: the cost of the first n examples and where their last micro-batch begins.
    let mut best = vec![(0usize, 0usize)];
    for end in 1..=step.len() {
        let width = config.width_of(lengths[step[end - 1]]);
        let fits = |&start: &usize| {
            let padded = (end - start).saturating_mul(width);
            start + 1 == end || padded <= config.micro_tokens
        };
        let cheapest = (0..end)
            .rev()
            .take_while(fits)
            .map(|start| {
                (
                    best[start].0 + (end - start) * width + config.micro_cost,
                    start,
                )
            })
            // Of equal costs the earliest start, which makes the fewer micro-batches.
            .min();
        best.push(cheapest.unwrap_or((0, end - 1)));
    }
    let mut batches = Vec::new();
    let mut end = step.len();
    while end > 0 {
        let start = best[end].1;
        batches.push(step.split_off(start));
        end = start;
    }
    batches.sort_by_key(|rows| {
        let longest = rows.iter().map(|&row| lengths[row]).max();
        std::cmp::Reverse(rows.len() * config.width_of(longest.unwrap_or(0)))
    });
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(batches: &[Vec<usize>], lengths: &[usize], config: &BatchConfig) -> usize {
        let one = |rows: &Vec<usize>| {
            let longest = rows.iter().map(|&row| lengths[row]).max().unwrap();
            let padded = rows.len() * config.width_of(longest);
            assert!(padded <= config.micro_tokens);
            padded + config.micro_cost
        };
        batches.iter().map(one).sum()
    }

    /// The least cost over all partitions whatever, by recursion: the first row with any subset of the rest.
    fn least(rows: &[usize], lengths: &[usize], config: &BatchConfig) -> usize {
        let Some((first, rest)) = rows.split_first() else {
            return 0;
        };
        (0u32..1 << rest.len())
            .filter_map(|mask| {
                let chosen = |i: usize| mask >> i & 1 == 1;
                let (with, without): (Vec<usize>, Vec<usize>) =
                    (0..rest.len()).partition(|&i| chosen(i));
                let mut batch = vec![*first];
                batch.extend(with.iter().map(|&i| rest[i]));
                let longest = batch.iter().map(|&row| lengths[row]).max()?;
                let padded = batch.len() * config.width_of(longest);
                let others: Vec<usize> = without.iter().map(|&i| rest[i]).collect();
                (padded <= config.micro_tokens)
                    .then(|| padded + config.micro_cost + least(&others, lengths, config))
            })
            .min()
            .unwrap()
    }

    #[test]
    fn no_partition_costs_less() {
        let lengths = [3, 17, 9, 30, 12, 5, 26];
        for (micro_tokens, micro_cost, width_step) in [
            (32, 0, 1),
            (64, 7, 1),
            (64, 20, 4),
            (200, 11, 8),
            (40, 100, 2),
        ] {
            let config = BatchConfig {
                micro_tokens,
                micro_cost,
                width_step,
                ..BatchConfig::default()
            };
            let batches = micro_batches((0..7).collect(), &lengths, &config);
            assert_eq!(
                cost(&batches, &lengths, &config),
                least(&[0, 1, 2, 3, 4, 5, 6], &lengths, &config),
                "{config:?}"
            );
        }
    }

    #[test]
    fn the_largest_micro_batch_comes_first() {
        let lengths = [4, 64, 4, 64, 4, 64, 30];
        let config = BatchConfig {
            micro_cost: 0,
            width_step: 2,
            ..BatchConfig::default()
        };
        let batches = micro_batches((0..7).collect(), &lengths, &config);
        assert_eq!(batches, [vec![1, 3, 5], vec![6], vec![0, 2, 4]]);
    }
}
