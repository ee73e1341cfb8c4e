//! Normal values: PEFT's "gaussian", embedding adapters and prompts.
//!
//! The Box–Muller transform of 53-bit uniforms, with the logarithm and the
//! sine of `libm`: the standard library's differ between systems in the last
//! digit, and the samplers of `rand_distr` have changed with its versions.

use std::f64::consts::TAU;

use rand_chacha::{ChaCha8Rng, rand_core::RngCore};

use super::stream::stream;

/// `A` of a fresh adapter with `init_lora_weights="gaussian"`: `N(0, σ²)` with
/// `σ = 1/rank`, in the order of PEFT's `[rank, d_input]`, returned as
/// `[d_input, rank]`.
///
/// Compared against `LoraLayer.reset_lora_parameters`. PEFT's documentation
/// calls it `N(0, 1/r)`; its code passes `1/r` as the standard deviation.
pub(crate) fn gaussian(seed: u64, path: &str, d_input: usize, rank: usize) -> Vec<f32> {
    let mut normals = Normals::new(seed, path);
    let mut a = vec![0.0; d_input * rank];
    for row in 0..rank {
        for column in 0..d_input {
            a[column * rank + row] = (normals.draw() / rank as f64) as f32;
        }
    }
    a
}

/// `[rows, columns]` values of `N(0, 1)`, drawn row by row.
///
/// For the `B` of an embedding adapter as `[rank, d_output]` (PEFT's
/// `lora_embedding_B` is its transpose) and for a prompt's embeddings
/// `[tokens, hidden]`.
pub(crate) fn standard_normal(seed: u64, path: &str, rows: usize, columns: usize) -> Vec<f32> {
    let mut normals = Normals::new(seed, path);
    (0..rows * columns).map(|_| normals.draw() as f32).collect()
}

/// A stream of independent `N(0, 1)` values.
pub(super) struct Normals {
    rng: ChaCha8Rng,
    /// The second value of a pair, until it is asked for.
    spare: Option<f64>,
}

impl Normals {
    pub(super) fn new(seed: u64, path: &str) -> Self {
        Self {
            rng: stream(seed, path),
            spare: None,
        }
    }

    pub(super) fn draw(&mut self) -> f64 {
        if let Some(value) = self.spare.take() {
            return value;
        }
        // In (0, 1], because the logarithm of 0 is infinite.
        let radius = (-2.0 * libm::log(1.0 - self.unit())).sqrt();
        let (sine, cosine) = libm::sincos(TAU * self.unit());
        self.spare = Some(radius * sine);
        radius * cosine
    }

    /// Uniform in [0, 1), with the 53 bits that an f64 holds.
    fn unit(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first four moments about zero.
    fn moments(values: &[f32], deviation: f64) -> [f64; 4] {
        let n = values.len() as f64;
        [1, 2, 3, 4].map(|power| {
            let terms = values
                .iter()
                .map(|&x| (f64::from(x) / deviation).powi(power));
            terms.sum::<f64>() / n
        })
    }

    /// Moments of N(0, 1) are 0, 1, 0, 3, and those of n values have the
    /// variances 1/n, 2/n, 15/n, 96/n: five standard errors.
    fn assert_normal(values: &[f32], deviation: f64) {
        let found = moments(values, deviation);
        let n = values.len() as f64;
        for ((found, mean), variance) in found
            .into_iter()
            .zip([0.0, 1.0, 0.0, 3.0])
            .zip([1.0, 2.0, 15.0, 96.0])
        {
            let allowed = 5.0 * (variance / n).sqrt();
            assert!((found - mean).abs() < allowed, "{found}, not {mean}");
        }
    }

    #[test]
    fn gaussian_has_deviation_one_by_rank() {
        assert_normal(&gaussian(3, "layers.0.q_proj", 4000, 25), 1.0 / 25.0);
    }

    #[test]
    fn standard_normal_is_standard_and_its_neighbours_are_independent() {
        let values = standard_normal(3, "embed_tokens", 8, 12_500);
        assert_normal(&values, 1.0);
        // The product of two independent values has mean 0 and variance 1;
        // the two of a pair, and the last of one pair with the next.
        let pairs = [values.chunks_exact(2), values[1..].chunks_exact(2)];
        for chunks in pairs {
            let n = chunks.len() as f64;
            let sum: f64 = chunks.map(|p| f64::from(p[0]) * f64::from(p[1])).sum();
            assert!((sum / n).abs() < 5.0 / n.sqrt(), "{}", sum / n);
        }
        // Of 100 000 values 4.55 % lie beyond two deviations; the standard
        // error of that share is 0.066 %.
        let beyond = values.iter().filter(|x| x.abs() > 2.0).count() as f64 / 1e5;
        assert!((beyond - 0.045_500).abs() < 5.0 * 0.000_659, "{beyond}");
    }

    #[test]
    fn seed_and_path_alone_decide() {
        let a = gaussian(1, "p", 5, 3);
        assert_eq!(a, gaussian(1, "p", 5, 3));
        assert_ne!(a, gaussian(2, "p", 5, 3));
        assert_ne!(a, gaussian(1, "q", 5, 3));
        let b = standard_normal(1, "p", 3, 5);
        assert_eq!(b, standard_normal(1, "p", 3, 5));
        assert_ne!(b, standard_normal(1, "q", 3, 5));
    }

    #[test]
    fn order_is_that_of_the_documentation() {
        let rows = standard_normal(1, "p", 2, 3);
        assert_eq!(rows[..5], standard_normal(1, "p", 1, 5));
        // Rank 1 has deviation 1, so that it is the stream itself.
        let [first, second] = [0, 1].map(|row| gaussian(1, "p", 3, 2)[2 + row]);
        assert_eq!([first, second], [rows[1] / 2.0, rows[4] / 2.0]);
    }

    #[test]
    fn values_stay_what_they_were() {
        let bits: Vec<u32> = standard_normal(7, "layers.0.q_proj", 2, 3)
            .iter()
            .map(|x| x.to_bits())
            .collect();
        assert_eq!(
            bits,
            [
                0xbf3a02bd, 0xc0298ad7, 0x3f404ab0, 0x3f246205, 0x3a86754a, 0x3f148891
            ]
        );
    }
}
