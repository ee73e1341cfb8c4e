//! IA3's learned scales of activations (arXiv 2205.05638).

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

/// A scale for every input or output feature of a layer.
///
/// A feed-forward layer's input is scaled, `y = (x ⊙ l) · W + b`; any other
/// layer's output, bias included, `y = (x · W + b) ⊙ l`. Compared against
/// `tuners/ia3/layer.py` of PEFT 0.21.
#[derive(Module, Debug)]
pub struct Ia3Vector {
    /// `l`, `[d_input]` of a feed-forward layer, `[d_output]` of others.
    pub scales: Param<Tensor<1>>,
    /// Whether the input is scaled.
    pub feedforward: bool,
}

/// Stands on the bias of a layer whose output is scaled, and guards it.
///
/// The bias must be scaled by a vector that belongs to the weight, which the
/// bias alone can't see; the layer's forward sees both.
#[derive(Module, Debug)]
pub struct Ia3Bias {}

impl Ia3Vector {
    /// The weight `[d_input, d_output]` with the scales multiplied in.
    pub(crate) fn composed(&self, weight: Tensor<2>) -> Tensor<2> {
        // As a column it scales the rows of the weight, which inputs meet.
        let axis = if self.feedforward { 1 } else { 0 };
        weight * self.scales.val().unsqueeze_dim(axis)
    }
}

impl Ia3Bias {
    /// # Panics
    /// Always: see the type.
    pub(crate) fn composed(&self, _bias: Tensor<2>) -> Tensor<2> {
        panic!(
            "IA3 scales this layer's output, bias included, which Linear::forward cannot do; \
             call LinearExt::forward_adapted in the model's forward"
        )
    }
}
