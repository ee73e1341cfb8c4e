//! Weights of sources: given, by size, or by size at a temperature.

use serde::{Deserialize, Serialize};

use super::schedule::UNIT;
use super::{MixError, MixSource};

/// What part of a mixture each source gets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MixWeights {
    /// By size: `w_i ∝ n_i`, so that all sources end an epoch together. The default.
    #[default]
    Proportional,
    /// By size at a temperature T: `w_i ∝ n_i^(1/T)`. 1 is by size, and the larger T is, the more equal
    /// the sources. XLM (Conneau & Lample 2019) and mT5 (Xue et al. 2021) give the exponent, `α = 1/T`:
    /// mT5's 0.3 is a T of 3.33.
    Temperature(f64),
    /// A weight for each source, in their order. They need not sum to 1.
    Explicit(Vec<f64>),
}

impl MixWeights {
    /// The weights as whole units, which sum to [`UNIT`].
    pub(super) fn units(&self, sources: &[MixSource]) -> Result<Vec<i64>, MixError> {
        let size = |source: &MixSource| source.examples as f64;
        let weights: Vec<f64> = match self {
            Self::Proportional => sources.iter().map(size).collect(),
            Self::Temperature(temperature) => {
                if !(temperature.is_finite() && *temperature > 0.0) {
                    return Err(MixError::Temperature {
                        temperature: *temperature,
                    });
                }
                // Relative to the largest, so that a low temperature does not overflow; `libm`, because
                // the standard library's powers may differ from system to system.
                let largest = sources.iter().map(size).fold(0.0, f64::max);
                let scaled = |source| libm::pow(size(source) / largest, 1.0 / temperature);
                sources.iter().map(scaled).collect()
            }
            Self::Explicit(weights) => weights.clone(),
        };
        if weights.len() != sources.len() {
            return Err(MixError::WeightCount {
                weights: weights.len(),
                sources: sources.len(),
            });
        }
        let name = |index: usize| sources[index].name.clone();
        // A size is never refused here: one that a temperature turns to 0 is a share too small.
        if let (Self::Explicit(_), Some(index)) = (
            self,
            weights.iter().position(|w| !(w.is_finite() && *w > 0.0)),
        ) {
            return Err(MixError::Weight {
                name: name(index),
                weight: weights[index],
            });
        }
        let shares = shares(&weights);
        let units = whole(&shares);
        match units.iter().position(|&units| units < 1) {
            Some(index) => Err(MixError::ShareTooSmall {
                name: name(index),
                share: shares[index],
            }),
            None => Ok(units),
        }
    }
}

/// The weights' parts of their sum. By the largest first: a sum of weights may overflow.
fn shares(weights: &[f64]) -> Vec<f64> {
    let largest = weights.iter().copied().fold(0.0, f64::max);
    let sum: f64 = weights.iter().map(|weight| weight / largest).sum();
    weights.iter().map(|w| w / largest / sum).collect()
}

/// Shares as units that sum to [`UNIT`]: rounded down, and what is left to the largest remainders.
fn whole(shares: &[f64]) -> Vec<i64> {
    let exact = |share: &f64| share * UNIT as f64;
    let mut units: Vec<i64> = shares.iter().map(|s| exact(s).floor() as i64).collect();
    let mut by_remainder: Vec<usize> = (0..shares.len()).collect();
    by_remainder.sort_by(|&a, &b| {
        exact(&shares[b])
            .fract()
            .total_cmp(&exact(&shares[a]).fract())
    });
    let left = UNIT - units.iter().sum::<i64>();
    for &source in by_remainder.iter().cycle().take(left.max(0) as usize) {
        units[source] += 1;
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(sizes: &[usize]) -> Vec<MixSource> {
        let source = |(i, &examples)| MixSource {
            name: format!("s{i}"),
            examples,
        };
        sizes.iter().enumerate().map(source).collect()
    }

    fn weights(weights: MixWeights, sizes: &[usize]) -> Vec<f64> {
        let units = weights.units(&sources(sizes)).unwrap();
        assert_eq!(units.iter().sum::<i64>(), UNIT);
        units.iter().map(|&u| u as f64 / UNIT as f64).collect()
    }

    #[track_caller]
    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            // A unit is 2^-40.
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn by_hand() {
        close(
            &weights(MixWeights::Proportional, &[300, 100]),
            &[0.75, 0.25],
        );
        // Square roots: 30 and 10 and 40.
        let found = weights(MixWeights::Temperature(2.0), &[900, 100, 1600]);
        close(&found, &[0.375, 0.125, 0.5]);
        let found = weights(MixWeights::Explicit(vec![2.0, 1.0]), &[5, 5]);
        close(&found, &[2.0 / 3.0, 1.0 / 3.0]);
        // mT5's exponent of 0.3: 1000^0.3 = 7.943…, 10^0.3 = 1.995…, ratio 3.981…
        let found = weights(MixWeights::Temperature(1.0 / 0.3), &[1000, 10]);
        close(&found[..1], &[0.799_239_991_086_9]);
    }

    #[test]
    fn weights_of_any_size_count_by_their_ratio() {
        let huge = MixWeights::Explicit(vec![f64::MAX, f64::MAX]);
        close(&weights(huge, &[1, 1]), &[0.5, 0.5]);
        let tiny = MixWeights::Explicit(vec![f64::MIN_POSITIVE, 3.0 * f64::MIN_POSITIVE]);
        close(&weights(tiny, &[1, 1]), &[0.25, 0.75]);
    }

    #[test]
    fn bad_weights_are_named() {
        let message =
            |weights: MixWeights| weights.units(&sources(&[9, 1])).unwrap_err().to_string();
        assert_eq!(
            message(MixWeights::Explicit(vec![1.0])),
            "1 weights for 2 sources"
        );
        assert_eq!(
            message(MixWeights::Explicit(vec![1.0, 0.0])),
            "the weight of source `s1` must be a positive number, found 0"
        );
        assert_eq!(
            message(MixWeights::Explicit(vec![f64::NAN, 1.0])),
            "the weight of source `s0` must be a positive number, found NaN"
        );
        assert_eq!(
            message(MixWeights::Explicit(vec![3.0, 2.0_f64.powi(-50)])),
            "the weight of source `s1` is 3.0e-16 of all; the least is 2^-40"
        );
        assert_eq!(
            message(MixWeights::Temperature(-1.0)),
            "the temperature of the sources' sizes must be a positive number, found -1"
        );
        // A temperature near 0 leaves nothing to the smaller source.
        assert_eq!(
            message(MixWeights::Temperature(0.001)),
            "the weight of source `s1` is 0.0e0 of all; the least is 2^-40"
        );
    }
}
