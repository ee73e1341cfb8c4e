//! Where the dropout of each block draws from, so that a block can be run once
//! more with the masks it had.

use anneal_peft::Adapters;
use burn::nn::Linear;
use burn::tensor::{Device, Distribution, Tensor};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::DecoderLayer;

/// A seed for every block of one forward pass.
///
/// burn's generator belongs to the device and its state can't be read. So one
/// seed is drawn from it where a forward pass begins, and each block seeds it
/// anew with a number that follows from this one and the block's index. With
/// one seed of the device the whole graph and recomputed blocks therefore see
/// the same masks. Where no block drops anything nothing is drawn or seeded.
#[derive(Debug, Clone)]
pub(super) struct BlockSeeds(Option<(u64, Device)>);

impl BlockSeeds {
    /// The seeds of a forward pass over `layers`, whose first input is `x`.
    pub(super) fn draw(layers: &[DecoderLayer], x: &Tensor<3>) -> Self {
        // Asked first: generation runs here too, for every token.
        if !x.is_autodiff() || !layers.iter().any(drops) {
            return Self(None);
        }
        let device = x.device();
        let drawn = Tensor::<1>::random([2], Distribution::Uniform(0.0, 1.0), &device);
        let drawn = drawn.into_data();
        let bits = drawn.iter::<f32>().map(|value| u64::from(value.to_bits()));
        Self(Some((bits.fold(0, |all, next| all << 32 | next), device)))
    }

    /// Seeds the device for a block. `layers.len()` is for what comes after the
    /// blocks of the forward pass, one more for after those of the way back.
    pub(super) fn enter(&self, block: usize) {
        if let Self(Some((seed, device))) = self {
            let mut of_block = ChaCha8Rng::seed_from_u64(*seed);
            of_block.set_stream(block as u64);
            device.seed(of_block.next_u64());
        }
    }
}

/// Whether a block draws masks in training.
fn drops(layer: &DecoderLayer) -> bool {
    let (attention, mlp) = (&layer.self_attn, &layer.mlp);
    let linears: [&Linear; 7] = [
        &attention.q_proj,
        &attention.k_proj,
        &attention.v_proj,
        &attention.o_proj,
        &mlp.gate_proj,
        &mlp.up_proj,
        &mlp.down_proj,
    ];
    let adapters = linears.map(|linear| linear.weight.reparameterization::<Adapters>());
    adapters.into_iter().flatten().any(Adapters::drops)
}
