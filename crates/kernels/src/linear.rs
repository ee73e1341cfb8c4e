//! A linear layer whose weight is frozen.

use burn::backend::Dispatch;
use burn::tensor::{Tensor, assert_shape};

use crate::accepts::accepts;
use crate::{Kernel, kernels::Kernels, reference};

/// `y = x·W + b` over the last axis.
///
/// On the CPU a product of few rows, as in generation, reads a weight once and
/// as it lies, if that is the transposed view of `[d_output, d_input]` that
/// checkpoints hold. A tracked weight takes the plain path, which gives it its
/// gradient.
///
/// # Shapes
/// - `x`: `[.., d_input]`, `weight`: `[d_input, d_output]`, `bias`: `[d_output]`
/// - result: `[.., d_output]`
///
/// # Panics
/// If the shapes do not fit.
///
/// The twin is [`reference::linear`].
///
/// ```
/// use anneal_kernels::linear;
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let weight = Tensor::<2>::from_floats([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0]], &device);
/// let bias = Tensor::<1>::from_floats([0.5, 0.0, 0.0], &device);
/// let x = Tensor::<2>::from_floats([[2.0, 5.0]], &device);
/// let y = linear(x, weight, Some(bias));
/// assert_eq!(y.try_into_vec_as::<f32>().unwrap(), [2.5, 9.0, 15.0]);
/// ```
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    if accepts(Kernel::Linear, &x) == Some(x.dtype())
        && weight.dtype() == x.dtype()
        && !weight.is_tracked()
    {
        let [d_input, d_output] = weight.dims();
        assert_shape!(x, [.., d_input]);
        let mut dims = x.dims();
        let rows = dims[..D - 1].iter().product();
        dims[D - 1] = d_output;
        let x = x.reshape([rows, d_input]).into_dispatch();
        let y = <Dispatch as Kernels>::frozen_linear(x, weight.into_dispatch());
        let y = Tensor::<2>::from_dispatch(y);
        let y = match bias {
            Some(bias) => y + bias.unsqueeze(),
            None => y,
        };
        return y.reshape(dims);
    }
    reference::linear(x, weight, bias)
}
