//! A frozen linear layer and its low-rank update in one output buffer.
//!
//! burn-flex makes a zeroed tensor for each product, copies it once to align
//! it, and then adds base and update in a third pass; all on one thread.

use burn::backend::{Autodiff, Flex, tensor::FloatTensor};
use burn_autodiff::NodeId;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::FlexKernels;
use super::gemm::Matrix;
use super::gradients::register;
use super::rank2::{Rank2, fresh, frozen_and_update, matrix};

pub(super) fn forward(
    x: FloatTensor<Flex>,
    weight: FloatTensor<Flex>,
    a: FloatTensor<Flex>,
    b: FloatTensor<Flex>,
    scale: f64,
) -> FloatTensor<Flex> {
    let [x, weight, a, b] = [x, weight, a, b].map(Rank2::new);
    let (x, weight, a, b) = (x.matrix(), weight.matrix(), a.matrix(), b.matrix());
    let hidden = fresh(scale as f32, x, a);
    let hidden = Matrix::new(&hidden, x.rows, a.columns, a.columns);
    let output = frozen_and_update(x, weight, hidden, b);
    matrix(output, x.rows, weight.columns)
}

/// With `g = dy`: `dx = g·Wᵀ + s·(g·Bᵀ)·Aᵀ`, `dA = xᵀ·s·(g·Bᵀ)`,
/// `dB = s·(x·A)ᵀ·g`.
pub(super) fn backward(
    x: FloatTensor<Flex>,
    weight: FloatTensor<Flex>,
    a: FloatTensor<Flex>,
    b: FloatTensor<Flex>,
    grad: FloatTensor<Flex>,
    scale: f64,
) -> (FloatTensor<Flex>, FloatTensor<Flex>, FloatTensor<Flex>) {
    let [x, weight, a, b, grad] = [x, weight, a, b, grad].map(Rank2::new);
    let (x, weight, a, b) = (x.matrix(), weight.matrix(), a.matrix(), b.matrix());
    let (grad, scale, rank) = (grad.matrix(), scale as f32, a.columns);
    let by_hidden = fresh(scale, grad, b.transposed());
    let by_hidden = Matrix::new(&by_hidden, x.rows, rank, rank);
    let dx = frozen_and_update(grad, weight.transposed(), by_hidden, a.transposed());
    let da = fresh(1.0, x.transposed(), by_hidden);
    let hidden = fresh(scale, x, a);
    let hidden = Matrix::new(&hidden, x.rows, rank, rank);
    let db = fresh(1.0, hidden.transposed(), grad);
    (
        matrix(dx, x.rows, x.columns),
        matrix(da, x.columns, rank),
        matrix(db, rank, grad.columns),
    )
}

#[derive(Debug)]
struct LoraLinear;

impl<B: FlexKernels> Backward<B, 3> for LoraLinear {
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

/// Records the operation; the weight is no parent of it.
pub(super) fn record<B: FlexKernels, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    a: FloatTensor<Autodiff<B, C>>,
    b: FloatTensor<Autodiff<B, C>>,
    scale: f64,
) -> FloatTensor<Autodiff<B, C>> {
    let weight = weight.into_parts().0;
    match LoraLinear
        .prepare::<C>([x.node(), a.node(), b.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(mut prep) => {
            let inputs = [
                prep.checkpoint(&x),
                prep.checkpoint(&a),
                prep.checkpoint(&b),
            ];
            let [x, a, b] = [x, a, b].map(|tensor| tensor.into_parts().0);
            let output = B::lora_linear(x, weight.clone(), a, b, scale);
            prep.finish((inputs, weight, scale), output)
        }
        OpsKind::UnTracked(prep) => {
            let [x, a, b] = [x, a, b].map(|tensor| tensor.into_parts().0);
            prep.finish(B::lora_linear(x, weight, a, b, scale))
        }
    }
}
