//! Tensors as rows of f32, whatever their strides.

use burn::tensor::{DType, Shape};
use burn_flex::{FlexTensor, Layout};

/// Rows a thread takes at a time: large enough to pay for handing them out.
pub(super) const ROWS_PER_TASK: usize = 64;

/// A new contiguous tensor of these values.
pub(super) fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    let bytes = burn::tensor::Bytes::from_elems(values);
    FlexTensor::new(bytes, Layout::contiguous(shape), DType::F32)
}

/// A tensor's values in row-major order, copied only if they lie otherwise.
pub(super) struct Contiguous(FlexTensor);

impl Contiguous {
    pub(super) fn new(tensor: FlexTensor) -> Self {
        Self(tensor.to_contiguous())
    }

    pub(super) fn values(&self) -> &[f32] {
        let start = self.0.layout().start_offset();
        &self.0.storage::<f32>()[start..start + self.0.layout().num_elements()]
    }
}

/// A `[batch, heads, length, width]` tensor whose rows of `width` are
/// contiguous: a transposed view of a projection's output is not copied.
pub(super) struct Heads {
    tensor: FlexTensor,
    pub(super) dims: [usize; 4],
    strides: [usize; 3],
}

impl Heads {
    pub(super) fn new(tensor: FlexTensor) -> Self {
        let layout = tensor.layout();
        let forward = layout.strides().iter().all(|&stride| stride >= 0);
        let tensor = if forward && layout.strides()[3] == 1 {
            tensor
        } else {
            tensor.to_contiguous()
        };
        let shape = tensor.layout().shape();
        let dims = [shape[0], shape[1], shape[2], shape[3]];
        let strides = tensor.layout().strides();
        let strides = [
            strides[0] as usize,
            strides[1] as usize,
            strides[2] as usize,
        ];
        Self {
            tensor,
            dims,
            strides,
        }
    }

    /// One head's rows, from its first value to its last, and the distance
    /// between the beginnings of two rows.
    pub(super) fn head(&self, batch: usize, head: usize) -> (&[f32], usize) {
        let [by_batch, by_head, by_row] = self.strides;
        let [_, _, length, width] = self.dims;
        let start = self.tensor.layout().start_offset() + batch * by_batch + head * by_head;
        let end = start + length.saturating_sub(1) * by_row + width;
        (&self.tensor.storage::<f32>()[start..end], by_row)
    }
}
