//! Draws that do not change with a version of `rand`: a whole number below a bound, a shuffle, and
//! generators whose key is a text.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

/// A number below `bound`, which must be at least 1; uniform to within 2⁻⁶⁴ times the bound.
pub(crate) fn below(rng: &mut ChaCha8Rng, bound: usize) -> usize {
    // The high word of a 64 by 64 bit product.
    let scaled = u128::from(rng.next_u64()) * bound as u128;
    (scaled >> 64) as usize
}

/// Fisher and Yates' shuffle.
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(rng, last + 1));
    }
}

/// The generator of stream `stream` of a seed: no two streams of one seed share numbers.
pub(crate) fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// A key from a seed and parts of text, by SHA-256. Each part's length goes before it, so that no two
/// lists of parts run together into the same bytes.
pub(crate) fn key<'a>(seed: u64, parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
