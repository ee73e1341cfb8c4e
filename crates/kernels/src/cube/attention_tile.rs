//! Tiles of attention in a cube's shared memory.
//!
//! A cube holds a tile of rows (the queries whose gradient or output it makes,
//! or the keys) while tiles of columns pass by. Its units stand in a grid: each
//! has some neighbouring rows and four columns that lie `unit_columns` apart, so
//! that units side by side read neighbouring memory, and every value that a unit
//! reads serves several products. Values are f32 whatever the tensors hold, four
//! at a time.

use burn_cubecl::cubecl::{self, client::Client, prelude::*};

/// Four neighbouring values of a head, or the weights of a unit's four columns.
pub(super) type Quad = Vector<f32, Const<4>>;

/// The columns of a unit: a [`Quad`] holds their weights.
pub(super) const COLUMNS: usize = 4;

/// Grids of units and the rows of each unit, the fastest first.
const GRIDS: [[usize; 3]; 8] = [
    [16, 8, 4],
    [8, 8, 4],
    [8, 8, 2],
    [8, 4, 4],
    [8, 4, 2],
    [4, 4, 2],
    [4, 4, 1],
    [4, 2, 1],
];

/// More shared memory than this leaves a processor with too few cubes.
const SHARED: usize = 64 * 1024;

/// More sums in a unit's registers than this are spilled to memory.
const REGISTERS: usize = 128;

/// How the units of a cube share a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Tile {
    width: usize,
    unit_rows: usize,
    /// Units that share the same rows.
    pub(super) unit_columns: usize,
    /// Neighbouring rows of a unit.
    pub(super) unit_height: usize,
}

impl Tile {
    /// The tile of the output: it holds queries.
    pub(super) fn forward(client: &Client, width: usize) -> Option<Self> {
        Self::fitting(client, width, 1, 1)
    }

    /// The tile of the gradients: it holds queries and the output's gradient, or
    /// keys and values and then sums up both.
    pub(super) fn backward(client: &Client, width: usize) -> Option<Self> {
        Self::fitting(client, width, 2, 2)
    }

    /// The fastest tile that fits the device, for a kernel that holds `held`
    /// tiles of rows and sums up as many results as `sums` per row.
    fn fitting(client: &Client, width: usize, held: usize, sums: usize) -> Option<Self> {
        let hardware = &client.properties().hardware;
        let shared = hardware.max_shared_memory_size.min(SHARED);
        let units = hardware.max_units_per_cube.min(hardware.max_cube_dim.0) as usize;
        GRIDS
            .map(|[unit_rows, unit_columns, unit_height]| Self {
                width,
                unit_rows,
                unit_columns,
                unit_height,
            })
            .into_iter()
            .find(|tile| {
                let registers = COLUMNS * tile.unit_height * tile.parts() * sums;
                tile.units() <= units && tile.bytes(held) <= shared && registers <= REGISTERS
            })
    }

    /// Shared memory: tiles of rows, one of columns, weights and partial results.
    fn bytes(&self, held: usize) -> usize {
        let quads = (held * self.rows() + self.columns()) * self.stride() + self.weights();
        quads * size_of::<[f32; 4]>() + self.weights() * size_of::<f32>()
    }

    /// Units of a cube.
    pub(super) fn units(&self) -> usize {
        self.unit_rows * self.unit_columns
    }

    /// Rows of a tile.
    pub(super) fn rows(&self) -> usize {
        self.unit_rows * self.unit_height
    }

    /// Columns of a tile.
    pub(super) fn columns(&self) -> usize {
        self.unit_columns * COLUMNS
    }

    /// Quads of weights: one per row and unit.
    pub(super) fn weights(&self) -> usize {
        self.rows() * self.unit_columns
    }

    /// Quads of a head.
    pub(super) fn quads(&self) -> usize {
        self.width.div_ceil(4)
    }

    /// Quads of a head that a unit sums up.
    pub(super) fn parts(&self) -> usize {
        self.quads().div_ceil(self.unit_columns)
    }

    /// Quads from one row in shared memory to the next. It is odd, so that the
    /// same place in neighbouring rows lies in different banks.
    pub(super) fn stride(&self) -> usize {
        self.parts() * self.unit_columns + 1
    }

    /// Values that one load takes from a buffer.
    pub(super) fn vector(&self) -> usize {
        if self.width.is_multiple_of(4) { 4 } else { 1 }
    }
}

/// The place `at` of `count`, counted from the last.
#[cube]
pub(super) fn backwards(at: u32, count: u32) -> usize {
    (count - 1 - at) as usize
}

/// The first of this unit's rows in the tile.
#[cube]
pub(super) fn unit_row(#[comptime] tile: Tile) -> usize {
    UNIT_POS as usize / comptime!(tile.unit_columns) * comptime!(tile.unit_height)
}

/// The place of this unit among those that share its rows.
#[cube]
pub(super) fn unit_column(#[comptime] tile: Tile) -> usize {
    UNIT_POS as usize % comptime!(tile.unit_columns)
}

/// Reads four values of a row.
#[cube]
pub(super) fn read<F: Float, N: Size>(
    from: &[Vector<F, N>],
    row: usize,
    quad: usize,
    #[comptime] tile: Tile,
) -> Quad {
    let width = comptime!(tile.width);
    let mut value = Quad::new(0.0f32);
    if comptime!(tile.vector() == 4) {
        value = Quad::cast_from(from[row * comptime!(tile.quads()) + quad]);
    } else {
        #[unroll]
        for i in 0..4usize {
            if quad * 4 + i < width {
                let scalar = from[row * width + quad * 4 + i];
                value.insert(i, f32::cast_from(scalar.extract(0usize)));
            }
        }
    }
    value
}

/// Writes four values of a row.
#[cube]
pub(super) fn write<F: Float, N: Size>(
    to: &mut [Vector<F, N>],
    row: usize,
    quad: usize,
    value: Quad,
    #[comptime] tile: Tile,
) {
    let width = comptime!(tile.width);
    if comptime!(tile.vector() == 4) {
        to[row * comptime!(tile.quads()) + quad] = Vector::cast_from(value);
    } else {
        #[unroll]
        for i in 0..4usize {
            if quad * 4 + i < width {
                let scalar = F::cast_from(value.extract(i));
                to[row * width + quad * 4 + i] = Vector::new(scalar);
            }
        }
    }
}

/// Loads `count` rows from `row` on; what lies behind `rows`, the head's last
/// row, and beside its width is zero. The head begins at row `head`.
#[cube]
pub(super) fn load<F: Float, N: Size>(
    to: &mut Shared<[Quad]>,
    from: &[Vector<F, N>],
    head: usize,
    row: usize,
    rows: usize,
    #[comptime] count: usize,
    #[comptime] tile: Tile,
) {
    let padded = comptime!(tile.stride() - 1);
    let size = comptime!(count * padded);
    for at in range_stepped(UNIT_POS as usize, size, comptime!(tile.units())) {
        let line = at / padded;
        let quad = at % padded;
        let mut value = Quad::new(0.0f32);
        if row + line < rows && quad < comptime!(tile.quads()) {
            value = read::<F, N>(from, head + row + line, quad, tile);
        }
        to[line * comptime!(tile.stride()) + quad] = value;
    }
}
