//! Root-mean-square normalisation.

use burn::backend::Dispatch;
use burn::tensor::{Tensor, assert_shape};

use crate::accepts::accepts;
use crate::{Kernel, kernels::Kernels, reference};

/// `y = x / sqrt(mean(x²) + ε) · weight` over the last axis.
///
/// # Shapes
/// - `x`: `[.., d]`, `weight`: `[d]`, result as `x`.
///
/// # Panics
/// If the last axis of `x` is not `d`.
///
/// The twin is [`reference::rms_norm`].
///
/// ```
/// use anneal_kernels::rms_norm;
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let x = Tensor::<2>::from_floats([[3.0, 4.0]], &device);
/// let weight = Tensor::<1>::from_floats([1.0, 2.0], &device);
/// let y = rms_norm(x, weight, 0.0).try_into_vec_as::<f32>().unwrap();
/// let rms = 12.5f32.sqrt();
/// assert!((y[0] - 3.0 / rms).abs() < 1e-6 && (y[1] - 8.0 / rms).abs() < 1e-6);
/// ```
pub fn rms_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, epsilon: f64) -> Tensor<D> {
    let [d] = weight.dims();
    assert_shape!(x, [.., d]);
    if let Some(dtype) = accepts(Kernel::RmsNorm, &x)
        && !weight.is_tracked()
    {
        let narrow = x.dtype();
        let (x, weight) = (x.cast(dtype), weight.cast(dtype));
        let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
        let y = <Dispatch as Kernels>::rms_norm(x, weight, epsilon);
        return Tensor::<D>::from_dispatch(y).cast(narrow);
    }
    reference::rms_norm(x, weight, epsilon)
}

/// `s = x + residual` and its norm, `s / sqrt(mean(s²) + ε) · weight`: what
/// stands between two blocks of a Llama, in one pass.
///
/// # Shapes
/// - `x`, `residual`: `[.., d]`, `weight`: `[d]`, both results as `x`.
///
/// # Panics
/// If the shapes do not fit.
///
/// The twin is [`reference::add_rms_norm`].
///
/// ```
/// use anneal_kernels::add_rms_norm;
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let x = Tensor::<2>::from_floats([[1.0, 4.0]], &device);
/// let residual = Tensor::<2>::from_floats([[2.0, 0.0]], &device);
/// let weight = Tensor::<1>::from_floats([1.0, 2.0], &device);
/// let (sum, normed) = add_rms_norm(x, residual, weight, 0.0);
/// assert_eq!(sum.try_into_vec_as::<f32>().unwrap(), [3.0, 4.0]);
/// let normed = normed.try_into_vec_as::<f32>().unwrap();
/// let rms = 12.5f32.sqrt();
/// assert!((normed[0] - 3.0 / rms).abs() < 1e-6 && (normed[1] - 8.0 / rms).abs() < 1e-6);
/// ```
pub fn add_rms_norm<const D: usize>(
    x: Tensor<D>,
    residual: Tensor<D>,
    weight: Tensor<1>,
    epsilon: f64,
) -> (Tensor<D>, Tensor<D>) {
    let [d] = weight.dims();
    assert_shape!(x, [.., d]);
    assert_eq!(
        x.dims(),
        residual.dims(),
        "x and the residual differ in shape"
    );
    // A sum that is rounded to a narrow type is what the next block adds to,
    // so a device that would widen it takes the two operations apart.
    if accepts(Kernel::RmsNorm, &x) == Some(x.dtype())
        && [x.dtype(); 2] == [residual.dtype(), weight.dtype()]
        && !weight.is_tracked()
    {
        let (x, residual) = (x.into_dispatch(), residual.into_dispatch());
        let weight = weight.into_dispatch();
        let (sum, normed) = <Dispatch as Kernels>::add_rms_norm(x, residual, weight, epsilon);
        return (Tensor::from_dispatch(sum), Tensor::from_dispatch(normed));
    }
    let sum = x + residual;
    (sum.clone(), rms_norm(sum, weight, epsilon))
}
