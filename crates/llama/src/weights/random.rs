//! Random weights for tests and benchmarks.

use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Problem, TensorSource};
use crate::LlamaError;

/// A source that has every tensor asked for: uniform values with the standard
/// deviation given, and 1 plus such values for norms.
///
/// A tensor depends on the seed and its name alone, not on the order of
/// construction.
#[derive(Debug, Clone)]
pub struct RandomWeights {
    standard_deviation: f32,
    seed: u64,
}

impl RandomWeights {
    /// A source for the given standard deviation and seed.
    ///
    /// # Panics
    /// If the standard deviation is not a finite number above 0.
    pub fn new(standard_deviation: f32, seed: u64) -> Self {
        assert!(
            standard_deviation.is_finite() && standard_deviation > 0.0,
            "random weights need a standard deviation above 0; {standard_deviation} is none"
        );
        Self {
            standard_deviation,
            seed,
        }
    }
}

impl TensorSource for RandomWeights {
    fn location(&self) -> &Path {
        Path::new("random weights")
    }

    fn tensor(
        &mut self,
        name: &str,
        shape: &[usize],
    ) -> Result<Result<Vec<f32>, Problem>, LlamaError> {
        // FNV-1a, stable across platforms and releases.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut random = ChaCha8Rng::seed_from_u64(self.seed ^ hash);
        // A uniform value of bound b has the standard deviation b / √3.
        let bound = self.standard_deviation * 3f32.sqrt();
        let centre = if name.ends_with("norm.weight") {
            1.0
        } else {
            0.0
        };
        let count = shape.iter().product();
        Ok(Ok((0..count)
            .map(|_| centre + random.random_range(-bound..bound))
            .collect()))
    }

    fn names(&self) -> Vec<(String, Vec<usize>)> {
        Vec::new()
    }
}
