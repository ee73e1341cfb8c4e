//! A frozen linear layer and its low-rank update, recorded.

use burn::backend::{Autodiff, tensor::FloatTensor};
use burn_autodiff::NodeId;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::gradients::register;
use crate::kernels::Kernels;

/// Both branches have one input.
#[derive(Debug)]
struct Shared;

impl<B: Kernels> Backward<B, 3> for Shared {
    type State = ([NodeId; 3], FloatTensor<B>, f64);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let parents = ops.parents.map(|parent| parent.map(|parent| parent.id));
        let grad = grads.consume::<B>(&ops.node);
        let (inputs, weight, scale) = ops.state;
        let [x, a, b] = inputs.map(|id| checkpointer.retrieve_node_output(id));
        let (dx, da, db) = B::lora_linear_backward(x, weight, a, b, grad, scale);
        register::<B, _>(grads, parents, [dx, da, db]);
    }
}

/// The low-rank branch has an input of its own.
#[derive(Debug)]
struct Apart;

impl<B: Kernels> Backward<B, 4> for Apart {
    type State = ([NodeId; 3], FloatTensor<B>, f64);

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [x, parents @ ..] = ops.parents.map(|parent| parent.map(|parent| parent.id));
        let grad = grads.consume::<B>(&ops.node);
        let (inputs, weight, scale) = ops.state;
        let [branch, a, b] = inputs.map(|id| checkpointer.retrieve_node_output(id));
        if let Some(x) = x {
            grads.register::<B>(x, B::frozen_linear_backward(weight, grad.clone()));
        }
        let (branch, da, db) = B::lora_branch_backward(branch, a, b, grad, scale);
        register::<B, _>(grads, parents, [branch, da, db]);
    }
}

/// Records the operation; the weight is no parent of it.
pub(super) fn record<B: Kernels, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    branch: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    a: FloatTensor<Autodiff<B, C>>,
    b: FloatTensor<Autodiff<B, C>>,
    scale: f64,
) -> FloatTensor<Autodiff<B, C>> {
    let weight = weight.into_parts().0;
    let plain = |tensor: FloatTensor<Autodiff<B, C>>| tensor.into_parts().0;
    if x.id() == branch.id() {
        let nodes = [x.node(), a.node(), b.node()];
        return match Shared.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let inputs = [&x, &a, &b].map(|tensor| prep.checkpoint(tensor));
                let [x, branch, a, b] = [x, branch, a, b].map(plain);
                let output = B::lora_linear(x, branch, weight.clone(), a, b, scale);
                prep.finish((inputs, weight, scale), output)
            }
            OpsKind::UnTracked(prep) => {
                let [x, branch, a, b] = [x, branch, a, b].map(plain);
                prep.finish(B::lora_linear(x, branch, weight, a, b, scale))
            }
        };
    }
    let nodes = [x.node(), branch.node(), a.node(), b.node()];
    match Apart.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(mut prep) => {
            let inputs = [&branch, &a, &b].map(|tensor| prep.checkpoint(tensor));
            let [x, branch, a, b] = [x, branch, a, b].map(plain);
            let output = B::lora_linear(x, branch, weight.clone(), a, b, scale);
            prep.finish((inputs, weight, scale), output)
        }
        OpsKind::UnTracked(prep) => {
            let [x, branch, a, b] = [x, branch, a, b].map(plain);
            prep.finish(B::lora_linear(x, branch, weight, a, b, scale))
        }
    }
}
