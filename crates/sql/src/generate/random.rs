//! Random choices that are the same on every machine.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of choices.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    /// The stream of `seed` for one purpose; `purpose` is hashed by FNV-1a (64 bits).
    pub(crate) fn new(seed: u64, purpose: &[&[u8]]) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
        for part in purpose {
            for &byte in *part {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
            hash = (hash ^ 0xff).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Self(ChaCha8Rng::seed_from_u64(hash))
    }

    /// A number from 0 to `bound - 1`; 0 for a bound of 0. The bias is below 2⁻³².
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // The product of two 64-bit numbers is taken in 128 bits, so a usize of any width gives the same.
        ((u128::from(self.0.next_u64()) * bound as u128) >> 64) as usize
    }

    /// True `percent` times in a hundred.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `items`; `None` only without any.
    pub(crate) fn one<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// Puts `items` in a random order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
