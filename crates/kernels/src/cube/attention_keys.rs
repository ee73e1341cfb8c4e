//! The gradients of keys and values.
//!
//! A cube holds a tile of keys and values of one head, while the queries that
//! may see them pass by, and their output's gradient after them: those of every
//! query head that shares the keys, so that the sum over them needs no atomics.

use burn_cubecl::cubecl::{self, ir::ElemType, prelude::*};

use super::attention_bounds::Bounds;
use super::attention_products::{accumulate, clear, products};
use super::attention_tile::{COLUMNS, Quad, Tile, load, unit_column, unit_row, write};

/// `dV = Pᵀ·dO` and `dK = scale·(P∘(dO·Vᵀ − δ))ᵀ·Q`, with `δ` from
/// [`queries_gradient`](super::attention_queries::queries_gradient).
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
pub(super) fn keys_gradient<F: Float, N: Size>(
    q: &[Vector<F, N>],
    k: &[Vector<F, N>],
    v: &[Vector<F, N>],
    grad: &[Vector<F, N>],
    log_sum_exp: &[f32],
    delta: &[f32],
    dk: &mut [Vector<F, N>],
    dv: &mut [Vector<F, N>],
    bounds: Bounds,
    group: usize,
    scale: f32,
    #[comptime] tile: Tile,
    #[define(F)] _dtype: ElemType,
) {
    let height = comptime!(tile.unit_height);
    let parts = comptime!(tile.parts());
    let across = comptime!(tile.unit_columns);
    let unit_row = unit_row(tile);
    let unit_column = unit_column(tile);
    // The first keys are seen by the most queries: their tiles begin first.
    let rows = comptime!(tile.rows());
    let row = CUBE_POS_X as usize * rows;
    let batch = CUBE_POS_Z as usize;
    let kv_head = batch * CUBE_COUNT_Y as usize + CUBE_POS_Y as usize;
    let kv_rows = kv_head * bounds.keys;

    let mut keys = Shared::<[Quad]>::new_slice(comptime!(tile.rows() * tile.stride()));
    let mut values = Shared::<[Quad]>::new_slice(comptime!(tile.rows() * tile.stride()));
    let mut columns = Shared::<[Quad]>::new_slice(comptime!(tile.columns() * tile.stride()));
    let mut weights = Shared::<[Quad]>::new_slice(comptime!(tile.weights()));
    let mut scores = Array::<f32>::new(comptime!(tile.unit_height * COLUMNS));
    let mut slopes = Array::<f32>::new(comptime!(tile.unit_height * COLUMNS));
    let mut key_sums = Array::<Quad>::new(comptime!(tile.unit_height * tile.parts()));
    let mut value_sums = Array::<Quad>::new(comptime!(tile.unit_height * tile.parts()));
    clear(&mut key_sums, tile);
    clear(&mut value_sums, tile);
    load::<F, N>(&mut keys, k, kv_rows, row, bounds.keys, rows, tile);
    load::<F, N>(&mut values, v, kv_rows, row, bounds.keys, rows, tile);

    // The first query whose own key is not before this tile.
    let before = bounds.keys - bounds.queries;
    let begin = max(row, before) - before;
    let step = comptime!(tile.columns());
    for member in 0..group {
        let head_rows = (kv_head * group + member) * bounds.queries;
        for query in range_stepped(begin / step * step, bounds.queries, step) {
            // A later segment does not see this tile at all.
            if bounds.earliest(batch, query, step) < row + rows {
                sync_cube();
                load::<F, N>(
                    &mut columns,
                    q,
                    head_rows,
                    query,
                    bounds.queries,
                    step,
                    tile,
                );
                sync_cube();
                products(&keys, &columns, &mut scores, tile);
                #[unroll]
                for j in 0..COLUMNS {
                    let column = query + unit_column + j * across;
                    let at = min(column, bounds.queries - 1);
                    let first = bounds.first(batch, at);
                    let own = bounds.own(at);
                    let norm = log_sum_exp[head_rows + at];
                    #[unroll]
                    for i in 0..height {
                        let key = row + unit_row + i;
                        let seen = column < bounds.queries && key >= first && key <= own;
                        let p = (scores[i * COLUMNS + j] * scale - norm).exp();
                        scores[i * COLUMNS + j] = select(seen, p, 0.0f32);
                    }
                }
                put(&mut weights, &scores, tile);
                sync_cube();
                load::<F, N>(
                    &mut columns,
                    grad,
                    head_rows,
                    query,
                    bounds.queries,
                    step,
                    tile,
                );
                sync_cube();
                products(&values, &columns, &mut slopes, tile);
                accumulate(&weights, &columns, &mut value_sums, tile);
                #[unroll]
                for j in 0..COLUMNS {
                    let at = min(query + unit_column + j * across, bounds.queries - 1);
                    let mean = delta[head_rows + at];
                    #[unroll]
                    for i in 0..height {
                        let at = i * COLUMNS + j;
                        slopes[at] = scores[at] * (slopes[at] - mean);
                    }
                }
                sync_cube();
                put(&mut weights, &slopes, tile);
                load::<F, N>(
                    &mut columns,
                    q,
                    head_rows,
                    query,
                    bounds.queries,
                    step,
                    tile,
                );
                sync_cube();
                accumulate(&weights, &columns, &mut key_sums, tile);
            }
        }
    }

    #[unroll]
    for i in 0..height {
        let key = row + unit_row + i;
        if key < bounds.keys {
            #[unroll]
            for part in 0..parts {
                let quad = part * across + unit_column;
                if quad < comptime!(tile.quads()) {
                    let value = key_sums[i * parts + part] * Quad::new(scale);
                    write::<F, N>(dk, kv_rows + key, quad, value, tile);
                    write::<F, N>(dv, kv_rows + key, quad, value_sums[i * parts + part], tile);
                }
            }
        }
    }
}

/// Shows this unit's weights to those that share its rows.
#[cube]
fn put(weights: &mut Shared<[Quad]>, values: &Array<f32>, #[comptime] tile: Tile) {
    let across = comptime!(tile.unit_columns);
    #[unroll]
    for i in 0..comptime!(tile.unit_height) {
        let mut weight = Quad::new(0.0f32);
        #[unroll]
        for j in 0..COLUMNS {
            weight.insert(j, values[i * COLUMNS + j]);
        }
        weights[(unit_row(tile) + i) * across + unit_column(tile)] = weight;
    }
}
