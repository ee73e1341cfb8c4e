//! Which tensors have a kernel: by switch, device and type.

use burn::tensor::{DType, Tensor};

use crate::{Kernel, active_kernels};

/// Whether an operation runs its kernel, and not its plain twin, where its
/// first operand is one like `x`.
///
/// The switch is asked ([`set_kernels`](crate::set_kernels)), then the device
/// and the type. Other operands may still lead to the twin: a weight that is
/// trained, or one of another type.
///
/// ```
/// use anneal_kernels::{Kernel, KernelSet, has_kernel, with_kernels};
/// use burn::tensor::Tensor;
///
/// let x = Tensor::<2>::zeros([2, 3], &anneal_testkit::device());
/// let without = KernelSet::ALL.without(Kernel::Swiglu);
/// assert!(!with_kernels(without, || has_kernel(Kernel::Swiglu, &x)));
/// ```
pub fn has_kernel<const D: usize>(kernel: Kernel, x: &Tensor<D>) -> bool {
    match kernel {
        // Of products the frozen head is made on every device.
        Kernel::LinearCrossEntropy => active_kernels().contains(kernel),
        // A product takes its operands as they are.
        Kernel::Linear | Kernel::LoraLinear => accepts(kernel, x) == Some(x.dtype()),
        _ => accepts(kernel, x).is_some(),
    }
}

/// The type to which the operands of a kernel are cast, if there is a kernel.
///
/// On a CPU, f32 is both faster and more exact than operations on narrow
/// floats. A GPU's kernels read narrow floats and compute in f32.
pub(crate) fn accepts<const D: usize>(kernel: Kernel, x: &Tensor<D>) -> Option<DType> {
    let dtype = x.dtype();
    let is_float = matches!(dtype, DType::F32 | DType::BF16 | DType::F16);
    if !is_float || !active_kernels().contains(kernel) {
        return None;
    }
    let device = x.device().without_autodiff();
    match device.as_dispatch() {
        #[cfg(feature = "flex")]
        burn::backend::DispatchDevice::Flex(_) => Some(DType::F32),
        #[cfg(feature = "cube")]
        burn::backend::DispatchDevice::Cube(device) => {
            let width = x.dims()[D - 1];
            crate::cube::offers(kernel, device, dtype, width).then_some(dtype)
        }
        _ => None,
    }
}

/// Whether a tensor is the CPU backend's, and its kernel turned on.
#[cfg(feature = "flex")]
pub(crate) fn is_on_cpu<const D: usize>(kernel: Kernel, x: &Tensor<D>) -> bool {
    let device = x.device().without_autodiff();
    let is_there = matches!(device.as_dispatch(), burn::backend::DispatchDevice::Flex(_));
    is_there && accepts(kernel, x).is_some()
}
