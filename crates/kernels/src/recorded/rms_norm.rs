//! RMS norm, recorded, alone and behind an addition.

use burn::backend::{Autodiff, tensor::FloatTensor};
use burn_autodiff::NodeId;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::Recorded;
use super::gradients::register;
use crate::kernels::Kernels;

#[derive(Debug)]
struct RmsNorm;

impl<B: Kernels> Backward<B, 1> for RmsNorm {
    type State = (NodeId, FloatTensor<B>, f64);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [parent] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let (x, weight, epsilon) = ops.state;
        if let Some(parent) = parent {
            let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(x);
            grads.register::<B>(parent.id, B::rms_norm_backward(x, weight, grad, epsilon));
        }
    }
}

/// Records the operation on `x`, whose result `normed` makes; the weight is no
/// parent of it.
fn record_with<B: Kernels, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<B>,
    epsilon: f64,
    normed: impl FnOnce(FloatTensor<B>, FloatTensor<B>) -> FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    match RmsNorm.prepare::<C>([x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(mut prep) => {
            let state = prep.checkpoint(&x);
            let output = normed(x.into_parts().0, weight.clone());
            prep.finish((state, weight, epsilon), output)
        }
        OpsKind::UnTracked(prep) => {
            let output = normed(x.into_parts().0, weight);
            prep.finish(output)
        }
    }
}

/// Records the operation; the weight is no parent of it.
pub(super) fn record<B: Kernels, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    epsilon: f64,
) -> FloatTensor<Autodiff<B, C>> {
    record_with::<B, C>(x, weight.into_parts().0, epsilon, |x, weight| {
        B::rms_norm(x, weight, epsilon)
    })
}

#[derive(Debug)]
struct Add;

impl<B: Kernels> Backward<B, 2> for Add {
    type State = ();

    fn backward(self, ops: Ops<(), 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let parents = ops.parents.map(|parent| parent.map(|parent| parent.id));
        let grad = grads.consume::<B>(&ops.node);
        register::<B, _>(grads, parents, [grad.clone(), grad]);
    }
}

/// Records the sum and the norm of the sum as two nodes, so that gradients of
/// either reach both inputs, though one pass made both values.
pub(super) fn record_add<B: Kernels, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    residual: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    epsilon: f64,
) -> (Recorded<B, C>, Recorded<B, C>) {
    let weight = weight.into_parts().0;
    let prep = Add.prepare::<C>([x.node(), residual.node()]);
    let (x, residual) = (x.into_parts().0, residual.into_parts().0);
    let (sum, normed) = B::add_rms_norm(x, residual, weight.clone(), epsilon);
    let sum = prep.compute_bound().stateless(sum);
    let normed = record_with::<B, C>(sum.clone(), weight, epsilon, |_, _| normed);
    (sum, normed)
}
