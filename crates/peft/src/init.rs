//! Initial values of an adapter, from the seed and the layer's path alone.
//!
//! Adding a layer, or walking them in another order, does not change the
//! values of the others, and nothing depends on what was drawn before.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// `A` of a fresh adapter: `U(-1/√d_input, 1/√d_input)`, in the order of
/// PEFT's `[rank, d_input]`, returned as `[d_input, rank]`.
///
/// This is `kaiming_uniform_(a=√5)` of `LoraLayer.reset_lora_parameters`; the
/// distribution is PEFT's, the numbers cannot be.
pub(crate) fn kaiming_uniform(seed: u64, path: &str, d_input: usize, rank: usize) -> Vec<f32> {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&fnv1a(path.as_bytes()).to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);

    let bound = 1.0 / (d_input as f32).sqrt();
    let mut a = vec![0.0; d_input * rank];
    for row in 0..rank {
        for column in 0..d_input {
            // 24 bits fill an f32's fraction; written out because the values
            // must not change with a version of `rand`.
            let unit = (rng.next_u32() >> 8) as f32 / (1 << 24) as f32;
            a[column * rank + row] = (2.0 * unit - 1.0) * bound;
        }
    }
    a
}

/// The 64-bit FNV-1a hash, which is the same on every machine and version.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_agrees_with_the_published_vectors() {
        // draft-eastlake-fnv, 64-bit FNV-1a of "", "a" and "foobar".
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn values_fill_the_interval_evenly() {
        let (d_input, rank) = (400, 25);
        let a = kaiming_uniform(3, "layers.0.q_proj", d_input, rank);
        let bound = 1.0 / (d_input as f32).sqrt();
        assert!(a.iter().all(|x| x.abs() <= bound));
        // A uniform variable on (-b, b) has mean 0 and variance b²/3. With
        // n = 10 000 the mean's standard error is b/√(3n); five of them.
        let n = a.len() as f64;
        let mean = a.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        assert!(
            mean.abs() < 5.0 * f64::from(bound) / (3.0 * n).sqrt(),
            "{mean}"
        );
        let variance = a.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n;
        let relative = variance / (f64::from(bound).powi(2) / 3.0);
        assert!((relative - 1.0).abs() < 0.05, "{relative}");
    }

    #[test]
    fn seed_and_path_alone_decide() {
        let a = kaiming_uniform(1, "p", 5, 3);
        assert_eq!(a, kaiming_uniform(1, "p", 5, 3));
        assert_ne!(a, kaiming_uniform(2, "p", 5, 3));
        assert_ne!(a, kaiming_uniform(1, "q", 5, 3));
    }
}
