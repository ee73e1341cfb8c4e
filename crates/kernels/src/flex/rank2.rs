//! Rank-2 tensors as operands and results of products.

use burn::tensor::Shape;
use burn_flex::FlexTensor;

use super::gemm::{Matrix, parallel_product};
use super::rows::tensor;

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
    let mut output = vec![0.0; a.rows * b.columns];
    parallel_product(&mut output, b.columns, false, factor, a, b);
    output
}

/// Row-major values as a tensor.
pub(super) fn matrix(values: Vec<f32>, rows: usize, columns: usize) -> FlexTensor {
    tensor(values, Shape::new([rows, columns]))
}
