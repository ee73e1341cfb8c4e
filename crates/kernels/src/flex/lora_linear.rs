//! A frozen linear layer and its low-rank update in one output buffer.
//!
//! burn-flex makes a zeroed tensor for each product, copies it once to align
//! it, and then adds base and update in a third pass; all on one thread.

use burn::backend::{Flex, tensor::FloatTensor};

use super::gemm::Matrix;
use super::rank2::{Rank2, fresh, frozen_and_update, matrix};

pub(super) fn forward(
    x: FloatTensor<Flex>,
    branch: FloatTensor<Flex>,
    weight: FloatTensor<Flex>,
    a: FloatTensor<Flex>,
    b: FloatTensor<Flex>,
    scale: f64,
) -> FloatTensor<Flex> {
    let [x, branch, weight, a, b] = [x, branch, weight, a, b].map(Rank2::new);
    let (x, weight, a, b) = (x.matrix(), weight.matrix(), a.matrix(), b.matrix());
    let hidden = fresh(scale as f32, branch.matrix(), a);
    let hidden = Matrix::new(&hidden, x.rows, a.columns, a.columns);
    let output = frozen_and_update(x, weight, hidden, b);
    matrix(output, x.rows, weight.columns)
}

/// With `g = dy`: `dx = g·Wᵀ + s·(g·Bᵀ)·Aᵀ`, and the gradients of the factors.
pub(super) fn backward(
    x: FloatTensor<Flex>,
    weight: FloatTensor<Flex>,
    a: FloatTensor<Flex>,
    b: FloatTensor<Flex>,
    grad: FloatTensor<Flex>,
    scale: f64,
) -> (FloatTensor<Flex>, FloatTensor<Flex>, FloatTensor<Flex>) {
    let [x, weight, a, b, grad] = [x, weight, a, b, grad].map(Rank2::new);
    let operands = [&x, &a, &b, &grad].map(|operand| operand.matrix());
    by_branch(operands, scale as f32, Some(weight.matrix()))
}

/// `s·(g·Bᵀ)·Aᵀ`, and the gradients of the factors.
pub(super) fn branch_backward(
    branch: FloatTensor<Flex>,
    a: FloatTensor<Flex>,
    b: FloatTensor<Flex>,
    grad: FloatTensor<Flex>,
    scale: f64,
) -> (FloatTensor<Flex>, FloatTensor<Flex>, FloatTensor<Flex>) {
    let operands = [branch, a, b, grad].map(Rank2::new);
    let operands = operands.each_ref().map(|operand| operand.matrix());
    by_branch(operands, scale as f32, None)
}

/// `g·Wᵀ + s·(g·Bᵀ)·Aᵀ`, the first where there is a weight, `dA = xᵀ·s·(g·Bᵀ)` and
/// `dB = s·(x·A)ᵀ·g`.
fn by_branch(
    [x, a, b, grad]: [Matrix; 4],
    scale: f32,
    weight: Option<Matrix>,
) -> (FloatTensor<Flex>, FloatTensor<Flex>, FloatTensor<Flex>) {
    let rank = a.columns;
    let by_hidden = fresh(scale, grad, b.transposed());
    let by_hidden = Matrix::new(&by_hidden, x.rows, rank, rank);
    let dx = match weight {
        None => fresh(1.0, by_hidden, a.transposed()),
        Some(weight) => frozen_and_update(grad, weight.transposed(), by_hidden, a.transposed()),
    };
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
