//! A linear layer in plain tensor operations.

use burn::tensor::{Tensor, assert_shape};

/// `y = x·W + b` over the last axis.
///
/// The product is taken over rows of rank 2: for a small batch of a higher rank
/// burn would give the weight that rank too, and copy it where it is a
/// transposed view, as a checkpoint's weights are.
///
/// # Shapes
/// - `x`: `[.., d_input]`, `weight`: `[d_input, d_output]`, `bias`: `[d_output]`
/// - result: `[.., d_output]`
///
/// # Panics
/// If the shapes do not fit.
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    let [d_input, d_output] = weight.dims();
    assert_shape!(x, [.., d_input]);
    let mut dims = x.dims();
    let rows = dims[..D - 1].iter().product();
    dims[D - 1] = d_output;
    let y = x.reshape([rows, d_input]).matmul(weight);
    let y = match bias {
        Some(bias) => y + bias.unsqueeze(),
        None => y,
    };
    y.reshape(dims)
}
