//! Grouped-query attention.

use burn::backend::Dispatch;
use burn::tensor::{Tensor, assert_shape};

use crate::accepts::accepts;
use crate::{FirstKeys, Kernel, kernels::Kernels, reference};

/// Which keys a query sees: a range that ends at its own.
#[derive(Debug, Clone)]
pub enum AttentionMask {
    /// The keys up to its own; the last query stands at the last key. With
    /// right padding this is all that training needs: a padded key lies behind
    /// every real query.
    Causal,
    /// The keys from a first one on up to its own: packed rows, whose segments
    /// do not see one another, and rows padded on the left.
    CausalFrom(FirstKeys),
}

impl AttentionMask {
    /// The lower bounds, if there are any.
    pub fn first_keys(&self) -> Option<&FirstKeys> {
        match self {
            Self::Causal => None,
            Self::CausalFrom(first) => Some(first),
        }
    }
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
/// If the shapes do not fit, the mask's included, or there are fewer keys than
/// queries.
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
    let [batch, heads, queries, head_dim] = q.dims();
    let [_, kv_heads, keys, _] = k.dims();
    assert_shape!(k, [batch, kv_heads, keys, head_dim]);
    assert_shape!(v, [batch, kv_heads, keys, head_dim]);
    assert!(
        kv_heads > 0 && heads % kv_heads == 0,
        "{heads} query heads can't share {kv_heads} key heads"
    );
    assert!(keys >= queries, "{queries} queries see only {keys} keys");
    if let Some(first) = mask.first_keys() {
        assert_eq!(
            first.dims(),
            [batch, queries],
            "the mask is of other rows and queries"
        );
    }
    if let Some(dtype) = accepts(Kernel::Attention, &q) {
        let narrow = q.dtype();
        let [q, k, v] = [q, k, v].map(|t| t.cast(dtype).into_dispatch());
        let first = mask.first_keys().cloned();
        let output = <Dispatch as Kernels>::causal_attention(q, k, v, first);
        return Tensor::<4>::from_dispatch(output).cast(narrow);
    }
    reference::attention(q, k, v, mask)
}
