//! Causal grouped-query attention, recorded: inputs, output and one number per
//! row are kept.

use burn::backend::{Autodiff, tensor::FloatTensor};
use burn_autodiff::NodeId;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::gradients::register;
use crate::{FirstKeys, kernels::Kernels};

#[derive(Debug)]
struct Attention;

impl<B: Kernels> Backward<B, 3> for Attention {
    type State = (
        [NodeId; 3],
        FloatTensor<B>,
        FloatTensor<B>,
        Option<FirstKeys>,
    );

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let parents = ops.parents.map(|parent| parent.map(|parent| parent.id));
        let grad = grads.consume::<B>(&ops.node);
        let (inputs, output, log_sum_exp, first) = ops.state;
        let [q, k, v] = inputs.map(|id| checkpointer.retrieve_node_output(id));
        let (dq, dk, dv) = B::causal_attention_backward(q, k, v, output, log_sum_exp, grad, first);
        register::<B, _>(grads, parents, [dq, dk, dv]);
    }
}

/// Records the operation.
pub(super) fn record<B: Kernels, C: CheckpointStrategy>(
    q: FloatTensor<Autodiff<B, C>>,
    k: FloatTensor<Autodiff<B, C>>,
    v: FloatTensor<Autodiff<B, C>>,
    first: Option<FirstKeys>,
) -> FloatTensor<Autodiff<B, C>> {
    let nodes = [q.node(), k.node(), v.node()];
    match Attention.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(mut prep) => {
            let inputs = [
                prep.checkpoint(&q),
                prep.checkpoint(&k),
                prep.checkpoint(&v),
            ];
            let [q, k, v] = [q, k, v].map(|tensor| tensor.into_parts().0);
            let (output, log_sum_exp) = B::causal_attention_forward(q, k, v, first.clone());
            prep.finish((inputs, output.clone(), log_sum_exp, first), output)
        }
        OpsKind::UnTracked(prep) => {
            let [q, k, v] = [q, k, v].map(|tensor| tensor.into_parts().0);
            prep.finish(B::causal_attention(q, k, v, first))
        }
    }
}
