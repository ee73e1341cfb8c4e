//! The forward pass of an adapted linear layer, in activation space.
//!
//! `y = xW + b + s · B(A(drop(x)))` costs two thin products instead of a dense
//! weight, and its backward never forms the dense gradient of `W`: per weight
//! and token about four multiply-adds (forward 2, input gradient 2) instead
//! of the six of weight space or of full fine-tuning.

use burn::{
    nn::Linear,
    tensor::{DType, Distribution, Tensor, module},
};

use crate::lora::LoraFactors;

/// What a model calls in place of [`Linear::forward`] to train adapters cheaply.
pub trait LinearExt {
    /// Applies the layer and its adapter.
    ///
    /// `y = xW + b + s · ((drop(x) · A) · B)`; without an adapter of this
    /// crate it is exactly [`Linear::forward`].
    ///
    /// The adapter's branch computes in the factors' type (f32), whatever the
    /// type of `x` and `W`; the sum is taken there too and rounded once to the
    /// type of the base's output, as PEFT does.
    ///
    /// Dropout acts on the adapter's input alone, in training alone: while `x`
    /// is on an autodiff device and neither [`valid`](burn::module::Module::valid)
    /// nor [`freeze`](burn::module::Module::freeze) switched it off, which is
    /// how [`burn::nn::Dropout`] decides. Every call draws a new mask from the
    /// device's generator, so a recomputed forward sees another one.
    ///
    /// # Shapes
    ///
    /// - `x`: `[.., d_input]`
    /// - output: `[.., d_output]`
    ///
    /// # Panics
    ///
    /// Where the last axis of `x` is not `d_input`.
    fn forward_adapted<const D: usize>(&self, x: Tensor<D>) -> Tensor<D>;
}

impl LinearExt for Linear {
    fn forward_adapted<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let bias = self.bias.as_ref().map(|bias| bias.val());
        let Some(lora) = self.weight.reparameterization::<LoraFactors>() else {
            return linear(x, self.weight.val(), bias);
        };
        let y = linear(x.clone(), self.weight.base(), bias);
        let dtype = y.dtype();
        let update = lora.update(x);
        (y.cast(DType::F32) + update).cast(dtype)
    }
}

/// `xW + b` over the last axis, as one product of two matrices.
///
/// burn's own `linear` keeps small batches of rank 3 as they are and gives the
/// weight their rank; a transposed weight, which is how checkpoints are loaded,
/// is copied for that on every call: four fifths of a decoding step.
fn linear<const D: usize>(x: Tensor<D>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<D> {
    let mut dims = x.dims();
    let [d_input, d_output] = weight.dims();
    assert_eq!(
        dims[D - 1],
        d_input,
        "the last axis of the input {dims:?} is not d_input"
    );
    let rows: usize = dims[..D - 1].iter().product();
    dims[D - 1] = d_output;
    module::linear(x.reshape([rows, d_input]), weight, bias).reshape(dims)
}

impl LoraFactors {
    /// `s · ((drop(x) · A) · B)` in f32.
    ///
    /// Both scales, `s` and dropout's `1 / keep`, are applied to the product
    /// with `A`: it has `rank` columns, where `x` and the result have
    /// thousands.
    fn update<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let x = x.cast(DType::F32);
        let (x, scale) = if self.drops(&x) {
            let keep = 1.0 - self.dropout.prob;
            let mask = x.random_like(Distribution::Bernoulli(keep));
            (x * mask, self.scale / keep)
        } else {
            (x, self.scale)
        };
        let hidden = linear(x, self.a.val(), None).mul_scalar(scale);
        linear(hidden, self.b.val(), None)
    }

    /// Whether dropout is active for this input.
    fn drops<const D: usize>(&self, x: &Tensor<D>) -> bool {
        self.dropout.prob > 0.0 && self.dropout.training.is_enabled() && x.is_autodiff()
    }
}
