//! Blocks of quantised values to f32.
//!
//! Layouts and arithmetic are ggml's (`ggml-common.h`, `ggml-quants.c`); every
//! type is compared bit for bit with the `gguf` Python package through the
//! fixtures. Products are rounded one by one, in ggml's order: a fused
//! multiply-add would give other last bits.

mod k_quants;
mod legacy;
mod table;

pub(super) use table::{GgmlType, SUPPORTED, ggml_type};

/// The f16 at an offset of a block.
fn half_at(block: &[u8], at: usize) -> f32 {
    half::f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}
