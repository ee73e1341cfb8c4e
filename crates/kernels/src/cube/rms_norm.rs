//! RMS norm: a cube for each row, one pass forward, one pass backward.

use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};

use super::launch::{by_rows, empty_like};

/// The sum of the units' values, for all of them. Their number is a power of
/// two, and `sums` has room for as many.
#[cube]
fn cube_sum(value: f32, sums: &mut Shared<[f32]>, #[comptime] units: usize) -> f32 {
    let unit = UNIT_POS as usize;
    sums[unit] = value;
    sync_cube();
    #[unroll]
    for step in 1..comptime!(units.ilog2() + 1) {
        let half = comptime!(units >> step);
        if unit < half {
            let other = sums[unit + half];
            sums[unit] += other;
        }
        sync_cube();
    }
    let sum = sums[0];
    // Before anyone writes the next value.
    sync_cube();
    sum
}

#[cube(launch)]
fn forward_kernel<F: Float>(
    x: &[F],
    weight: &[F],
    output: &mut [F],
    epsilon: f32,
    #[comptime] units: usize,
    #[define(F)] _dtype: ElemType,
) {
    let mut sums = Shared::<[f32]>::new_slice(units);
    let width = weight.len();
    let start = CUBE_POS * width;
    if start < x.len() {
        let mut squares = 0.0f32;
        for i in range_stepped(UNIT_POS as usize, width, units) {
            let value = f32::cast_from(x[start + i]);
            squares += value * value;
        }
        let mean = cube_sum(squares, &mut sums, units) / f32::cast_from(width as u32);
        let inverse = 1.0f32 / (mean + epsilon).sqrt();
        for i in range_stepped(UNIT_POS as usize, width, units) {
            let value = f32::cast_from(x[start + i]) * inverse;
            output[start + i] = F::cast_from(value * f32::cast_from(weight[i]));
        }
    }
}

/// The sum is rounded before it is normed: what the next block adds to is what
/// was normed.
#[cube(launch)]
fn add_kernel<F: Float>(
    x: &[F],
    residual: &[F],
    weight: &[F],
    sum: &mut [F],
    output: &mut [F],
    epsilon: f32,
    #[comptime] units: usize,
    #[define(F)] _dtype: ElemType,
) {
    let mut sums = Shared::<[f32]>::new_slice(units);
    let width = weight.len();
    let start = CUBE_POS * width;
    if start < x.len() {
        let mut squares = 0.0f32;
        for i in range_stepped(UNIT_POS as usize, width, units) {
            let at = start + i;
            let rounded = F::cast_from(f32::cast_from(x[at]) + f32::cast_from(residual[at]));
            sum[at] = rounded;
            let value = f32::cast_from(rounded);
            squares += value * value;
        }
        let mean = cube_sum(squares, &mut sums, units) / f32::cast_from(width as u32);
        let inverse = 1.0f32 / (mean + epsilon).sqrt();
        // A unit reads what it wrote itself.
        for i in range_stepped(UNIT_POS as usize, width, units) {
            let value = f32::cast_from(sum[start + i]) * inverse;
            output[start + i] = F::cast_from(value * f32::cast_from(weight[i]));
        }
    }
}

/// With `i = 1 / rms` and `g = dy·w`: `dx = i·g − x·i³·mean(g·x)`.
#[cube(launch)]
fn backward_kernel<F: Float>(
    x: &[F],
    weight: &[F],
    grad: &[F],
    output: &mut [F],
    epsilon: f32,
    #[comptime] units: usize,
    #[define(F)] _dtype: ElemType,
) {
    let mut sums = Shared::<[f32]>::new_slice(units);
    let width = weight.len();
    let start = CUBE_POS * width;
    if start < x.len() {
        let mut squares = 0.0f32;
        let mut products = 0.0f32;
        for i in range_stepped(UNIT_POS as usize, width, units) {
            let value = f32::cast_from(x[start + i]);
            let upstream = f32::cast_from(grad[start + i]) * f32::cast_from(weight[i]);
            squares += value * value;
            products += value * upstream;
        }
        let count = f32::cast_from(width as u32);
        let mean = cube_sum(squares, &mut sums, units) / count;
        let dot = cube_sum(products, &mut sums, units) / count;
        let inverse = 1.0f32 / (mean + epsilon).sqrt();
        let factor = inverse * inverse * inverse * dot;
        for i in range_stepped(UNIT_POS as usize, width, units) {
            let value = f32::cast_from(x[start + i]);
            let upstream = f32::cast_from(grad[start + i]) * f32::cast_from(weight[i]);
            output[start + i] = F::cast_from(upstream * inverse - value * factor);
        }
    }
}

/// Rows of `x`, and values in a row.
fn rows(x: &CubeTensor, weight: &CubeTensor) -> (usize, usize) {
    let width = weight.meta.num_elements();
    (x.meta.num_elements() / width.max(1), width)
}

pub(super) fn forward(x: CubeTensor, weight: CubeTensor, epsilon: f64) -> CubeTensor {
    let [x, weight] = [x, weight].map(into_contiguous);
    let output = empty_like(&x);
    let (rows, width) = rows(&x, &weight);
    if rows == 0 {
        return output;
    }
    let client = output.client.clone();
    let (count, dim) = by_rows(&client, rows, width);
    forward_kernel::launch(
        &client,
        count,
        dim,
        x.into_buffer_arg(),
        weight.into_buffer_arg(),
        output.clone().into_buffer_arg(),
        epsilon as f32,
        dim.num_elems() as usize,
        dtype_to_storage_type(output.dtype),
    );
    output
}

pub(super) fn add_forward(
    x: CubeTensor,
    residual: CubeTensor,
    weight: CubeTensor,
    epsilon: f64,
) -> (CubeTensor, CubeTensor) {
    let [x, residual, weight] = [x, residual, weight].map(into_contiguous);
    let (sum, output) = (empty_like(&x), empty_like(&x));
    let (rows, width) = rows(&x, &weight);
    if rows == 0 {
        return (sum, output);
    }
    let client = output.client.clone();
    let (count, dim) = by_rows(&client, rows, width);
    add_kernel::launch(
        &client,
        count,
        dim,
        x.into_buffer_arg(),
        residual.into_buffer_arg(),
        weight.into_buffer_arg(),
        sum.clone().into_buffer_arg(),
        output.clone().into_buffer_arg(),
        epsilon as f32,
        dim.num_elems() as usize,
        dtype_to_storage_type(output.dtype),
    );
    (sum, output)
}

pub(super) fn backward(
    x: CubeTensor,
    weight: CubeTensor,
    grad: CubeTensor,
    epsilon: f64,
) -> CubeTensor {
    let [x, weight, grad] = [x, weight, grad].map(into_contiguous);
    let output = empty_like(&x);
    let (rows, width) = rows(&x, &weight);
    if rows == 0 {
        return output;
    }
    let client = output.client.clone();
    let (count, dim) = by_rows(&client, rows, width);
    backward_kernel::launch(
        &client,
        count,
        dim,
        x.into_buffer_arg(),
        weight.into_buffer_arg(),
        grad.into_buffer_arg(),
        output.clone().into_buffer_arg(),
        epsilon as f32,
        dim.num_elems() as usize,
        dtype_to_storage_type(output.dtype),
    );
    output
}
