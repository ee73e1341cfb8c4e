//! What launches have in common.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::{DType, Shape};
use burn_cubecl::cubecl::features::TypeUsage;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::cubecl::server::CubeCountSelection;
use burn_cubecl::{CubeDevice, ops::numeric::empty_device_contiguous_dtype, tensor::CubeTensor};

/// Units that share a row. More would wait for one another longer than they
/// read.
const UNITS: u32 = 256;

/// Whether a kernel can read and write this type and compute with it.
pub(super) fn has(device: &CubeDevice, dtype: DType) -> bool {
    let client = device.client();
    let usage = client.properties().type_usage(dtype_to_storage_type(dtype));
    usage.is_superset(TypeUsage::Buffer | TypeUsage::Conversion)
}

/// A new tensor beside `like`, row after row.
pub(super) fn empty_like(like: &CubeTensor) -> CubeTensor {
    empty(like, like.meta.shape().clone(), like.dtype)
}

/// A new tensor on the device of `beside`, row after row.
pub(super) fn empty(beside: &CubeTensor, shape: Shape, dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(beside.client.clone(), beside.device.clone(), shape, dtype)
}

/// A cube for each of `rows` rows, and perhaps some more, and as many units
/// as a row of `width` can use: a power of two.
pub(super) fn by_rows(client: &Client, rows: usize, width: usize) -> (CubeCount, CubeDim) {
    let most = UNITS.min(client.properties().hardware.max_units_per_cube.max(1));
    let most = 1 << most.ilog2();
    let wanted = u32::try_from(width.max(1).next_power_of_two()).unwrap_or(most);
    let cubes = u32::try_from(rows).unwrap_or(u32::MAX);
    let count = CubeCountSelection::new(client, cubes).cube_count();
    (count, CubeDim::new_1d(wanted.min(most)))
}

/// A unit for each of `values` values, and some more.
pub(super) fn by_values(client: &Client, values: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new(client, values);
    let count = burn_cubecl::cubecl::calculate_cube_count_elemwise(client, values, dim);
    (count, dim)
}
