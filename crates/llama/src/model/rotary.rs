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

/// `a·cos(p·fᵢ)` and `a·sin(p·fᵢ)`, made once for a batch and shared by its
/// layers.
///
/// `fᵢ` are [`LlamaConfig::rotary_frequencies`] and `a` is
/// [`RopeScaling::attention_factor`](crate::RopeScaling::attention_factor). The
/// angle is a product in f32, as in transformers' `LlamaRotaryEmbedding`; its
/// cosine is rounded once.
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
    /// With dynamic scaling the frequencies of a text follow from its own
    /// greatest position in this call (a text's positions never fall; padding
    /// with greater positions counts).
    ///
    /// # Shapes
    /// [`Positions::Range`]: `[1, length, head_dim / 2]`;
    /// [`Positions::Each`]: `[batch, 1, head_dim / 2]`;
    /// [`Positions::PerToken`]: `[batch, length, head_dim / 2]`.
    ///
    /// # Panics
    /// If positions per token are not whole rows of `length`.
    pub fn new(config: &LlamaConfig, positions: Positions, device: &Device) -> Self {
        let half = config.head_dim / 2;
        let (shape, rows): (_, Vec<Vec<usize>>) = match positions {
            Positions::Range { start, length } => {
                ([1, length, half], vec![(start..start + length).collect()])
            }
            Positions::Each(each) => (
                [each.len(), 1, half],
                each.iter().map(|&position| vec![position]).collect(),
            ),
            Positions::PerToken { positions, length } => {
                let rows = positions.chunks(length.max(1));
                let count = positions.len();
                assert!(
                    count == rows.len() * length,
                    "{count} positions are not whole rows of {length} tokens"
                );
                (
                    [rows.len(), length, half],
                    rows.map(<[usize]>::to_vec).collect(),
                )
            }
        };
        let angles = angles(config, &rows);
        let factor = config.rope.scaling.attention_factor() as f32;
        let table = |function: fn(f64) -> f64| {
            let values: Vec<f32> = angles
                .iter()
                .map(|&angle| function(angle.into()) as f32 * factor)
                .collect();
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        Self {
            cos: table(f64::cos),
            sin: table(f64::sin),
        }
    }
}

/// `p·fᵢ` for every position of every row, frequencies innermost.
fn angles(config: &LlamaConfig, rows: &[Vec<usize>]) -> Vec<f32> {
    let shared = config.rotary_frequencies(0);
    let mut angles = Vec::new();
    let mut extend = |positions: &[usize], frequencies: &[f32]| {
        for &position in positions {
            angles.extend(frequencies.iter().map(|&f| position as f32 * f));
        }
    };
    for row in rows {
        if !config.rope.scaling.depends_on_length() {
            extend(row, &shared);
            continue;
        }
        // A text ends where positions fall back: the next one is packed behind.
        for text in row.chunk_by(|before, after| before <= after) {
            let greatest = text.last().copied().unwrap_or(0);
            extend(text, &config.rotary_frequencies(greatest + 1));
        }
    }
    angles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RopeScaling;
    use anneal_testkit::{assert_close, max_difference};

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

    #[test]
    fn dynamic_scaling_looks_at_each_row_alone() {
        let device = anneal_testkit::device();
        let mut config = LlamaConfig::smollm2_135m();
        (config.head_dim, config.max_position_embeddings) = (8, 10);
        config.rope.scaling = RopeScaling::Dynamic { factor: 3.0 };
        let table = |positions: Positions<'_>| RotaryTables::new(&config, positions, &device).cos;
        // Past the limit each row has the frequencies that it has alone, and
        // those differ from row to row.
        let together = table(Positions::Each(&[9, 14, 30]));
        for (row, position) in [9, 14, 30].into_iter().enumerate() {
            let alone = table(Positions::Each(&[position]));
            assert_close(together.clone().narrow(0, row, 1), alone.clone(), 0.0);
            let long_row = Positions::Range {
                start: 0,
                length: position + 1,
            };
            assert_close(table(long_row).narrow(1, position, 1), alone, 0.0);
        }
        let first_of_long = table(Positions::Range {
            start: 0,
            length: 31,
        });
        let unscaled = table(Positions::Range {
            start: 0,
            length: 10,
        });
        // Packed behind each other, texts keep the angles of their own.
        let packed: Vec<usize> = (0..31).chain(0..10).collect();
        let packed = table(Positions::PerToken {
            positions: &packed,
            length: 41,
        });
        assert_close(packed.clone().narrow(1, 0, 31), first_of_long.clone(), 0.0);
        assert_close(packed.narrow(1, 31, 10), unscaled.clone(), 0.0);
        let moved = max_difference(first_of_long.narrow(1, 9, 1), unscaled.narrow(1, 9, 1));
        assert!(moved > 0.01, "{moved}");
    }

    #[test]
    #[should_panic(expected = "5 positions are not whole rows of 3 tokens")]
    fn positions_that_fill_no_row_are_refused() {
        let positions = Positions::PerToken {
            positions: &[0, 1, 2, 0, 1],
            length: 3,
        };
        RotaryTables::new(
            &LlamaConfig::smollm2_135m(),
            positions,
            &anneal_testkit::device(),
        );
    }

    #[test]
    fn yarn_scales_cosines_and_sines() {
        let device = anneal_testkit::device();
        let mut config = LlamaConfig::smollm2_135m();
        config.head_dim = 4;
        config.rope.scaling = RopeScaling::Yarn {
            factor: 1.0,
            original_max_position_embeddings: 100,
            attention_factor: 1.25,
            beta_fast: 32.0,
            beta_slow: 1.0,
            truncate: true,
        };
        let tables = RotaryTables::new(&config, Positions::Each(&[1]), &device);
        let cos = tables.cos.try_into_vec_as::<f32>().unwrap();
        let sin = tables.sin.try_into_vec_as::<f32>().unwrap();
        assert!((cos[0] - 1.25 * 1.0f32.cos()).abs() < 1e-6);
        assert!((sin[0] - 1.25 * 1.0f32.sin()).abs() < 1e-6);
    }
}
