//! Rotary position embedding in Hugging Face's half-split layout.

use burn::tensor::{Tensor, assert_shape};

use crate::reference;

/// Rotates `[a, b]`, the halves of each head, to `[a·cos − b·sin, b·cos + a·sin]`.
///
/// # Shapes
/// - `x`: `[batch, heads, length, head_dim]`
/// - `cos`, `sin`: `[batch or 1, length, head_dim / 2]`, f32
///
/// # Panics
/// If the tables do not fit `x`, or `head_dim` is odd.
///
/// The twin is [`reference::rotary`].
///
/// ```
/// use anneal_kernels::rotary;
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let x = Tensor::<4>::from_floats([[[[1.0, 2.0, 3.0, 4.0]]]], &device);
/// // A quarter turn for the first pair, none for the second.
/// let cos = Tensor::<3>::from_floats([[[0.0, 1.0]]], &device);
/// let sin = Tensor::<3>::from_floats([[[1.0, 0.0]]], &device);
/// let y = rotary(x, cos, sin).try_into_vec_as::<f32>().unwrap();
/// assert_eq!(y, [-3.0, 2.0, 1.0, 4.0]);
/// ```
pub fn rotary(x: Tensor<4>, cos: Tensor<3>, sin: Tensor<3>) -> Tensor<4> {
    let ([batch, _, length, head_dim], [rows, ..]) = (x.dims(), cos.dims());
    assert!(
        head_dim.is_multiple_of(2),
        "a head of {head_dim} has no halves"
    );
    assert!(
        rows == 1 || rows == batch,
        "tables of {rows} rows for a batch of {batch}"
    );
    assert_shape!(cos, [rows, length, head_dim / 2]);
    assert_shape!(sin, [rows, length, head_dim / 2]);
    #[cfg(feature = "flex")]
    if crate::flex::widens(&x) && !cos.is_tracked() && !sin.is_tracked() {
        use crate::flex::FlexKernels;
        use burn::{backend::Dispatch, tensor::DType};
        let dtype = x.dtype();
        let x = x.cast(DType::F32).into_dispatch();
        let (cos, sin) = (cos.into_dispatch(), sin.into_dispatch());
        let turned = <Dispatch as FlexKernels>::rotary(x, cos, sin, false);
        return Tensor::<4>::from_dispatch(turned).cast(dtype);
    }
    reference::rotary(x, cos, sin)
}
