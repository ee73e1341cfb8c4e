//! The output head of a language model.

use burn::tensor::{Tensor, assert_shape};

use crate::widened;

/// `h·Wᵀ` in f32, whatever the types of `h` and `W`.
///
/// A logit rounded to bf16 has eight bits: around 20 the neighbours are 0.125
/// apart, and the best of a large vocabulary are often equal. So a narrow head
/// is widened, a piece of the vocabulary at a time.
///
/// # Shapes
/// - `hidden`: `[.., d]`, `weight`: `[vocabulary, d]`
/// - result: `[.., vocabulary]`
///
/// # Panics
/// If the shapes do not fit.
///
/// ```
/// use anneal_kernels::logits;
/// use burn::tensor::{DType, Tensor};
///
/// let device = anneal_testkit::device();
/// let hidden = Tensor::<3>::from_floats([[[1.0, 1.0]]], &device).cast(DType::BF16);
/// let weight = Tensor::<2>::from_floats([[256.0, 1.0], [3.0, 4.0]], &device).cast(DType::BF16);
/// // 257 needs nine bits: bf16 has no such number.
/// let logits = logits(hidden, weight).try_into_vec_as::<f32>().unwrap();
/// assert_eq!(logits, [257.0, 7.0]);
/// ```
pub fn logits<const D: usize>(hidden: Tensor<D>, weight: Tensor<2>) -> Tensor<D> {
    let [vocabulary, d] = weight.dims();
    assert_shape!(hidden, [.., d]);
    let mut dims = hidden.dims();
    let rows = dims[..D - 1].iter().product();
    dims[D - 1] = vocabulary;
    widened::product_transposed(hidden.reshape([rows, d]), weight).reshape(dims)
}
