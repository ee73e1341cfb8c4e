//! The uniform values that a fresh `A` has by default.

use rand_chacha::rand_core::RngCore;

use super::stream::stream;

/// `A` of a fresh adapter: `U(-1/√d_input, 1/√d_input)`, in the order of
/// PEFT's `[rank, d_input]`, returned as `[d_input, rank]`.
///
/// This is `kaiming_uniform_(a=√5)` of `LoraLayer.reset_lora_parameters`; the
/// distribution is PEFT's, the numbers cannot be.
pub(crate) fn kaiming_uniform(seed: u64, path: &str, d_input: usize, rank: usize) -> Vec<f32> {
    let mut rng = stream(seed, path);
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

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn values_stay_what_they_were() {
        // An adapter trained from a seed must be trainable again after an
        // update, so that these may never change.
        let bits: Vec<u32> = kaiming_uniform(7, "layers.0.q_proj", 3, 2)
            .iter()
            .map(|x| x.to_bits())
            .collect();
        assert_eq!(
            bits,
            [
                0x3e9c65a2, 0x3e7539c4, 0x3f0d01b8, 0xbf0f4b6b, 0xbea9a068, 0xbe066dd4
            ]
        );
    }
}
