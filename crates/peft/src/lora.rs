//! The two factors of a LoRA update, attached to the weight they adapt.
//!
//! They are a burn [`Reparameterization`], so that a model needs no LoRA
//! layer: its `Linear`s keep their type and paths, and the optimiser, records,
//! device moves and `train`/`valid` all see the factors.

use burn::{
    module::{Module, Param, Reparameterization},
    nn::Dropout,
    tensor::{DType, Tensor},
};

/// The update `s · A · B` of a linear layer's weight `W`, `[d_input, d_output]`.
///
/// The factors are stored as burn multiplies them; PEFT's files hold their
/// transposes.
#[derive(Module, Debug)]
pub struct LoraFactors {
    /// `A`, `[d_input, rank]`, f32.
    pub a: Param<Tensor<2>>,
    /// `B`, `[rank, d_output]`, f32.
    pub b: Param<Tensor<2>>,
    /// The factor `s`.
    pub scale: f64,
    /// Probability and state of the dropout on the adapter's input.
    pub dropout: Dropout,
}

impl LoraFactors {
    /// The update itself, `s · A · B`, `[d_input, d_output]`, f32.
    pub fn delta(&self) -> Tensor<2> {
        self.a.val().mul_scalar(self.scale).matmul(self.b.val())
    }
}

impl Reparameterization for LoraFactors {
    const NAME: &'static str = "lora";

    /// `W + s · A · B`, summed in f32 and rounded once to `W`'s own type.
    ///
    /// This is what `Linear::forward` sees. It is exact but dear, since it
    /// builds a dense weight and its backward a dense gradient; and it has no
    /// dropout. [`LinearExt::forward_adapted`](crate::LinearExt::forward_adapted)
    /// is the cheap way. A packed weight is unpacked, and the sum stays f32.
    fn apply<const D: usize>(&self, base: Tensor<D>) -> Tensor<D> {
        let dtype = base.dtype();
        let (base, dtype) = match dtype {
            DType::QFloat(_) => (base.dequantize(), DType::F32),
            _ => (base, dtype),
        };
        let delta = self.delta().reshape(base.shape());
        (base.cast(delta.dtype()) + delta).cast(dtype)
    }
}
