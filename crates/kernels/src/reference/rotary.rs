//! Rotary position embedding, half-split, in plain tensor operations.

use burn::tensor::{DType, Tensor, assert_shape};

/// Rotates each head's halves by the angle of its position; in f32, rounded
/// once to the type of `x`.
///
/// With `x = [a, b]` split in the middle of the last axis, the result is
/// `[a·cos − b·sin, b·cos + a·sin]`: Hugging Face's layout, not the interleaved
/// one of burn's `RotaryEncoding`.
///
/// # Shapes
/// - `x`: `[batch, heads, length, head_dim]`
/// - `cos`, `sin`: `[batch or 1, length, head_dim / 2]`, f32
///
/// # Panics
/// If the tables do not fit `x`.
///
/// Su et al., 2021, <https://arxiv.org/abs/2104.09864>; layout compared with
/// transformers' `apply_rotary_pos_emb`.
pub fn rotary(x: Tensor<4>, cos: Tensor<3>, sin: Tensor<3>) -> Tensor<4> {
    let [_, _, length, head_dim] = x.dims();
    let half = head_dim / 2;
    assert_shape!(cos, [.., length, half]);
    assert_shape!(sin, [.., length, half]);
    let dtype = x.dtype();
    let x = x.cast(DType::F32);
    let (cos, sin) = (cos.unsqueeze_dim::<4>(1), sin.unsqueeze_dim::<4>(1));
    let first = x.clone().narrow(3, 0, half);
    let second = x.narrow(3, half, half);
    Tensor::cat(
        vec![
            first.clone() * cos.clone() - second.clone() * sin.clone(),
            second * cos + first * sin,
        ],
        3,
    )
    .cast(dtype)
}
