//! A frozen linear layer: one product forward, one backward.
//!
//! burn-flex zeroes a tensor for each product and copies it once more to align
//! it; and it has no product made for few rows.

use burn::backend::{Autodiff, Flex, tensor::FloatTensor};
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::FlexKernels;
use super::rank2::{Rank2, frozen, matrix};

pub(super) fn forward(x: FloatTensor<Flex>, weight: FloatTensor<Flex>) -> FloatTensor<Flex> {
    let [x, weight] = [x, weight].map(Rank2::new);
    let (x, weight) = (x.matrix(), weight.matrix());
    matrix(frozen(x, weight), x.rows, weight.columns)
}

/// `dx = dy·Wᵀ`.
pub(super) fn backward(weight: FloatTensor<Flex>, grad: FloatTensor<Flex>) -> FloatTensor<Flex> {
    let [weight, grad] = [weight, grad].map(Rank2::new);
    let (weight, grad) = (weight.matrix(), grad.matrix());
    matrix(frozen(grad, weight.transposed()), grad.rows, weight.rows)
}

#[derive(Debug)]
struct Linear;

impl<B: FlexKernels> Backward<B, 1> for Linear {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [parent] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        if let Some(parent) = parent {
            grads.register::<B>(parent.id, B::frozen_linear_backward(ops.state, grad));
        }
    }
}

/// Records the operation; the weight is a constant.
pub(super) fn record<B: FlexKernels, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    let weight = weight.into_parts().0;
    match Linear.prepare::<C>([x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let output = B::frozen_linear(x.into_parts().0, weight.clone());
            prep.finish(weight, output)
        }
        OpsKind::UnTracked(prep) => prep.finish(B::frozen_linear(x.into_parts().0, weight)),
    }
}
