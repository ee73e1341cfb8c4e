//! Competence: how much of the examples, from the easiest on, a model is ready for.

use serde::{Deserialize, Serialize};

use super::MixError;

/// How competence grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Growth {
    /// `c(t) = min(1, t·(1 − c₀)/T + c₀)`
    Linear,
    /// `c(t) = min(1, √(t·(1 − c₀²)/T + c₀²))`: new examples come ever more slowly, as the pool is larger
    /// and each takes longer to be met. The paper's best, and the default.
    #[default]
    SquareRoot,
}

/// The part of the examples that entries are drawn from, growing from `c₀` to all.
///
/// E. A. Platanios et al., "Competence-based Curriculum Learning for Neural Machine Translation" (NAACL
/// 2019), equations 7 and 8, with their step `t` counted in examples drawn instead of batches.
///
/// # Example
/// ```
/// use anneal_data::{Competence, Growth};
///
/// let competence = Competence { initial: 0.6, draws: 100, growth: Growth::SquareRoot };
/// // √(0.5 · (1 − 0.36) + 0.36) = √0.68
/// assert!((competence.at(50) - 0.68_f64.sqrt()).abs() < 1e-15);
/// assert_eq!((competence.at(0), competence.at(100), competence.at(1000)), (0.6, 1.0, 1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Competence {
    /// The competence at the beginning, `c₀`, above 0 and at most 1; the paper has 0.01.
    pub initial: f64,
    /// After how many examples drawn, counted from the first epoch's first, it is 1: `T`.
    pub draws: u64,
    /// How it grows.
    pub growth: Growth,
}

impl Competence {
    /// `c(t)` after `draws` examples.
    pub fn at(&self, draws: u64) -> f64 {
        if draws >= self.draws {
            return 1.0;
        }
        // Division, product and root are correctly rounded everywhere; a general power is not.
        let part = draws as f64 / self.draws as f64;
        let c = self.initial;
        let grown = |from: f64| from + part * (1.0 - from);
        match self.growth {
            _ if draws == 0 => c,
            Growth::Linear => grown(c).min(1.0),
            Growth::SquareRoot => grown(c * c).sqrt().min(1.0),
        }
    }

    /// How many of `examples` the next entry is drawn from: `⌈c(t)·examples⌉`, at least 1.
    pub(super) fn pool(&self, draws: u64, examples: usize) -> usize {
        let pool = (self.at(draws) * examples as f64).ceil() as usize;
        pool.clamp(1, examples)
    }

    pub(super) fn check(&self) -> Result<(), MixError> {
        if !(self.initial > 0.0 && self.initial <= 1.0) {
            return Err(MixError::Competence {
                initial: self.initial,
            });
        }
        if self.draws == 0 {
            return Err(MixError::CompetenceDraws);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let linear = Competence {
            initial: 0.2,
            draws: 40,
            growth: Growth::Linear,
        };
        // 0.2 + 10/40 · 0.8 = 0.4; of 11 examples 4.4, so 5.
        assert!((linear.at(10) - 0.4).abs() < 1e-15);
        assert_eq!(linear.pool(10, 11), 5);
        assert_eq!(linear.pool(40, 11), 11);
        let root = Competence {
            initial: 0.1,
            draws: 100,
            growth: Growth::SquareRoot,
        };
        // √(25 · 0.99/100 + 0.01) = √0.2575 = 0.507444…
        assert!((root.at(25) - 0.507_444_578_0).abs() < 1e-9);
        // A pool is never empty.
        let small = Competence {
            initial: 1e-9,
            ..root
        };
        assert_eq!(small.pool(0, 10), 1);
    }
}
