//! See [`argmax_log_softmax`](crate::argmax_log_softmax).

use burn::tensor::{DType, Int, Tensor};

/// [`argmax_log_softmax`](crate::argmax_log_softmax) in tensor operations, all
/// on the device.
pub fn argmax_log_softmax(logits: Tensor<2>) -> (Tensor<1, Int>, Tensor<1>) {
    let logits = logits.cast(DType::F32);
    let (largest, columns) = logits.clone().max_dim_with_indices(1);
    let log_probabilities = (logits - largest).exp().sum_dim(1).log().neg();
    (columns.squeeze_dim(1), log_probabilities.squeeze_dim(1))
}
