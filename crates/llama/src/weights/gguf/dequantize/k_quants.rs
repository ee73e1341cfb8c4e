//! Super-blocks of 256 values with scales that are quantised themselves:
//! Q2_K to Q6_K.
//!
//! A super-block has one f16 scale `d`, or `d` and `dmin`, and small integer
//! scales `s` (and minima `m`) for its groups of 16 or 32 values. The bits of a
//! value lie in planes: the byte that holds value `l` of one group holds value
//! `l` of the next groups in its higher bits.

use super::half_at;

/// 16 groups of 16: `x = (d·s)·q − dmin·m`, with two bits for `q` and four for
/// each of `s` and `m`.
///
/// Bytes: 16 of scales (`s` low, `m` high), 64 of quants, `d`, `dmin`.
pub(super) fn q2_k(bytes: &[u8], values: &mut Vec<f32>) {
    for block in bytes.chunks_exact(84) {
        let (d, dmin) = (half_at(block, 80), half_at(block, 82));
        for group in 0..16 {
            let scale = block[group];
            let (d, m) = (d * f32::from(scale & 15), dmin * f32::from(scale >> 4));
            let (start, shift) = two_bit_place(group);
            let quants = &block[16 + start..][..16];
            values.extend(quants.iter().map(|&q| d * f32::from(q >> shift & 3) - m));
        }
    }
}

/// 16 groups of 16: `x = (d·(s − 32))·(q − 4·h)`, with two bits for `q`, six
/// for `s`, and `h = 1` where the mask's bit is 0.
///
/// Bytes: 32 of mask (bit `i` is for the 32 values of plane `i`), 64 of quants,
/// 12 of scales, `d`. A scale's low four bits are a nibble of the first eight
/// bytes, its high two a pair of bits of the last four.
pub(super) fn q3_k(bytes: &[u8], values: &mut Vec<f32>) {
    for block in bytes.chunks_exact(110) {
        let (mask, rest) = block.split_at(32);
        let (quants, scales) = rest.split_at(64);
        let d = half_at(block, 108);
        for group in 0..16 {
            let low = scales[group % 8] >> (group / 8 * 4) & 15;
            let high = scales[8 + group % 4] >> (group / 4 * 2) & 3;
            let d = d * (f32::from(low | high << 4) - 32.0);
            let (start, shift) = two_bit_place(group);
            let (plane, lane) = (group / 2, group % 2 * 16);
            let pairs = quants[start..][..16].iter().zip(&mask[lane..][..16]);
            values.extend(pairs.map(|(&q, &mask)| {
                let below = if mask >> plane & 1 == 0 { 4.0 } else { 0.0 };
                d * (f32::from(q >> shift & 3) - below)
            }));
        }
    }
}

/// 8 groups of 32: `x = (d·s)·q − dmin·m`, with four bits for `q`.
///
/// Bytes: `d`, `dmin`, 12 of scales ([`scale_and_minimum`]), 128 of quants.
pub(super) fn q4_k(bytes: &[u8], values: &mut Vec<f32>) {
    for block in bytes.chunks_exact(144) {
        let (d, dmin) = (half_at(block, 0), half_at(block, 2));
        let (scales, quants) = block[4..].split_at(12);
        for group in 0..8 {
            let (s, m) = scale_and_minimum(scales, group);
            let (d, m) = (d * s, dmin * m);
            let shift = group % 2 * 4;
            let quants = &quants[group / 2 * 32..][..32];
            values.extend(quants.iter().map(|&q| d * f32::from(q >> shift & 15) - m));
        }
    }
}

/// As [`q4_k`], with a fifth bit for `q`.
///
/// Bytes: `d`, `dmin`, 12 of scales, 32 of fifth bits (bit `i` is for the
/// values of group `i`), 128 of quants.
pub(super) fn q5_k(bytes: &[u8], values: &mut Vec<f32>) {
    for block in bytes.chunks_exact(176) {
        let (d, dmin) = (half_at(block, 0), half_at(block, 2));
        let (scales, rest) = block[4..].split_at(12);
        let (high, quants) = rest.split_at(32);
        for group in 0..8 {
            let (s, m) = scale_and_minimum(scales, group);
            let (d, m) = (d * s, dmin * m);
            let shift = group % 2 * 4;
            let pairs = quants[group / 2 * 32..][..32].iter().zip(high);
            values.extend(pairs.map(|(&q, &high)| {
                let q = q >> shift & 15 | (high >> group & 1) << 4;
                d * f32::from(q) - m
            }));
        }
    }
}

/// 16 groups of 16: `x = (d·s)·(q − 32)`, with six bits for `q` and a signed
/// byte for `s`.
///
/// Bytes: 128 of low nibbles, 64 of high pairs of bits, 16 of scales, `d`.
pub(super) fn q6_k(bytes: &[u8], values: &mut Vec<f32>) {
    for block in bytes.chunks_exact(210) {
        let (low, rest) = block.split_at(128);
        let (high, scales) = rest.split_at(64);
        let d = half_at(block, 208);
        for (group, &scale) in scales[..16].iter().enumerate() {
            let d = d * f32::from(scale as i8);
            // Four planes of 32 in each half of the block.
            let (half, plane, lane) = (group / 8, group / 2 % 4, group % 2 * 16);
            let low = &low[half * 64 + plane % 2 * 32 + lane..][..16];
            let high = &high[half * 32 + lane..][..16];
            values.extend(low.iter().zip(high).map(|(&low, &high)| {
                let q = low >> (plane / 2 * 4) & 15 | (high >> (plane * 2) & 3) << 4;
                d * (f32::from(q) - 32.0)
            }));
        }
    }
}

/// Where the two-bit quants of a group of 16 begin, and their shift: four
/// planes of 32 values in each half of the block.
fn two_bit_place(group: usize) -> (usize, usize) {
    (group / 8 * 32 + group % 2 * 16, group / 2 % 4 * 2)
}

/// A group's six-bit scale and minimum. The first four groups have theirs in
/// the low six bits of a byte; the last four have the low nibbles in the last
/// four bytes, and the high pairs in what the first eight bytes leave free.
fn scale_and_minimum(packed: &[u8], group: usize) -> (f32, f32) {
    let (s, m) = match group.checked_sub(4) {
        None => (packed[group] & 63, packed[group + 4] & 63),
        Some(i) => {
            let low = packed[8 + i];
            let high = |byte: u8| byte >> 6 << 4;
            (low & 15 | high(packed[i]), low >> 4 | high(packed[4 + i]))
        }
    };
    (f32::from(s), f32::from(m))
}
