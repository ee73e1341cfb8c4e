//! MinHash: a text's shingles as a short signature in which alike texts agree in many places.
//!
//! A random order of all shingles has the same first shingle for two sets with probability
//! `J = |A ∩ B| / |A ∪ B|` (A. Broder, "On the resemblance and containment of documents", 1997). Each
//! place of the signature is the least value under one such order, here `a·x + b mod 2⁶⁴` with odd `a`
//! over shingles that are hashed already. The share of `n` places in which two signatures agree
//! estimates `J` with the standard error `√(J·(1 − J)/n)`.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// The seed of the orders. Fixed: which candidates are found must not differ between two runs.
const SEED: u64 = 0x616e_6e65_616c;

/// The orders of one signature.
#[derive(Debug, Clone)]
pub(crate) struct MinHash {
    orders: Vec<(u64, u64)>,
}

impl MinHash {
    /// A signature of `places` places.
    pub(crate) fn new(places: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let orders = (0..places)
            .map(|_| (rng.next_u64() | 1, rng.next_u64()))
            .collect();
        Self { orders }
    }

    /// The signature of a set of hashed shingles; all places are `u32::MAX` for the empty set.
    pub(crate) fn signature(&self, shingles: &[u64]) -> Vec<u32> {
        let least = |&(a, b): &(u64, u64)| {
            let values = shingles
                .iter()
                .map(|x| a.wrapping_mul(*x).wrapping_add(b) >> 32);
            values.min().map_or(u32::MAX, |value| value as u32)
        };
        self.orders.iter().map(least).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::shingle;

    /// Sets of shingles `0..end` and `start..total`, of which `end − start` are shared.
    fn pair(case: usize, start: usize, end: usize, total: usize) -> [Vec<u64>; 2] {
        let hash = |i: usize| shingle::hash(&format!("{case}/{i}"));
        [
            (0..end).map(hash).collect(),
            (start..total).map(hash).collect(),
        ]
    }

    #[test]
    fn the_estimate_is_jaccards_index_within_its_standard_error() {
        const PLACES: usize = 256;
        const PAIRS: usize = 400;
        let min_hash = MinHash::new(PLACES);
        for (start, end, total) in [(10, 20, 100), (25, 75, 100), (10, 90, 100), (2, 38, 40)] {
            let jaccard = (end - start) as f64 / total as f64;
            let estimates: Vec<f64> = (0..PAIRS)
                .map(|case| {
                    let [left, right] = pair(case, start, end, total);
                    let (left, right) = (min_hash.signature(&left), min_hash.signature(&right));
                    let agree = left.iter().zip(&right).filter(|(l, r)| l == r).count();
                    agree as f64 / PLACES as f64
                })
                .collect();
            let deviation = (jaccard * (1.0 - jaccard) / PLACES as f64).sqrt();
            let mean = estimates.iter().sum::<f64>() / PAIRS as f64;
            // The mean of 400 estimates has a twentieth of one's standard error.
            let off = (mean - jaccard).abs() / (deviation / (PAIRS as f64).sqrt());
            assert!(
                off < 4.0,
                "J {jaccard}: mean {mean} is {off} standard errors off"
            );
            let squares = estimates.iter().map(|e| (e - jaccard).powi(2)).sum::<f64>();
            let spread = (squares / PAIRS as f64).sqrt() / deviation;
            // The spread of 400 draws is known to 1/√800 = 3.5 %; four times that.
            assert!(
                (spread - 1.0).abs() < 0.15,
                "J {jaccard}: spread {spread} of the formula's"
            );
        }
    }

    #[test]
    fn the_signature_is_of_the_set_not_of_its_order() {
        let min_hash = MinHash::new(16);
        let [mut set, _] = pair(0, 0, 9, 9);
        let signature = min_hash.signature(&set);
        set.reverse();
        assert_eq!(min_hash.signature(&set), signature);
        assert_eq!(min_hash.signature(&[]), [u32::MAX; 16]);
        assert_eq!(MinHash::new(8).signature(&set), signature[..8]);
    }
}
