//! Which source comes next, so that every prefix has its shares: Tijdeman's schedule.
//!
//! Independent draws of sources (as in `datasets.interleave_datasets`) leave the counts of n draws off
//! by about √n. Here they are never off by 1: after n draws each of k ≥ 2 sources has been taken
//! `count_i` times with
//!
//! `|count_i − w_i·n| ≤ 1 − 1/(2k − 2)`,
//!
//! which no schedule betters for all weights. It is the rule of R. Tijdeman, "The chairman assignment
//! problem", Discrete Mathematics 32 (1980): of the sources that are behind by at least `1/(2k − 2)`,
//! take the one that would first be behind by more than the bound. Taking whichever is furthest behind
//! is simpler, but keeps no bound below 1 once there are many sources.

/// Weights are multiples of 1 / `UNIT`, so that the schedule is exact in whole numbers.
pub(super) const UNIT: i64 = 1 << 40;

/// The schedule's state: how far each source is behind.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    /// Weights in units; they sum to [`UNIT`].
    weights: Vec<i64>,
    /// `w_i·n − count_i` in units.
    behind: Vec<i64>,
}

impl Schedule {
    /// The schedule of weights that sum to [`UNIT`].
    pub(super) fn new(weights: Vec<i64>) -> Self {
        let behind = vec![0; weights.len()];
        Self { weights, behind }
    }

    /// The weights, in units.
    pub(super) fn weights(&self) -> &[i64] {
        &self.weights
    }

    /// The next source.
    pub(super) fn draw(&mut self) -> usize {
        // All times m = 2k − 2, so that the bound is a whole number; one source has no rival.
        let m = (2 * self.weights.len() as i128 - 2).max(1);
        let unit = i128::from(UNIT);
        let mut best: Option<(usize, i128)> = None;
        for (source, weight) in self.weights.iter().enumerate() {
            self.behind[source] += weight;
            let behind = m * i128::from(self.behind[source]);
            if behind < unit {
                continue;
            }
            // The time until it is over the bound is slack / weight; compared crosswise.
            let slack = (m - 1) * unit - behind;
            let sooner = best.is_none_or(|(other, least)| {
                slack * i128::from(self.weights[other]) < least * i128::from(*weight)
            });
            if sooner {
                best = Some((source, slack));
            }
        }
        // There always is one: together the sources are behind by 1, so one is by at least 1/k, and
        // 1/k ≥ 1/(2k − 2).
        let source = best.map_or(0, |(source, _)| source);
        self.behind[source] -= UNIT;
        source
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The largest `|count_i − w_i·n|` over the first `draws` prefixes, in units.
    fn worst(weights: &[i64], draws: i64) -> i64 {
        let mut schedule = Schedule::new(weights.to_vec());
        let mut counts = vec![0; weights.len()];
        let mut worst = 0;
        for n in 1..=draws {
            counts[schedule.draw()] += 1;
            for (weight, count) in weights.iter().zip(&counts) {
                let off = i128::from(*weight) * i128::from(n) - i128::from(UNIT) * *count;
                worst = worst.max(off.abs() as i64);
            }
        }
        worst
    }

    #[test]
    fn by_hand() {
        // Weights 1/2, 1/4, 1/4, so the bound is 3/4 and a source may be taken once it is behind by
        // 1/4. n = 1: behind 2/4, 1/4, 1/4; the times left until 3/4 are (1/4)/(1/2) = 1/2, 2, 2.
        // n = 2: 0, 2/4, 2/4: times 1 and 1 for the last two, the first of them. n = 3: 2/4, -1/4, 3/4:
        // 1/2, none, 0. n = 4: 1, 0, 0. Then all are even and it begins again.
        let quarter = UNIT / 4;
        let mut schedule = Schedule::new(vec![2 * quarter, quarter, quarter]);
        let drawn: Vec<_> = (0..8).map(|_| schedule.draw()).collect();
        assert_eq!(drawn, [0, 1, 2, 0, 0, 1, 2, 0]);
    }

    #[test]
    fn a_single_source_is_always_drawn() {
        let mut schedule = Schedule::new(vec![UNIT]);
        assert_eq!([schedule.draw(), schedule.draw()], [0, 0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn no_prefix_is_off_by_more_than_the_bound(
            parts in prop::collection::vec(prop_oneof![1i64..10, 1i64..100_000], 2..9),
        ) {
            let sum: i64 = parts.iter().sum();
            let mut weights: Vec<i64> = parts.iter().map(|part| UNIT / sum * part).collect();
            weights[0] += UNIT - weights.iter().sum::<i64>();
            let m = 2 * weights.len() as i64 - 2;
            prop_assert!(worst(&weights, 2_000) <= UNIT - UNIT / m);
        }
    }
}
