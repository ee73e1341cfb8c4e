//! The gated activation of a Llama's feed-forward layer.

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::accepts::accepts;
use crate::{Kernel, kernels::Kernels, reference};

/// `silu(gate) · up`, with `silu(z) = z · σ(z)`.
///
/// # Panics
/// If the shapes differ.
///
/// The twin is [`reference::swiglu`].
///
/// ```
/// use anneal_kernels::swiglu;
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let gate = Tensor::<1>::from_floats([0.0, 2.0], &device);
/// let up = Tensor::<1>::from_floats([5.0, 3.0], &device);
/// let y = swiglu(gate, up).try_into_vec_as::<f32>().unwrap();
/// assert_eq!(y[0], 0.0);
/// assert!((y[1] - 6.0 / (1.0 + (-2.0f32).exp())).abs() < 1e-6);
/// ```
pub fn swiglu<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    assert_eq!(gate.dims(), up.dims(), "gate and up differ in shape");
    if let Some(dtype) = accepts(Kernel::Swiglu, &gate) {
        let narrow = gate.dtype();
        let (gate, up) = (gate.cast(dtype), up.cast(dtype));
        let (gate, up) = (gate.into_dispatch(), up.into_dispatch());
        let y = <Dispatch as Kernels>::swiglu(gate, up);
        return Tensor::<D>::from_dispatch(y).cast(narrow);
    }
    reference::swiglu(gate, up)
}
