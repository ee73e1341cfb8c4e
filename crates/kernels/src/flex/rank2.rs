//! Rank-2 tensors as operands and results of products.

use burn::tensor::Shape;
use burn_flex::FlexTensor;

use super::few_rows;
use super::gemm::{Matrix, parallel_product};
use super::rows::tensor;
use super::tiled::{self, Rounding, Term};
use crate::{MatmulPrecision, float32_matmul_precision};

/// A rank-2 tensor whose strides a product can follow.
pub(super) struct Rank2(FlexTensor);

impl Rank2 {
    pub(super) fn new(tensor: FlexTensor) -> Self {
        let forward = tensor.layout().strides().iter().all(|&stride| stride >= 0);
        Self(if forward {
            tensor
        } else {
            tensor.to_contiguous()
        })
    }

    pub(super) fn matrix(&self) -> Matrix<'_> {
        let layout = self.0.layout();
        let (shape, strides) = (layout.shape(), layout.strides());
        Matrix {
            values: &self.0.storage::<f32>()[layout.start_offset()..],
            rows: shape[0],
            columns: shape[1],
            row_stride: strides[0] as usize,
            column_stride: strides[1] as usize,
        }
    }
}

/// `factor·a·b` as a new buffer.
pub(super) fn fresh(factor: f32, a: Matrix, b: Matrix) -> Vec<f32> {
    if factor == 1.0 && few_rows::suits(&a, &b) {
        return few_rows::fresh(a, b);
    }
    let mut output = vec![0.0; a.rows * b.columns];
    parallel_product(&mut output, b.columns, false, factor, a, b);
    output
}

/// Row-major values as a tensor.
pub(super) fn matrix(values: Vec<f32>, rows: usize, columns: usize) -> FlexTensor {
    tensor(values, Shape::new([rows, columns]))
}

/// `x·W` of a frozen weight, in the precision that is set
/// ([`set_float32_matmul_precision`](crate::set_float32_matmul_precision)).
pub(super) fn frozen(x: Matrix, weight: Matrix) -> Vec<f32> {
    let term = frozen_term(x, weight);
    match tiled::suits(&term) {
        true => tiled::fresh(&[term]),
        false => fresh(1.0, x, weight),
    }
}

/// [`frozen`] into rows that lie one behind the other.
pub(super) fn frozen_into(output: &mut [f32], x: Matrix, weight: Matrix) {
    let term = frozen_term(x, weight);
    match tiled::suits(&term) {
        true => tiled::product(output, weight.columns, false, &[term]),
        false => parallel_product(output, weight.columns, false, 1.0, x, weight),
    }
}

/// `x·W + hidden·b`: a frozen weight in the precision that is set, and a
/// low-rank update in f32.
pub(super) fn frozen_and_update(x: Matrix, weight: Matrix, hidden: Matrix, b: Matrix) -> Vec<f32> {
    let update = Term {
        a: hidden,
        b,
        rounding: Rounding::Exact,
    };
    let terms = [frozen_term(x, weight), update];
    if terms.iter().all(tiled::suits) {
        return tiled::fresh(&terms);
    }
    let mut output = fresh(1.0, x, weight);
    parallel_product(&mut output, weight.columns, true, 1.0, hidden, b);
    output
}

fn frozen_term<'a>(x: Matrix<'a>, weight: Matrix<'a>) -> Term<'a> {
    let rounded = float32_matmul_precision() == MatmulPrecision::Medium;
    let rounding = match rounded && tiled::available(Rounding::Bf16) {
        true => Rounding::Bf16,
        false => Rounding::Exact,
    };
    Term {
        a: x,
        b: weight,
        rounding,
    }
}
