//! Random tensors that depend on their seed alone.

use burn::tensor::{Device, Tensor, TensorData};

/// A tensor of values uniform in `[-bound, bound)`, the same for the same seed
/// on every device.
///
/// A splitmix64 generator: burn's own is global to a device, so that tests
/// running side by side would see each other's draws.
pub fn random<const D: usize>(
    shape: [usize; D],
    bound: f32,
    seed: u64,
    device: &Device,
) -> Tensor<D> {
    let mut state = seed
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(0x1234_5678);
    let values = (0..shape.iter().product::<usize>()).map(|_| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        ((z >> 40) as f32 / (1u64 << 24) as f32 * 2.0 - 1.0) * bound
    });
    Tensor::from_data(TensorData::new(values.collect::<Vec<f32>>(), shape), device)
}
