//! Half-split rotation, recorded, of one tensor and of two.

use burn::backend::{Autodiff, tensor::FloatTensor};
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};

use super::Recorded;
use crate::kernels::Kernels;

#[derive(Debug)]
struct Rotary;

impl<B: Kernels> Backward<B, 1> for Rotary {
    type State = (FloatTensor<B>, FloatTensor<B>, bool);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [parent] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let (cos, sin, inverse) = ops.state;
        if let Some(parent) = parent {
            // A rotation's transpose is its inverse.
            grads.register::<B>(parent.id, B::rotary(grad, cos, sin, !inverse));
        }
    }
}

/// Records `turned`, the rotation of the node's tensor.
fn record_turned<B: Kernels, C: CheckpointStrategy>(
    node: NodeGuard,
    turned: FloatTensor<B>,
    state: (FloatTensor<B>, FloatTensor<B>, bool),
) -> FloatTensor<Autodiff<B, C>> {
    match Rotary.prepare::<C>([node]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(state, turned),
        OpsKind::UnTracked(prep) => prep.finish(turned),
    }
}

/// Records the operation; the tables are constants.
pub(super) fn record<B: Kernels, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    cos: FloatTensor<Autodiff<B, C>>,
    sin: FloatTensor<Autodiff<B, C>>,
    inverse: bool,
) -> FloatTensor<Autodiff<B, C>> {
    let (cos, sin) = (cos.into_parts().0, sin.into_parts().0);
    let (x, node) = x.into_parts();
    let turned = B::rotary(x, cos.clone(), sin.clone(), inverse);
    record_turned::<B, C>(node, turned, (cos, sin, inverse))
}

/// Records two rotations that one pass made, a node each.
pub(super) fn record_pair<B: Kernels, C: CheckpointStrategy>(
    q: FloatTensor<Autodiff<B, C>>,
    k: FloatTensor<Autodiff<B, C>>,
    cos: FloatTensor<Autodiff<B, C>>,
    sin: FloatTensor<Autodiff<B, C>>,
) -> (Recorded<B, C>, Recorded<B, C>) {
    let (cos, sin) = (cos.into_parts().0, sin.into_parts().0);
    let ((q, of_q), (k, of_k)) = (q.into_parts(), k.into_parts());
    let (q, k) = B::rotary_pair(q, k, cos.clone(), sin.clone());
    let state = (cos, sin, false);
    let q = record_turned::<B, C>(of_q, q, state.clone());
    (q, record_turned::<B, C>(of_k, k, state))
}
