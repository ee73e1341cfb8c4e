//! A frozen linear layer: one product forward, one backward.
//!
//! burn-flex zeroes a tensor for each product and copies it once more to align
//! it; and it has no product made for few rows.

use burn::backend::{Flex, tensor::FloatTensor};

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
