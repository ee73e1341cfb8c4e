//! A frozen linear layer with a low-rank update, as one operation.

use burn::tensor::{Tensor, assert_shape};

use crate::reference;

/// `y = x·W + s·((x·A)·B)` over the last axis; the weight is frozen.
///
/// As one operation the update is added to the product while it is in cache,
/// forward and backward, where separate operations write and read a tensor of
/// the output's size for it. A tracked weight takes the plain path.
///
/// # Shapes
/// - `x`: `[.., d_input]`, `weight`: `[d_input, d_output]`
/// - `a`: `[d_input, rank]`, `b`: `[rank, d_output]`, result: `[.., d_output]`
///
/// # Panics
/// If the shapes do not fit.
///
/// The twin is [`reference::lora_linear`].
///
/// ```
/// use anneal_kernels::lora_linear;
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let matrix = |rows: [[f32; 2]; 1]| Tensor::<2>::from_floats(rows, &device);
/// let weight = Tensor::<2>::eye(2, &device);
/// let (a, b) = (matrix([[1.0, 2.0]]).transpose(), matrix([[10.0, 0.0]]));
/// // x = [3, 4]: x·A = 11, times B and the scale 0.5.
/// let y = lora_linear(matrix([[3.0, 4.0]]), weight, a, b, 0.5);
/// assert_eq!(y.try_into_vec_as::<f32>().unwrap(), [3.0 + 55.0, 4.0]);
/// ```
pub fn lora_linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    a: Tensor<2>,
    b: Tensor<2>,
    scale: f64,
) -> Tensor<D> {
    let ([d_input, d_output], [_, rank]) = (weight.dims(), a.dims());
    assert_shape!(x, [.., d_input]);
    assert_shape!(a, [d_input, rank]);
    assert_shape!(b, [rank, d_output]);
    #[cfg(feature = "flex")]
    if crate::flex::supported(&x)
        && [&weight, &a, &b].into_iter().all(crate::flex::supported)
        && !weight.is_tracked()
    {
        use crate::flex::FlexKernels;
        use burn::backend::Dispatch;
        let mut dims = x.dims();
        let rows = dims[..D - 1].iter().product();
        dims[D - 1] = d_output;
        let x = x.reshape([rows, d_input]).into_dispatch();
        let (weight, a, b) = (weight.into_dispatch(), a.into_dispatch(), b.into_dispatch());
        let y = <Dispatch as FlexKernels>::lora_linear(x, weight, a, b, scale);
        return Tensor::<2>::from_dispatch(y).reshape(dims);
    }
    reference::lora_linear(x, weight, a, b, scale)
}
