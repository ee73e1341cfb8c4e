//! The output of attention.
//!
//! A cube makes a tile of queries of one head. The keys that the tile may see
//! pass by in tiles of their own; each row keeps the largest score so far and
//! shrinks what it summed up when a larger one comes.

use burn_cubecl::cubecl::{self, ir::ElemType, prelude::*};

use super::attention_bounds::Bounds;
use super::attention_products::{accumulate, clear, products};
use super::attention_tile::{COLUMNS, Quad, Tile, backwards, load, unit_column, unit_row, write};

/// A score that no key has: far below all, but its differences stay finite.
const UNSEEN: f32 = -1e30;

#[cube(launch)]
#[allow(clippy::too_many_arguments)]
pub(super) fn attend<F: Float, N: Size>(
    q: &[Vector<F, N>],
    k: &[Vector<F, N>],
    v: &[Vector<F, N>],
    output: &mut [Vector<F, N>],
    log_sum_exp: &mut [f32],
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
    // The last tiles see the most keys: they begin first.
    let row = backwards(CUBE_POS_X, CUBE_COUNT_X) * comptime!(tile.rows());
    let batch = CUBE_POS_Z as usize;
    let head = batch * CUBE_COUNT_Y as usize + CUBE_POS_Y as usize;
    let kv_rows = head / group * bounds.keys;

    let mut queries = Shared::<[Quad]>::new_slice(comptime!(tile.rows() * tile.stride()));
    let mut columns = Shared::<[Quad]>::new_slice(comptime!(tile.columns() * tile.stride()));
    let mut weights = Shared::<[Quad]>::new_slice(comptime!(tile.weights()));
    let mut partial = Shared::<[f32]>::new_slice(comptime!(tile.weights()));
    let mut scores = Array::<f32>::new(comptime!(tile.unit_height * COLUMNS));
    let mut sums = Array::<Quad>::new(comptime!(tile.unit_height * tile.parts()));
    let mut largest = Array::<f32>::new(height);
    let mut total = Array::<f32>::new(height);
    let mut first = Array::<usize>::new(height);
    #[unroll]
    for i in 0..height {
        let query = min(row + unit_row + i, bounds.queries - 1);
        first[i] = bounds.first(batch, query);
        largest[i] = UNSEEN;
        total[i] = 0.0f32;
    }
    clear(&mut sums, tile);

    let rows = comptime!(tile.rows());
    load::<F, N>(
        &mut queries,
        q,
        head * bounds.queries,
        row,
        bounds.queries,
        rows,
        tile,
    );
    let begin = bounds.earliest(batch, row, rows);
    let end = bounds.own(min(row + rows, bounds.queries) - 1) + 1;
    let step = comptime!(tile.columns());
    for key in range_stepped(begin / step * step, end, step) {
        sync_cube();
        load::<F, N>(&mut columns, k, kv_rows, key, bounds.keys, step, tile);
        sync_cube();
        products(&queries, &columns, &mut scores, tile);
        #[unroll]
        for i in 0..height {
            let own = bounds.own(row + unit_row + i);
            let mut best = UNSEEN.runtime();
            #[unroll]
            for j in 0..COLUMNS {
                let at = key + unit_column + j * across;
                let seen = at >= first[i] && at <= own;
                let score = select(seen, scores[i * COLUMNS + j] * scale, UNSEEN);
                scores[i * COLUMNS + j] = score;
                best = max(best, score);
            }
            partial[(unit_row + i) * across + unit_column] = best;
        }
        sync_cube();
        #[unroll]
        for i in 0..height {
            let mut best = largest[i];
            for unit in 0..across {
                best = max(best, partial[(unit_row + i) * across + unit]);
            }
            let shrink = (largest[i] - best).exp();
            largest[i] = best;
            let mut sum = total[i] * shrink;
            let mut weight = Quad::new(0.0f32);
            #[unroll]
            for j in 0..COLUMNS {
                // A row that has seen no key yet has the difference 0.
                let score = scores[i * COLUMNS + j];
                let p = select(score > UNSEEN, (score - best).exp(), 0.0f32);
                weight.insert(j, p);
                sum += p;
            }
            total[i] = sum;
            weights[(unit_row + i) * across + unit_column] = weight;
            #[unroll]
            for part in 0..parts {
                sums[i * parts + part] *= Quad::new(shrink);
            }
        }
        load::<F, N>(&mut columns, v, kv_rows, key, bounds.keys, step, tile);
        sync_cube();
        accumulate(&weights, &columns, &mut sums, tile);
    }

    sync_cube();
    #[unroll]
    for i in 0..height {
        partial[(unit_row + i) * across + unit_column] = total[i];
    }
    sync_cube();
    #[unroll]
    for i in 0..height {
        let query = row + unit_row + i;
        if query < bounds.queries {
            let mut sum = 0.0f32;
            for unit in 0..across {
                sum += partial[(unit_row + i) * across + unit];
            }
            let at = head * bounds.queries + query;
            #[unroll]
            for part in 0..parts {
                let quad = part * across + unit_column;
                if quad < comptime!(tile.quads()) {
                    let value = sums[i * parts + part] * Quad::new(1.0f32 / sum);
                    write::<F, N>(output, at, quad, value, tile);
                }
            }
            if unit_column == 0 {
                log_sum_exp[at] = largest[i] + sum.ln();
            }
        }
    }
}
