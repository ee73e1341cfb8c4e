//! The device that tests compute on.

use burn::tensor::Device;

/// burn's pure-Rust CPU backend, without gradient recording.
///
/// ```
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let x = Tensor::<1>::from_floats([1.0, 2.0], &device);
/// assert_eq!(x.sum().into_scalar::<f32>(), 3.0);
/// ```
pub fn device() -> Device {
    Device::flex()
}
