//! Stored floats widened to f32.

pub(crate) fn f32(bytes: &[u8], values: &mut Vec<f32>) {
    let words = bytes.chunks_exact(4);
    values.extend(words.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
}

pub(crate) fn f16(bytes: &[u8], values: &mut Vec<f32>) {
    let words = bytes.chunks_exact(2);
    values.extend(words.map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()));
}

pub(crate) fn bf16(bytes: &[u8], values: &mut Vec<f32>) {
    let words = bytes.chunks_exact(2);
    values.extend(words.map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f32()));
}
