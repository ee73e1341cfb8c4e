//! `silu(gate) · up`, recorded.

use burn::backend::{Autodiff, tensor::FloatTensor};
use burn_autodiff::NodeId;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::gradients::register;
use crate::kernels::Kernels;

#[derive(Debug)]
struct Swiglu;

impl<B: Kernels> Backward<B, 2> for Swiglu {
    type State = [NodeId; 2];

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let parents = ops.parents.map(|parent| parent.map(|parent| parent.id));
        let grad = grads.consume::<B>(&ops.node);
        let [gate, up] = ops.state.map(|id| checkpointer.retrieve_node_output(id));
        let (by_gate, by_up) = B::swiglu_backward(gate, up, grad);
        register::<B, _>(grads, parents, [by_gate, by_up]);
    }
}

/// Records the operation.
pub(super) fn record<B: Kernels, C: CheckpointStrategy>(
    gate: FloatTensor<Autodiff<B, C>>,
    up: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    match Swiglu
        .prepare::<C>([gate.node(), up.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(mut prep) => {
            let state = [prep.checkpoint(&gate), prep.checkpoint(&up)];
            let output = B::swiglu(gate.into_parts().0, up.into_parts().0);
            prep.finish(state, output)
        }
        OpsKind::UnTracked(prep) => prep.finish(B::swiglu(gate.into_parts().0, up.into_parts().0)),
    }
}
