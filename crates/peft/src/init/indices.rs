//! Places drawn from a range, for virtual tokens that begin as real ones.

use rand_chacha::rand_core::RngCore;

use super::stream::stream;

/// `count` numbers below `below`, each equally likely; one may come twice, as
/// in PEFT's `SAMPLE_VOCAB`.
pub(crate) fn indices(seed: u64, path: &str, below: usize, count: usize) -> Vec<usize> {
    let mut rng = stream(seed, path);
    // The bias of a 64-bit number's high product is below 2^-40 for any
    // vocabulary.
    let draw = |random: u64| ((u128::from(random) * below as u128) >> 64) as usize;
    (0..count).map(|_| draw(rng.next_u64())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_comes_as_often() {
        let drawn = indices(5, "embed", 8, 16_000);
        for place in 0..8 {
            // 2000 expected; the standard error is √(16000 · 1/8 · 7/8) ≈ 42.
            let count = drawn.iter().filter(|&&found| found == place).count();
            assert!(count.abs_diff(2000) < 210, "{place}: {count}");
        }
        assert_eq!(drawn, indices(5, "embed", 8, 16_000));
        assert_ne!(drawn, indices(6, "embed", 8, 16_000));
    }
}
