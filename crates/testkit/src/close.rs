//! How far two tensors are apart.

use burn::tensor::Tensor;

/// The largest absolute difference of two tensors of the same shape.
///
/// # Panics
/// If the shapes differ or a value of either is not finite.
pub fn max_difference<const D: usize>(actual: Tensor<D>, expected: Tensor<D>) -> f64 {
    assert_eq!(actual.dims(), expected.dims(), "shapes differ");
    let (actual, expected) = (values(actual), values(expected));
    let pairs = actual.iter().zip(&expected);
    pairs.fold(0.0, |worst, (a, e)| {
        assert!(
            a.is_finite() && e.is_finite(),
            "not finite: {a} against {e}"
        );
        worst.max((a - e).abs())
    })
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor
        .try_into_vec_as::<f64>()
        .unwrap_or_else(|e| panic!("the tensor can't be read: {e}"))
}

/// Panics if two tensors differ by more than `tolerance` times the larger of
/// one and the largest expected magnitude.
pub fn assert_close<const D: usize>(actual: Tensor<D>, expected: Tensor<D>, tolerance: f64) {
    let scale = max_difference(expected.clone(), expected.zeros_like()).max(1.0);
    let difference = max_difference(actual, expected);
    assert!(
        difference <= tolerance * scale,
        "differs by {difference:e}, at a scale of {scale:e}; allowed: {tolerance:e} of the scale"
    );
}
