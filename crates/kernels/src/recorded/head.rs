//! The head of a trained weight, recorded.
//!
//! The gradient of the weight depends on each row's upstream gradient, so it
//! can't be made on the way forward. Making the logits again costs a third more
//! products and saves keeping them.

use burn::backend::{Autodiff, tensor::FloatTensor};
use burn_autodiff::NodeId;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::register;
use crate::{head_targets::HeadTargets, kernels::Kernels};

#[derive(Debug)]
struct Head;

impl<B: Kernels> Backward<B, 2> for Head {
    type State = ([NodeId; 2], FloatTensor<B>, HeadTargets);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let parents = ops.parents.map(|parent| parent.map(|parent| parent.id));
        let grad = grads.consume::<B>(&ops.node);
        let (inputs, log_sum_exp, targets) = ops.state;
        let [hidden, weight] = inputs.map(|id| checkpointer.retrieve_node_output(id));
        let (by_hidden, by_weight) =
            B::head_losses_backward(hidden, weight, log_sum_exp, grad, targets);
        register::<B, _>(grads, parents, [by_hidden, by_weight]);
    }
}

/// Records the operation.
pub(super) fn record<B: Kernels, C: CheckpointStrategy>(
    hidden: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    targets: HeadTargets,
) -> FloatTensor<Autodiff<B, C>> {
    match Head
        .prepare::<C>([hidden.node(), weight.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(mut prep) => {
            let inputs = [prep.checkpoint(&hidden), prep.checkpoint(&weight)];
            let [hidden, weight] = [hidden, weight].map(|tensor| tensor.into_parts().0);
            let (losses, log_sum_exp) = B::head_losses_forward(hidden, weight, targets.clone());
            prep.finish((inputs, log_sum_exp, targets), losses)
        }
        OpsKind::UnTracked(prep) => {
            let [hidden, weight] = [hidden, weight].map(|tensor| tensor.into_parts().0);
            prep.finish(B::head_losses(hidden, weight, targets))
        }
    }
}
