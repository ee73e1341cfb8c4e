//! A trained copy of a parameter: PEFT's `modules_to_save` and trained biases.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

/// A copy that stands in for the stored value while its adapter is active.
///
/// The stored value stays as it was, so that switching the adapter off, or
/// taking it off, gives the model back unchanged.
#[derive(Module, Debug)]
pub struct Replacement {
    /// The values as a matrix that keeps the parameter's last axis; a vector
    /// is one row. f32.
    pub value: Param<Tensor<2>>,
}
