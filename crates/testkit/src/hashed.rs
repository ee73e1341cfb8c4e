//! Weights that a formula gives, so that a fixture need not store them.

/// The values of the tensor `name`, row-major: uniform in `[-0.5, 0.5)`, and
/// 1 more for norms.
///
/// Value `i` is `bits / 2^20 − 1/2` with `bits` the 20 highest of
/// `splitmix64(fnv1a(name) + i)`: exact in f32, and the same in
/// `fixtures/generate/rope_and_shapes.py`.
///
/// ```
/// let values = anneal_testkit::hashed("model.norm.weight", 2);
/// assert!(values.iter().all(|v| (0.5..1.5).contains(v)) && values[0] != values[1]);
/// ```
pub fn hashed(name: &str, count: usize) -> Vec<f32> {
    let seed = fnv1a(name.bytes());
    let centre = if name.ends_with("norm.weight") {
        1.0
    } else {
        0.0
    };
    (0..count as u64)
        .map(|i| {
            let mut z = seed.wrapping_add(i).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            (z >> 44) as f32 / (1 << 20) as f32 - 0.5 + centre
        })
        .collect()
}

/// The FNV-1a hash of 64 bits.
pub(crate) fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
