//! The narrow float type of a device.

use burn::tensor::{DType, Device};

/// bf16 where the device has it, or else f16, and half a unit in its last bit, of
/// a value of 1. A device with neither gets f32 and what sums in another order
/// differ by.
///
/// ```
/// use burn::tensor::DType;
///
/// let (dtype, rounding) = anneal_testkit::narrow_type(&anneal_testkit::device());
/// assert!(dtype != DType::BF16 || rounding == 1.0 / 256.0);
/// ```
pub fn narrow_type(device: &Device) -> (DType, f64) {
    let types = [(DType::BF16, 1.0 / 256.0), (DType::F16, 1.0 / 2048.0)];
    let mut types = types.into_iter();
    let offered = types.find(|(dtype, _)| device.supports_dtype(*dtype));
    offered.unwrap_or((DType::F32, 2e-6))
}
