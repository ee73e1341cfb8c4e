//! Seeds for what a micro-batch draws at random.

/// The seed of one micro-batch: distinct inputs give distinct, evenly spread seeds.
///
/// The finaliser of splitmix64 over the three numbers. `step` counts the steps done before this
/// one, so that a resumed run draws what an uninterrupted one would.
///
/// ```
/// use anneal_train::micro_batch_seed;
/// assert_eq!(micro_batch_seed(42, 7, 1), micro_batch_seed(42, 7, 1));
/// assert_ne!(micro_batch_seed(42, 7, 1), micro_batch_seed(42, 7, 2));
/// assert_ne!(micro_batch_seed(42, 7, 1), micro_batch_seed(42, 8, 1));
/// ```
pub fn micro_batch_seed(seed: u64, step: u64, micro_batch: usize) -> u64 {
    let mut z = seed ^ (step << 20) ^ micro_batch as u64;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
