//! The two matrix products of attention, on tiles in shared memory.

use burn_cubecl::cubecl::{self, prelude::*};

use super::attention_tile::{COLUMNS, Quad, Tile, unit_column, unit_row};

/// Begins sums of this unit's rows.
#[cube]
pub(super) fn clear(sums: &mut Array<Quad>, #[comptime] tile: Tile) {
    #[unroll]
    for at in 0..comptime!(tile.unit_height * tile.parts()) {
        sums[at] = Quad::new(0.0f32);
    }
}

/// The products of this unit's rows with its columns, row by row.
#[cube]
pub(super) fn products(
    rows: &Shared<[Quad]>,
    columns: &Shared<[Quad]>,
    sums: &mut Array<f32>,
    #[comptime] tile: Tile,
) {
    let stride = comptime!(tile.stride());
    let height = comptime!(tile.unit_height);
    let across = comptime!(tile.unit_columns);
    let row = unit_row(tile);
    let column = unit_column(tile);
    #[unroll]
    for at in 0..comptime!(tile.unit_height * COLUMNS) {
        sums[at] = 0.0f32;
    }
    for quad in 0..comptime!(tile.quads()) {
        let mut values = Array::<Quad>::new(COLUMNS);
        #[unroll]
        for j in 0..COLUMNS {
            values[j] = columns[(column + j * across) * stride + quad];
        }
        #[unroll]
        for i in 0..height {
            let value = rows[(row + i) * stride + quad];
            #[unroll]
            for j in 0..COLUMNS {
                let mut sum = sums[i * COLUMNS + j];
                #[unroll]
                for part in 0..4usize {
                    sum = fma(value.extract(part), values[j].extract(part), sum);
                }
                sums[i * COLUMNS + j] = sum;
            }
        }
    }
}

/// Adds the columns, weighted, to the sums of this unit's rows: of each row the
/// quads that lie `unit_columns` apart from the unit's own on.
#[cube]
pub(super) fn accumulate(
    weights: &Shared<[Quad]>,
    columns: &Shared<[Quad]>,
    sums: &mut Array<Quad>,
    #[comptime] tile: Tile,
) {
    let stride = comptime!(tile.stride());
    let parts = comptime!(tile.parts());
    let height = comptime!(tile.unit_height);
    let across = comptime!(tile.unit_columns);
    let row = unit_row(tile);
    let column = unit_column(tile);
    for unit in 0..across {
        let mut weight = Array::<Quad>::new(height);
        #[unroll]
        for i in 0..height {
            weight[i] = weights[(row + i) * across + unit];
        }
        #[unroll]
        for j in 0..COLUMNS {
            let line = (unit + j * across) * stride;
            #[unroll]
            for part in 0..parts {
                let value = columns[line + part * across + column];
                #[unroll]
                for i in 0..height {
                    let factor = Quad::new(weight[i].extract(j));
                    sums[i * parts + part] = fma(factor, value, sums[i * parts + part]);
                }
            }
        }
    }
}
