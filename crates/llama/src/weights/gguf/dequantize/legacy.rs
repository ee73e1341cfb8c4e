//! Blocks of 32 values with one scale: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0.
//!
//! Four-bit parts lie two to a byte: the low nibbles are the block's first
//! sixteen values, the high ones the last sixteen. Fifth bits lie in a
//! little-endian word, the value's number being the bit's.

use super::half_at;

/// `d` (f16), 16 bytes of nibbles: `x = d·(q − 8)`.
pub(super) fn q4_0(bytes: &[u8], values: &mut Vec<f32>) {
    for block in bytes.chunks_exact(18) {
        let d = half_at(block, 0);
        let value = |q: u8| d * (f32::from(q) - 8.0);
        values.extend(block[2..].iter().map(|&q| value(q & 15)));
        values.extend(block[2..].iter().map(|&q| value(q >> 4)));
    }
}

/// `d`, `m` (f16), 16 bytes of nibbles: `x = d·q + m`.
pub(super) fn q4_1(bytes: &[u8], values: &mut Vec<f32>) {
    for block in bytes.chunks_exact(20) {
        let (d, m) = (half_at(block, 0), half_at(block, 2));
        values.extend(block[4..].iter().map(|&q| d * f32::from(q & 15) + m));
        values.extend(block[4..].iter().map(|&q| d * f32::from(q >> 4) + m));
    }
}

/// `d` (f16), 32 fifth bits, 16 bytes of nibbles: `x = d·(q − 16)`.
pub(super) fn q5_0(bytes: &[u8], values: &mut Vec<f32>) {
    for block in bytes.chunks_exact(22) {
        let d = half_at(block, 0);
        values.extend(five_bits(&block[2..]).map(|q| d * (q - 16.0)));
    }
}

/// `d`, `m` (f16), 32 fifth bits, 16 bytes of nibbles: `x = d·q + m`.
pub(super) fn q5_1(bytes: &[u8], values: &mut Vec<f32>) {
    for block in bytes.chunks_exact(24) {
        let (d, m) = (half_at(block, 0), half_at(block, 2));
        values.extend(five_bits(&block[4..]).map(|q| d * q + m));
    }
}

/// `d` (f16), 32 signed bytes: `x = d·q`.
pub(super) fn q8_0(bytes: &[u8], values: &mut Vec<f32>) {
    for block in bytes.chunks_exact(34) {
        let d = half_at(block, 0);
        values.extend(block[2..].iter().map(|&q| d * f32::from(q as i8)));
    }
}

/// The 32 numbers of four bytes of high bits and sixteen of nibbles.
fn five_bits(packed: &[u8]) -> impl Iterator<Item = f32> {
    let (high, low) = packed.split_at(4);
    (0..32).map(move |i| {
        let low = low[i % 16] >> (i / 16 * 4) & 15;
        let high = high[i / 8] >> (i % 8) & 1;
        f32::from(low | high << 4)
    })
}
