//! Blocks of quantised values to f32.
//!
//! Layouts are ggml's (`ggml-common.h`); every format is compared with the
//! `gguf` Python package through the fixtures.

use half::f16;

use crate::weights::float;

/// For messages: the formats of [`format`].
pub(super) const SUPPORTED: &str = "F32, F16, BF16, Q4_1, Q8_0";

/// How one type of tensor is stored.
pub(super) struct Format {
    /// Values in a block.
    pub(super) block: usize,
    /// Bytes in a block.
    pub(super) bytes: usize,
    /// Whole blocks to values.
    pub(super) decode: fn(&[u8]) -> Vec<f32>,
}

/// The format of a ggml type number.
pub(super) fn format(kind: u32) -> Option<Format> {
    Some(match kind {
        0 => Format {
            block: 1,
            bytes: 4,
            decode: float::from_f32,
        },
        1 => Format {
            block: 1,
            bytes: 2,
            decode: float::from_f16,
        },
        3 => Format {
            block: 32,
            bytes: 20,
            decode: q4_1,
        },
        8 => Format {
            block: 32,
            bytes: 34,
            decode: q8_0,
        },
        30 => Format {
            block: 1,
            bytes: 2,
            decode: float::from_bf16,
        },
        _ => return None,
    })
}

/// ggml's name of a type number, for messages.
pub(super) fn type_name(kind: u32) -> String {
    const NAMES: [&str; 16] = [
        "F32", "F16", "Q4_0", "Q4_1", "Q4_2", "Q4_3", "Q5_0", "Q5_1", "Q8_0", "Q8_1", "Q2_K",
        "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_K",
    ];
    NAMES
        .get(kind as usize)
        .map_or_else(|| format!("ggml type {kind}"), |n| (*n).to_owned())
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// Scale `d` and 32 signed bytes: `x = d·q`.
fn q8_0(bytes: &[u8]) -> Vec<f32> {
    let mut values = Vec::with_capacity(bytes.len() / 34 * 32);
    for block in bytes.chunks_exact(34) {
        let d = half_at(block, 0);
        values.extend(block[2..].iter().map(|&q| d * f32::from(q as i8)));
    }
    values
}

/// Scale `d`, minimum `m` and 32 nibbles: `x = d·q + m`. The low nibbles are
/// the block's first half, the high ones its second.
fn q4_1(bytes: &[u8]) -> Vec<f32> {
    let mut values = Vec::with_capacity(bytes.len() / 20 * 32);
    for block in bytes.chunks_exact(20) {
        let (d, m) = (half_at(block, 0), half_at(block, 2));
        values.extend(block[4..].iter().map(|&q| d * f32::from(q & 15) + m));
        values.extend(block[4..].iter().map(|&q| d * f32::from(q >> 4) + m));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_decoded_by_ggmls_layout() {
        let mut block = f16::from_f32(0.5).to_le_bytes().to_vec();
        block.extend(f16::from_f32(-3.0).to_le_bytes());
        block.extend((0..16u8).map(|i| i | (15 - i) << 4));
        let values = q4_1(&block);
        assert_eq!(values.len(), 32);
        assert_eq!(
            (values[0], values[15], values[16], values[31]),
            (-3.0, 4.5, 4.5, -3.0)
        );

        let mut block = f16::from_f32(0.25).to_le_bytes().to_vec();
        block.extend((0..32).map(|i| (i - 16) as i8 as u8));
        let values = q8_0(&block);
        assert_eq!((values[0], values[16], values[31]), (-4.0, 0.0, 3.75));
    }
}
