//! Sixteen rows of sixteen words, turned in registers.
#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::*;

/// 16 vectors of 16 words, rows for columns: words, pairs, quarters, halves.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn transposed(rows: [__m512i; 16]) -> [__m512i; 16] {
    let mut words = rows;
    for i in (0..16).step_by(2) {
        words[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        words[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    let mut pairs = words;
    for i in (0..16).step_by(4) {
        pairs[i] = _mm512_unpacklo_epi64(words[i], words[i + 2]);
        pairs[i + 1] = _mm512_unpackhi_epi64(words[i], words[i + 2]);
        pairs[i + 2] = _mm512_unpacklo_epi64(words[i + 1], words[i + 3]);
        pairs[i + 3] = _mm512_unpackhi_epi64(words[i + 1], words[i + 3]);
    }
    // Now quarter q of pairs[4g + j] holds column 4q + j of rows 4g to 4g + 3.
    let mut columns = pairs;
    for j in 0..4 {
        let [a, b, c, d] = [pairs[j], pairs[4 + j], pairs[8 + j], pairs[12 + j]];
        let even_ab = _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b);
        let odd_ab = _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b);
        let even_cd = _mm512_shuffle_i32x4::<0b10_00_10_00>(c, d);
        let odd_cd = _mm512_shuffle_i32x4::<0b11_01_11_01>(c, d);
        columns[j] = _mm512_shuffle_i32x4::<0b10_00_10_00>(even_ab, even_cd);
        columns[4 + j] = _mm512_shuffle_i32x4::<0b10_00_10_00>(odd_ab, odd_cd);
        columns[8 + j] = _mm512_shuffle_i32x4::<0b11_01_11_01>(even_ab, even_cd);
        columns[12 + j] = _mm512_shuffle_i32x4::<0b11_01_11_01>(odd_ab, odd_cd);
    }
    columns
}
