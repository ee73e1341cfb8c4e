//! Handing gradients to the inputs that want one.

use burn::backend::{Backend, tensor::FloatTensor};
use burn_autodiff::NodeId;
use burn_autodiff::grads::Gradients;

/// Adds to each parent its gradient; an untracked input is no parent.
pub(crate) fn register<B: Backend, const N: usize>(
    grads: &mut Gradients,
    parents: [Option<NodeId>; N],
    values: [FloatTensor<B>; N],
) {
    for (parent, value) in parents.into_iter().zip(values) {
        if let Some(parent) = parent {
            grads.register::<B>(parent, value);
        }
    }
}
