//! Cosines and sines of the positions of a batch.

use burn::tensor::{Device, Tensor, TensorData};

use crate::LlamaConfig;

/// Where the tokens of a batch stand.
#[derive(Debug, Clone, Copy)]
pub enum Positions<'a> {
    /// Every row holds the positions `start .. start + length`.
    Range {
        /// The first position.
        start: usize,
        /// Tokens in a row.
        length: usize,
    },
    /// One token in each row, at the position given.
    Each(&'a [usize]),
    /// A position for every token, row by row: `[batch, length]`.
    PerToken {
        /// `batch · length` positions.
        positions: &'a [usize],
        /// Tokens in a row.
        length: usize,
    },
}

/// `cos(p·fᵢ)` and `sin(p·fᵢ)` with `fᵢ = θ^(−2i / head_dim)`, made once for a
/// batch and shared by its layers.
///
/// The angle is a product in f32, as in transformers' `LlamaRotaryEmbedding`;
/// its cosine is rounded once.
#[derive(Debug, Clone)]
pub struct RotaryTables {
    /// `[batch or 1, length, head_dim / 2]`
    pub cos: Tensor<3>,
    /// `[batch or 1, length, head_dim / 2]`
    pub sin: Tensor<3>,
}

impl RotaryTables {
    /// The tables of a batch's positions.
    ///
    /// # Shapes
    /// [`Positions::Range`]: `[1, length, head_dim / 2]`;
    /// [`Positions::Each`]: `[batch, 1, head_dim / 2]`;
    /// [`Positions::PerToken`]: `[batch, length, head_dim / 2]`.
    pub fn new(config: &LlamaConfig, positions: Positions, device: &Device) -> Self {
        let half = config.head_dim / 2;
        let frequencies: Vec<f32> = (0..half)
            .map(|i| {
                config
                    .rope
                    .theta
                    .powf(-2.0 * i as f64 / config.head_dim as f64) as f32
            })
            .collect();
        let (shape, positions): (_, Vec<usize>) = match positions {
            Positions::Range { start, length } => {
                ([1, length, half], (start..start + length).collect())
            }
            Positions::Each(each) => ([each.len(), 1, half], each.to_vec()),
            Positions::PerToken { positions, length } => {
                let batch = positions.len() / length.max(1);
                ([batch, length, half], positions.to_vec())
            }
        };
        let table = |function: fn(f64) -> f64| {
            let values: Vec<f32> = positions
                .iter()
                .flat_map(|&p| frequencies.iter().map(move |&f| f64::from(p as f32 * f)))
                .map(|angle| function(angle) as f32)
                .collect();
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        Self {
            cos: table(f64::cos),
            sin: table(f64::sin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_are_position_times_frequency() {
        let mut config = LlamaConfig::smollm2_135m();
        config.head_dim = 4;
        config.rope.theta = 100.0;
        let device = anneal_testkit::device();
        let range = Positions::Range {
            start: 3,
            length: 2,
        };
        let tables = RotaryTables::new(&config, range, &device);
        assert_eq!(tables.cos.dims(), [1, 2, 2]);
        let cos = tables.cos.try_into_vec_as::<f32>().unwrap();
        // θ^0 = 1 and θ^(−2/4) = 0.1
        let expected = [3.0f32.cos(), 0.3f32.cos(), 4.0f32.cos(), 0.4f32.cos()];
        for (found, expected) in cos.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-6,
                "{found} against {expected}"
            );
        }
        let each = RotaryTables::new(&config, Positions::Each(&[4, 3]), &device);
        assert_eq!(each.sin.dims(), [2, 1, 2]);
        let sin = each.sin.try_into_vec_as::<f32>().unwrap();
        assert!((sin[0] - 4.0f32.sin()).abs() < 1e-6 && (sin[2] - 3.0f32.sin()).abs() < 1e-6);
        let per_token = Positions::PerToken {
            positions: &[0, 4, 1, 3, 2, 0],
            length: 3,
        };
        let sin = RotaryTables::new(&config, per_token, &device).sin;
        assert_eq!(sin.dims(), [2, 3, 2]);
        let sin = sin.try_into_vec_as::<f32>().unwrap();
        assert!((sin[2] - 4.0f32.sin()).abs() < 1e-6 && (sin[6] - 3.0f32.sin()).abs() < 1e-6);
    }
}
