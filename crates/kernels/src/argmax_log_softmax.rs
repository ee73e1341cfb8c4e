//! The choice of greedy decoding.

use burn::tensor::{Int, Tensor};

use crate::reference;

/// Each row's largest logit: its column, the first of equals, and its
/// `log softmax`, `−log Σⱼ exp(xⱼ − max x)`.
///
/// A row with NaN or +∞, or of nothing but −∞, has a log-probability that is
/// not finite. Nothing is recorded for a backward pass. Of kernels it belongs to
/// [`Kernel::LinearCrossEntropy`](crate::Kernel::LinearCrossEntropy); the twin is
/// [`reference::argmax_log_softmax`].
///
/// # Shapes
/// - `logits`: `[n, vocabulary]`
/// - result: `[n]` and, in f32, `[n]`
///
/// # Panics
/// If the vocabulary is empty, or values can't be read from the device.
///
/// ```
/// use anneal_kernels::argmax_log_softmax;
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let logits = Tensor::<2>::from_floats([[0.0, 3.0f32.ln(), 0.0]], &device);
/// let (column, log_probability) = argmax_log_softmax(logits);
/// assert_eq!(column.into_scalar::<i64>(), 1);
/// // The probabilities are 1/5, 3/5 and 1/5.
/// assert!((log_probability.into_scalar::<f32>() - 0.6f32.ln()).abs() < 1e-6);
/// ```
pub fn argmax_log_softmax(logits: Tensor<2>) -> (Tensor<1, Int>, Tensor<1>) {
    assert!(logits.dims()[1] > 0, "logits of an empty vocabulary");
    #[cfg(feature = "flex")]
    if crate::accepts::is_on_cpu(crate::Kernel::LinearCrossEntropy, &logits) {
        return by_kernel(logits);
    }
    reference::argmax_log_softmax(logits)
}

#[cfg(feature = "flex")]
fn by_kernel(logits: Tensor<2>) -> (Tensor<1, Int>, Tensor<1>) {
    let ([n, vocabulary], device) = (logits.dims(), logits.device());
    let data = logits.cast(burn::tensor::DType::F32).into_data();
    let values = data.as_slice::<f32>().expect("a tensor of f32");
    let found = crate::flex::argmax_log_softmax(values, vocabulary);
    let (columns, log_probabilities): (Vec<i64>, Vec<f32>) = found.into_iter().unzip();
    let columns = burn::tensor::TensorData::new(columns, [n]);
    let log_probabilities = burn::tensor::TensorData::new(log_probabilities, [n]);
    (
        Tensor::from_data(columns, &device),
        Tensor::from_data(log_probabilities, &device),
    )
}
