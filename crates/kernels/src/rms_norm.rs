//! Root-mean-square normalisation.

use burn::tensor::{Tensor, assert_shape};

use crate::reference;

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
    #[cfg(feature = "flex")]
    if crate::flex::widens(&x) && !weight.is_tracked() {
        use crate::flex::FlexKernels;
        use burn::{backend::Dispatch, tensor::DType};
        let dtype = x.dtype();
        let (x, weight) = (x.cast(DType::F32), weight.cast(DType::F32));
        let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
        let y = <Dispatch as FlexKernels>::rms_norm(x, weight, epsilon);
        return Tensor::<D>::from_dispatch(y).cast(dtype);
    }
    reference::rms_norm(x, weight, epsilon)
}
