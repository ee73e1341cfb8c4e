//! Grouped-query attention.

use burn::tensor::{Bool, Tensor};

use crate::reference;

/// Which keys a query must not see.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "one mask exists for a whole batch; a box would only complicate its use"
)]
pub enum AttentionMask {
    /// A query sees the keys up to its own; the last query stands at the last
    /// key. With right padding this is all that training needs: a padded key
    /// lies behind every real query.
    Causal,
    /// `[batch, keys]`, true where a key is hidden from every query.
    HiddenKeys(Tensor<2, Bool>),
}

/// `softmax(q·kᵀ / √head_dim + mask)·v`, groups of query heads sharing a key
/// and value head.
///
/// # Shapes
/// - `q`: `[batch, heads, queries, head_dim]`
/// - `k`, `v`: `[batch, kv_heads, keys, head_dim]`, `kv_heads` divides `heads`
/// - result: as `q`
///
/// # Panics
/// If the shapes do not fit.
///
/// The twin is [`reference::attention`].
///
/// ```
/// use anneal_kernels::{AttentionMask, attention};
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let q = Tensor::<4>::ones([1, 2, 2, 4], &device);
/// let k = Tensor::<4>::ones([1, 1, 2, 4], &device);
/// let v = Tensor::<2>::from_floats([[1.0, 0.0, 0.0, 0.0], [3.0, 0.0, 0.0, 0.0]], &device);
/// let y = attention(q, k, v.reshape([1, 1, 2, 4]), &AttentionMask::Causal);
/// let y = y.try_into_vec_as::<f32>().unwrap();
/// // The first query sees the first value, the second the mean of both.
/// assert_eq!((y[0], y[4]), (1.0, 2.0));
/// ```
pub fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, mask: &AttentionMask) -> Tensor<4> {
    #[cfg(feature = "flex")]
    if matches!(mask, AttentionMask::Causal) && crate::flex::supported(&q) {
        use crate::flex::FlexKernels;
        use burn::backend::Dispatch;
        let (q, k, v) = (q.into_dispatch(), k.into_dispatch(), v.into_dispatch());
        let output = <Dispatch as FlexKernels>::causal_attention(q, k, v);
        return Tensor::from_dispatch(output);
    }
    reference::attention(q, k, v, mask)
}
