//! Logits of padded batches, and how near to transformers' they must be.

use burn::tensor::Tensor;

/// The largest absolute difference that f32 logits may have from transformers'
/// on the tiny models of the fixtures.
///
/// It leaves room for sums in another order, and none for a mistake: weights
/// rounded to Q8_0 alone move the logits of `gguf/` by 0.46. What is held to it
/// is listed in `docs/numerics.md`.
pub const LOGIT_TOLERANCE: f64 = 1e-4;

/// The real tokens of a right-padded batch, row behind row.
///
/// # Shapes
/// - `padded`: `[batch, length, width]`; `lengths`: `batch` of them
/// - result: `[tokens, width]`
///
/// # Panics
/// If there are not as many lengths as rows, or one is longer than a row.
///
/// ```
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let padded = Tensor::<3>::from_floats([[[1.0], [9.0]], [[2.0], [3.0]]], &device);
/// let real = anneal_testkit::unpadded(&padded, &[1, 2]);
/// assert_eq!(real.try_into_vec_as::<f32>().unwrap(), [1.0, 2.0, 3.0]);
/// ```
pub fn unpadded(padded: &Tensor<3>, lengths: &[i64]) -> Tensor<2> {
    assert_eq!(padded.dims()[0], lengths.len(), "rows and lengths differ");
    let rows = lengths.iter().enumerate().map(|(row, &length)| {
        let row = padded.clone().narrow(0, row, 1);
        row.narrow(1, 0, length as usize).squeeze_dim::<2>(0)
    });
    Tensor::cat(rows.collect(), 0)
}
