//! ggml's types by number.

use super::{k_quants, legacy};
use crate::weights::{float, stored::Decode};

/// For messages: the types that have a decoder.
pub(in super::super) const SUPPORTED: &str =
    "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K";

/// How one type of tensor is stored.
#[derive(Debug)]
pub(in super::super) struct GgmlType {
    number: u32,
    pub(in super::super) name: &'static str,
    /// Values in a block.
    pub(in super::super) block: usize,
    /// Bytes in a block.
    pub(in super::super) bytes: usize,
    /// Absent where a file may hold the type, but no Llama is read from it.
    pub(in super::super) decode: Option<Decode>,
}

/// The type of a number; `None` if ggml has no such type.
pub(in super::super) fn ggml_type(number: u32) -> Option<&'static GgmlType> {
    TYPES.iter().find(|kind| kind.number == number)
}

const fn read(
    number: u32,
    name: &'static str,
    block: usize,
    bytes: usize,
    decode: Decode,
) -> GgmlType {
    GgmlType {
        number,
        name,
        block,
        bytes,
        decode: Some(decode),
    }
}

/// A type whose size is known, so that the table of tensors can be checked.
const fn known(number: u32, name: &'static str, block: usize, bytes: usize) -> GgmlType {
    GgmlType {
        number,
        name,
        block,
        bytes,
        decode: None,
    }
}

/// `GGML_QUANT_SIZES` of the `gguf` Python package.
static TYPES: [GgmlType; 34] = [
    read(0, "F32", 1, 4, float::f32),
    read(1, "F16", 1, 2, float::f16),
    read(2, "Q4_0", 32, 18, legacy::q4_0),
    read(3, "Q4_1", 32, 20, legacy::q4_1),
    read(6, "Q5_0", 32, 22, legacy::q5_0),
    read(7, "Q5_1", 32, 24, legacy::q5_1),
    read(8, "Q8_0", 32, 34, legacy::q8_0),
    known(9, "Q8_1", 32, 40),
    read(10, "Q2_K", 256, 84, k_quants::q2_k),
    read(11, "Q3_K", 256, 110, k_quants::q3_k),
    read(12, "Q4_K", 256, 144, k_quants::q4_k),
    read(13, "Q5_K", 256, 176, k_quants::q5_k),
    read(14, "Q6_K", 256, 210, k_quants::q6_k),
    known(15, "Q8_K", 256, 292),
    known(16, "IQ2_XXS", 256, 66),
    known(17, "IQ2_XS", 256, 74),
    known(18, "IQ3_XXS", 256, 98),
    known(19, "IQ1_S", 256, 50),
    known(20, "IQ4_NL", 32, 18),
    known(21, "IQ3_S", 256, 110),
    known(22, "IQ2_S", 256, 82),
    known(23, "IQ4_XS", 256, 136),
    known(24, "I8", 1, 1),
    known(25, "I16", 1, 2),
    known(26, "I32", 1, 4),
    known(27, "I64", 1, 8),
    known(28, "F64", 1, 8),
    known(29, "IQ1_M", 256, 56),
    read(30, "BF16", 1, 2, float::bf16),
    known(34, "TQ1_0", 256, 54),
    known(35, "TQ2_0", 256, 66),
    known(39, "MXFP4", 32, 17),
    known(40, "NVFP4", 64, 36),
    known(41, "Q1_0", 128, 18),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_decoder_is_offered_and_fills_its_block() {
        let mut names: Vec<&str> = Vec::new();
        for kind in TYPES.iter() {
            let Some(decode) = kind.decode else { continue };
            names.push(kind.name);
            let mut values = Vec::new();
            decode(&vec![0; 3 * kind.bytes], &mut values);
            assert_eq!(values.len(), 3 * kind.block, "{}", kind.name);
        }
        let mut offered: Vec<&str> = SUPPORTED.split(", ").collect();
        names.sort_unstable();
        offered.sort_unstable();
        assert_eq!(names, offered);
    }
}
