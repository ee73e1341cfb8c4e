//! One token out of many, by chance or by rank.

use rand::RngCore;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::processors::{largest, share};

/// What chooses a row's tokens.
#[derive(Debug)]
pub(super) enum Sampler {
    /// The most probable; of equal ones the smallest id.
    Greedy,
    /// By chance, from the row's own stream of random numbers.
    Multinomial(Box<ChaCha8Rng>),
}

impl Sampler {
    /// Draws from stream `stream` of `seed`, one number a token: nothing else
    /// in the batch has a part in what a row draws.
    pub(super) fn multinomial(seed: u64, stream: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream);
        Self::Multinomial(Box::new(random))
    }

    /// The id chosen from a row's logits; `None` if all are forbidden.
    pub(super) fn choose(&mut self, logits: &[f32]) -> Option<u32> {
        let largest = largest(logits);
        if largest == f32::NEG_INFINITY {
            return None;
        }
        let id = match self {
            Self::Greedy => logits.iter().position(|&logit| logit == largest),
            Self::Multinomial(random) => {
                // 53 random bits: uniform in [0, 1), every value of it exact.
                let uniform = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
                inverse_cdf(logits, largest, uniform)
            }
        };
        id.map(|id| id as u32)
    }
}

/// The first id at which the cumulative probability exceeds `uniform`.
fn inverse_cdf(logits: &[f32], largest: f32, uniform: f64) -> Option<usize> {
    let shares = || {
        logits
            .iter()
            .map(|&logit| share(logit, largest))
            .enumerate()
    };
    let target = uniform * shares().map(|(_, share)| share).sum::<f64>();
    let (mut sum, mut last) = (0.0, None);
    for (id, share) in shares() {
        sum += share;
        if sum > target {
            return Some(id);
        }
        if share > 0.0 {
            last = Some(id);
        }
    }
    // Rounding can leave the target at the sum itself.
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 7] = [0.3, -1.2, f32::NEG_INFINITY, 2.1, 0.9, -4.0, 1.4];

    fn draws(seed: u64, stream: u64, count: usize) -> Vec<u32> {
        let mut sampler = Sampler::multinomial(seed, stream);
        (0..count)
            .map(|_| sampler.choose(&LOGITS).unwrap())
            .collect()
    }

    #[test]
    fn draws_follow_the_probabilities() {
        let count = 20_000;
        let draws = draws(5, 0, count);
        let weights: Vec<f64> = LOGITS.iter().map(|&l| f64::from(l).exp()).collect();
        let total: f64 = weights.iter().sum();
        let mut chi_square = 0.0;
        for (id, weight) in weights.iter().enumerate() {
            let found = draws.iter().filter(|&&drawn| drawn as usize == id).count() as f64;
            let expected = weight / total * count as f64;
            if expected == 0.0 {
                assert_eq!(found, 0.0, "a forbidden token was drawn");
            } else {
                chi_square += (found - expected).powi(2) / expected;
            }
        }
        // The 0.999 quantile for five degrees of freedom.
        assert!(chi_square < 20.515, "chi-square is {chi_square}");
    }

    #[test]
    fn a_stream_is_the_same_each_time_and_unlike_any_other() {
        assert_eq!(draws(7, 3, 50), draws(7, 3, 50));
        assert_ne!(draws(7, 3, 50), draws(7, 4, 50));
        assert_ne!(draws(7, 3, 50), draws(8, 3, 50));
    }

    #[test]
    fn the_ends_of_the_uniform_interval_choose_tokens_that_are_allowed() {
        let forbidden = f32::NEG_INFINITY;
        let logits = [forbidden, 1.0, 1.0, forbidden];
        assert_eq!(inverse_cdf(&logits, 1.0, 0.0), Some(1));
        assert_eq!(inverse_cdf(&logits, 1.0, 0.499), Some(1));
        assert_eq!(inverse_cdf(&logits, 1.0, 0.5), Some(2));
        assert_eq!(inverse_cdf(&logits, 1.0, 1.0), Some(2));
    }

    #[test]
    fn greedy_takes_the_first_of_equals_and_nothing_where_all_is_forbidden() {
        assert_eq!(Sampler::Greedy.choose(&[-1.0, 2.0, 2.0]), Some(1));
        let forbidden = [f32::NEG_INFINITY; 3];
        assert_eq!(Sampler::Greedy.choose(&forbidden), None);
        assert_eq!(Sampler::multinomial(1, 0).choose(&forbidden), None);
    }
}
