//! The queries' gradient, and what a row's scores share of theirs.
//!
//! A cube holds a tile of queries with their output's gradient, while the keys
//! that the tile may see pass by, and their values before them.

use burn_cubecl::cubecl::{self, ir::ElemType, prelude::*};

use super::attention_bounds::Bounds;
use super::attention_products::{accumulate, clear, products};
use super::attention_tile::{
    COLUMNS, Quad, Tile, backwards, load, read, unit_column, unit_row, write,
};

/// `dQ = scale·(P∘(dO·Vᵀ − δ))·K`. Leaves `δ`, each row's `Σ dO∘O`, in `delta`
/// for the keys.
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
pub(super) fn queries_gradient<F: Float, N: Size>(
    q: &[Vector<F, N>],
    k: &[Vector<F, N>],
    v: &[Vector<F, N>],
    output: &[Vector<F, N>],
    grad: &[Vector<F, N>],
    log_sum_exp: &[f32],
    dq: &mut [Vector<F, N>],
    delta: &mut [f32],
    bounds: Bounds,
    group: usize,
    scale: f32,
    #[comptime] tile: Tile,
    #[define(F)] _dtype: ElemType,
) {
    let height = comptime!(tile.unit_height);
    let parts = comptime!(tile.parts());
    let quads = comptime!(tile.quads());
    let across = comptime!(tile.unit_columns);
    let unit_row = unit_row(tile);
    let unit_column = unit_column(tile);
    // The last tiles see the most keys: they begin first.
    let row = backwards(CUBE_POS_X, CUBE_COUNT_X) * comptime!(tile.rows());
    let batch = CUBE_POS_Z as usize;
    let head = batch * CUBE_COUNT_Y as usize + CUBE_POS_Y as usize;
    let head_rows = head * bounds.queries;
    let kv_rows = head / group * bounds.keys;

    let mut queries = Shared::<[Quad]>::new_slice(comptime!(tile.rows() * tile.stride()));
    let mut grads = Shared::<[Quad]>::new_slice(comptime!(tile.rows() * tile.stride()));
    let mut columns = Shared::<[Quad]>::new_slice(comptime!(tile.columns() * tile.stride()));
    let mut weights = Shared::<[Quad]>::new_slice(comptime!(tile.weights()));
    let mut partial = Shared::<[f32]>::new_slice(comptime!(tile.weights()));
    let mut scores = Array::<f32>::new(comptime!(tile.unit_height * COLUMNS));
    let mut slopes = Array::<f32>::new(comptime!(tile.unit_height * COLUMNS));
    let mut sums = Array::<Quad>::new(comptime!(tile.unit_height * tile.parts()));
    let mut first = Array::<usize>::new(height);
    let mut norm = Array::<f32>::new(height);
    let mut mean = Array::<f32>::new(height);
    clear(&mut sums, tile);

    let rows = comptime!(tile.rows());
    load::<F, N>(&mut queries, q, head_rows, row, bounds.queries, rows, tile);
    load::<F, N>(&mut grads, grad, head_rows, row, bounds.queries, rows, tile);
    sync_cube();
    #[unroll]
    for i in 0..height {
        // Units of rows behind the last query repeat it and write nothing.
        let query = min(row + unit_row + i, bounds.queries - 1);
        first[i] = bounds.first(batch, query);
        norm[i] = log_sum_exp[head_rows + query];
        let mut sum = 0.0f32;
        for part in 0..parts {
            let quad = part * across + unit_column;
            if quad < quads {
                let value = read::<F, N>(output, head_rows + query, quad, tile);
                let value = value * grads[(unit_row + i) * comptime!(tile.stride()) + quad];
                #[unroll]
                for at in 0..4usize {
                    sum += value.extract(at);
                }
            }
        }
        partial[(unit_row + i) * across + unit_column] = sum;
    }
    sync_cube();
    #[unroll]
    for i in 0..height {
        let mut sum = 0.0f32;
        for unit in 0..across {
            sum += partial[(unit_row + i) * across + unit];
        }
        mean[i] = sum;
        let query = row + unit_row + i;
        if unit_column == 0 && query < bounds.queries {
            delta[head_rows + query] = sum;
        }
    }

    let begin = bounds.earliest(batch, row, rows);
    let end = bounds.own(min(row + rows, bounds.queries) - 1) + 1;
    let step = comptime!(tile.columns());
    for key in range_stepped(begin / step * step, end, step) {
        sync_cube();
        load::<F, N>(&mut columns, v, kv_rows, key, bounds.keys, step, tile);
        sync_cube();
        products(&grads, &columns, &mut slopes, tile);
        sync_cube();
        load::<F, N>(&mut columns, k, kv_rows, key, bounds.keys, step, tile);
        sync_cube();
        products(&queries, &columns, &mut scores, tile);
        #[unroll]
        for i in 0..height {
            let own = bounds.own(row + unit_row + i);
            let mut weight = Quad::new(0.0f32);
            #[unroll]
            for j in 0..COLUMNS {
                let at = key + unit_column + j * across;
                let seen = at >= first[i] && at <= own;
                let p = (scores[i * COLUMNS + j] * scale - norm[i]).exp();
                let slope = p * (slopes[i * COLUMNS + j] - mean[i]);
                weight.insert(j, select(seen, slope, 0.0f32));
            }
            weights[(unit_row + i) * across + unit_column] = weight;
        }
        sync_cube();
        accumulate(&weights, &columns, &mut sums, tile);
    }

    #[unroll]
    for i in 0..height {
        let query = row + unit_row + i;
        if query < bounds.queries {
            #[unroll]
            for part in 0..parts {
                let quad = part * across + unit_column;
                if quad < quads {
                    let value = sums[i * parts + part] * Quad::new(scale);
                    write::<F, N>(dq, head_rows + query, quad, value, tile);
                }
            }
        }
    }
}
