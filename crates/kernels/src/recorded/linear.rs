//! A frozen linear layer, recorded.

use burn::backend::{Autodiff, tensor::FloatTensor};
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use crate::kernels::Kernels;

#[derive(Debug)]
struct Linear;

impl<B: Kernels> Backward<B, 1> for Linear {
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
pub(super) fn record<B: Kernels, C: CheckpointStrategy>(
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
