//! Causal grouped-query attention that never holds all scores: the launches.
//!
//! The forward pass leaves the log-sum-exp of each query's scores, from which
//! the backward pass makes them again: Dao et al., 2022,
//! <https://arxiv.org/abs/2205.14135>. One kernel makes the queries' gradient and
//! one the keys' and values', so that no two cubes write the same place.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::{DType, Shape};
use burn_cubecl::cubecl::{client::Client, prelude::*};
use burn_cubecl::ops::numeric::zeros_client;
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};

use super::attention_bounds::BoundsLaunch;
use super::attention_keys::keys_gradient;
use super::attention_output::attend;
use super::attention_queries::queries_gradient;
use super::attention_tile::Tile;
use super::launch::{empty, empty_like};

/// Whether tiles of such heads fit the device.
pub(super) fn supports(client: &Client, head_dim: usize) -> bool {
    head_dim > 0
        && Tile::forward(client, head_dim).is_some()
        && Tile::backward(client, head_dim).is_some()
}

/// What the launches know of the shapes.
#[derive(Clone, Copy)]
struct Sizes {
    batch: usize,
    heads: usize,
    kv_heads: usize,
    queries: usize,
    keys: usize,
    width: usize,
}

impl Sizes {
    fn new(q: &CubeTensor, k: &CubeTensor) -> Self {
        let [batch, heads, queries, width] = q.meta.shape().dims();
        let [_, kv_heads, keys, _] = k.meta.shape().dims();
        Self {
            batch,
            heads,
            kv_heads,
            queries,
            keys,
            width,
        }
    }

    fn scale(&self) -> f32 {
        (self.width as f32).powf(-0.5)
    }

    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    fn rows(&self) -> Shape {
        Shape::new([self.batch, self.heads, self.queries])
    }

    fn bounds(&self, first: &Option<CubeTensor>) -> BoundsLaunch {
        let first = first.clone().map(|first| first.into_buffer_arg());
        BoundsLaunch::new(first.into(), self.queries, self.keys)
    }

    /// A cube for each tile of `length` rows of each of `heads`.
    fn cubes(&self, length: usize, tile: Tile, heads: usize) -> CubeCount {
        let tiles = length.div_ceil(tile.rows());
        CubeCount::Static(tiles as u32, heads as u32, self.batch as u32)
    }
}

/// Output as `q`, and the log-sum-exp of each query's scores,
/// `[batch, heads, queries]` in f32.
///
/// # Shapes
/// - `q`: `[batch, heads, queries, head_dim]`
/// - `k`, `v`: `[batch, kv_heads, keys, head_dim]`
/// - `first`: `[batch, queries]` in i32
///
/// # Panics
/// Where the device does not [support](supports) such heads.
pub(super) fn forward(
    q: CubeTensor,
    k: CubeTensor,
    v: CubeTensor,
    first: Option<CubeTensor>,
) -> (CubeTensor, CubeTensor) {
    let [q, k, v] = [q, k, v].map(into_contiguous);
    let first = first.map(into_contiguous);
    let sizes = Sizes::new(&q, &k);
    let output = empty_like(&q);
    let log_sum_exp = empty(&q, sizes.rows(), DType::F32);
    if q.meta.num_elements() == 0 {
        return (output, log_sum_exp);
    }
    let client = q.client.clone();
    let tile = Tile::forward(&client, sizes.width).expect("the device supports the heads");
    attend::launch(
        &client,
        sizes.cubes(sizes.queries, tile, sizes.heads),
        CubeDim::new_1d(tile.units() as u32),
        tile.vector(),
        q.into_buffer_arg(),
        k.into_buffer_arg(),
        v.into_buffer_arg(),
        output.clone().into_buffer_arg(),
        log_sum_exp.clone().into_buffer_arg(),
        sizes.bounds(&first),
        sizes.group(),
        sizes.scale(),
        tile,
        dtype_to_storage_type(output.dtype),
    );
    (output, log_sum_exp)
}

/// The gradients of `q`, `k` and `v`, each as its tensor, from what
/// [`forward`] got and gave and the output's gradient.
///
/// # Panics
/// Where the device does not [support](supports) such heads.
pub(super) fn backward(
    q: CubeTensor,
    k: CubeTensor,
    v: CubeTensor,
    output: CubeTensor,
    log_sum_exp: CubeTensor,
    grad: CubeTensor,
    first: Option<CubeTensor>,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let [q, k, v] = [q, k, v].map(into_contiguous);
    let [output, grad, log_sum_exp] = [output, grad, log_sum_exp].map(into_contiguous);
    let first = first.map(into_contiguous);
    let sizes = Sizes::new(&q, &k);
    let client = q.client.clone();
    if q.meta.num_elements() == 0 {
        // No query, or no head at all: nothing reaches the keys.
        let zeros = |like: &CubeTensor| {
            let shape = like.meta.shape().clone();
            zeros_client(client.clone(), like.device.clone(), shape, like.dtype)
        };
        return (empty_like(&q), zeros(&k), zeros(&v));
    }
    let (dq, dk, dv) = (empty_like(&q), empty_like(&k), empty_like(&v));
    let delta = empty(&q, sizes.rows(), DType::F32);
    let dtype = dtype_to_storage_type(q.dtype);
    let tile = Tile::backward(&client, sizes.width).expect("the device supports the heads");
    let dim = CubeDim::new_1d(tile.units() as u32);
    queries_gradient::launch(
        &client,
        sizes.cubes(sizes.queries, tile, sizes.heads),
        dim,
        tile.vector(),
        q.clone().into_buffer_arg(),
        k.clone().into_buffer_arg(),
        v.clone().into_buffer_arg(),
        output.into_buffer_arg(),
        grad.clone().into_buffer_arg(),
        log_sum_exp.clone().into_buffer_arg(),
        dq.clone().into_buffer_arg(),
        delta.clone().into_buffer_arg(),
        sizes.bounds(&first),
        sizes.group(),
        sizes.scale(),
        tile,
        dtype,
    );
    keys_gradient::launch(
        &client,
        sizes.cubes(sizes.keys, tile, sizes.kv_heads),
        dim,
        tile.vector(),
        q.into_buffer_arg(),
        k.into_buffer_arg(),
        v.into_buffer_arg(),
        grad.into_buffer_arg(),
        log_sum_exp.into_buffer_arg(),
        delta.into_buffer_arg(),
        dk.clone().into_buffer_arg(),
        dv.clone().into_buffer_arg(),
        sizes.bounds(&first),
        sizes.group(),
        sizes.scale(),
        tile,
        dtype,
    );
    (dq, dk, dv)
}
