//! Grouped-query attention in plain tensor operations.

use burn::tensor::{Bool, DType, Tensor, TensorData, activation, assert_shape};

use crate::AttentionMask;

/// `softmax(q·kᵀ / √head_dim + mask)·v`, with groups of query heads sharing a
/// key and value head. Scores are products in the type of `q` and `k`; scale, mask
/// and softmax are f32.
///
/// The query heads of a group are folded into the rows of one matrix product,
/// so keys and values are never repeated.
///
/// # Shapes
/// - `q`: `[batch, heads, queries, head_dim]`
/// - `k`, `v`: `[batch, kv_heads, keys, head_dim]`, `kv_heads` divides `heads`
/// - result: as `q`
///
/// # Panics
/// If the shapes do not fit.
///
/// Ainslie et al., 2023, <https://arxiv.org/abs/2305.13245>.
pub fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, mask: &AttentionMask) -> Tensor<4> {
    let [batch, heads, queries, head_dim] = q.dims();
    let [_, kv_heads, keys, _] = k.dims();
    assert_shape!(k, [batch, kv_heads, keys, head_dim]);
    assert_shape!(v, [batch, kv_heads, keys, head_dim]);
    assert!(
        kv_heads > 0 && heads % kv_heads == 0,
        "{heads} query heads can't share {kv_heads} key heads"
    );
    let groups = heads / kv_heads;
    let dtype = q.dtype();
    let scale = (head_dim as f64).powf(-0.5);
    let q = q.reshape([batch, kv_heads, groups * queries, head_dim]);
    let scores = q.matmul(k.swap_dims(2, 3)).cast(DType::F32);
    let scores = scores.mul_scalar(scale);
    let scores = match hidden(mask, batch, groups, queries, keys, &scores) {
        Some(hidden) => scores.mask_fill(hidden, f32::MIN),
        None => scores,
    };
    let weights = activation::softmax(scores, 3).cast(dtype);
    weights.matmul(v).reshape([batch, heads, queries, head_dim])
}

/// Where a query may not look, in the folded form of the scores:
/// `[batch, kv_heads, groups · queries, keys]`.
fn hidden(
    mask: &AttentionMask,
    batch: usize,
    groups: usize,
    queries: usize,
    keys: usize,
    scores: &Tensor<4>,
) -> Option<Tensor<4, Bool>> {
    let shape = scores.dims();
    assert!(keys >= queries, "{queries} queries see only {keys} keys");
    let mask = match mask {
        AttentionMask::Causal if queries == 1 => return None,
        AttentionMask::Causal => {
            // True above the diagonal that ends at the last key.
            Tensor::<2, Bool>::tril_mask([queries, keys], (keys - queries) as i64, &scores.device())
                .unsqueeze_dims::<5>(&[0, 1, 2])
        }
        AttentionMask::CausalFrom(first) => {
            assert_eq!(
                first.dims(),
                [batch, queries],
                "the mask's rows and queries"
            );
            let hidden: Vec<bool> = (0..batch)
                .flat_map(|row| first.row(row).iter().enumerate())
                .flat_map(|(query, &first)| {
                    let own = keys - queries + query;
                    let seen = own.min(first as usize)..=own;
                    (0..keys).map(move |key| !seen.contains(&key))
                })
                .collect();
            let data = TensorData::new(hidden, [batch, 1, 1, queries, keys]);
            Tensor::from_data(data, &scores.device())
        }
    };
    Some(
        mask.expand([batch, shape[1], groups, queries, keys])
            .reshape(shape),
    )
}
