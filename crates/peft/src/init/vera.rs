//! VeRA's shared projections, the same bits as PyTorch's.
//!
//! An adapter saved with `save_projection=false` holds only the key that they
//! were drawn with, so that reading one means drawing what PyTorch drew.

use rand_mt::Mt;

/// `vera_A` `[rank, d_input]` and `vera_B` `[d_output, rank]` of the key
/// `projection_prng_key`, row-major in PEFT's layout; `d_input` and `d_output`
/// are the largest of all adapted layers.
///
/// Each is `U(-√(6/fan), √(6/fan))`, `fan` being its number of columns: first
/// A, then B, from one `torch.Generator("cpu").manual_seed(key)`. Compared
/// against `_kaiming_init` and `_init_vera_A_vera_B` of PEFT's
/// `tuners/vera/model.py`; the projections of the paper (arXiv:2310.11454).
pub(crate) fn vera_projections(
    key: u64,
    rank: usize,
    d_input: usize,
    d_output: usize,
) -> (Vec<f32>, Vec<f32>) {
    // PyTorch seeds its generator with the low half of the key.
    let mut rng = Mt::new(key as u32);
    let a = uniform(&mut rng, rank * d_input, d_input);
    let b = uniform(&mut rng, d_output * rank, rank);
    (a, b)
}

/// `torch.Tensor.uniform_(-bound, bound)` on `count` values.
///
/// The value is the low 24 bits as a fraction, times the width, plus the lower
/// end. PyTorch's kernels are compiled with fused multiply-add: `mul_add`
/// rounds once, as they do.
fn uniform(rng: &mut Mt, count: usize, fan: usize) -> Vec<f32> {
    // Python computes the bound so, in f64.
    let bound = 3_f64.sqrt() * (2_f64.sqrt() / (fan as f64).sqrt());
    let (low, high) = (-bound as f32, bound as f32);
    (0..count)
        .map(|_| {
            let unit = (rng.next_u32() & 0x00ff_ffff) as f32 / (1 << 24) as f32;
            unit.mul_add(high - low, low)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of `(i + 1) · bits(value i)`, which one wrong bit or a swap
    /// changes; `bits` of the generator.
    fn checksum(values: &[f32]) -> u64 {
        (1..).zip(values).fold(0, |sum: u64, (i, v)| {
            sum.wrapping_add(u64::wrapping_mul(i, u64::from(v.to_bits())))
        })
    }

    #[test]
    fn bits_are_those_of_pytorch() {
        // ((key, rank, d_input, d_output), (A's first bits, B's last), sums);
        // printed by testkit/fixtures/generate/initial_values.py.
        let goldens = [
            (
                (0, 1, 1, 1),
                (0xbc963b71, 0x3fa83195),
                (0x00000000bc963b71, 0x000000003fa83195),
            ),
            (
                (42, 3, 5, 7),
                (0x3f56670f, 0x3f5fb8c7),
                (0x0000002a007d16b4, 0x00000076f6706f03),
            ),
            (
                (7, 4, 4, 17),
                (0x3daf30dc, 0xbe58ccbb),
                (0x0000004cd8e6f552, 0x0000047ab7330748),
            ),
            (
                (4294967301, 16, 33, 15),
                (0x3e903316, 0x3ef233c6),
                (0x0001195f85edcbb3, 0x00003ac5cd302e7e),
            ),
            (
                (123456789, 256, 401, 64),
                (0xbcbde1e7, 0xbdef3b41),
                (0x999f1d54b3041e02, 0x03f0567bbf5abc10),
            ),
            (
                (9223372036854775808, 31, 1000, 47),
                (0xba180638, 0xbdd09709),
                (0x0dea8e46cc388f84, 0x000826ddb1ba4fb8),
            ),
        ];
        for ((key, rank, d_input, d_output), ends, sums) in goldens {
            let (a, b) = vera_projections(key, rank, d_input, d_output);
            assert_eq!((a.len(), b.len()), (rank * d_input, d_output * rank));
            assert_eq!((a[0].to_bits(), b[b.len() - 1].to_bits()), ends, "{key}");
            assert_eq!((checksum(&a), checksum(&b)), sums, "{key}");
        }
    }
}
