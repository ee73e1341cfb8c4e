//! Products with a large matrix of any float type, computed in f32.

use burn::tensor::{DType, Tensor};

use crate::linear;

/// Weights widened at a time: 2²⁴ of them are 64 MiB in f32.
const WEIGHTS: usize = 1 << 24;

/// `x·Wᵀ` in f32: `[n, d]` and `[rows, d]` to `[n, rows]`.
pub(crate) fn product_transposed(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    transposed_by(x, weight, WEIGHTS)
}

fn transposed_by(x: Tensor<2>, weight: Tensor<2>, weights: usize) -> Tensor<2> {
    let x = x.cast(DType::F32);
    let mut products: Vec<_> = pieces(&weight, weights)
        .map(|(_, piece)| linear(x.clone(), piece.transpose(), None))
        .collect();
    match products.len() {
        1 => products.remove(0),
        _ => Tensor::cat(products, 1),
    }
}

/// `y·W` in f32: `[n, rows]` and `[rows, d]` to `[n, d]`.
pub(crate) fn product(y: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    by(y, weight, WEIGHTS)
}

fn by(y: Tensor<2>, weight: Tensor<2>, weights: usize) -> Tensor<2> {
    let shape = [y.dims()[0], weight.dims()[1]];
    let options = (&y.device(), DType::F32);
    let products = pieces(&weight, weights).map(|(start, piece)| {
        let rows = piece.dims()[0];
        y.clone().narrow(1, start, rows).matmul(piece)
    });
    products
        .reduce(|sum, product| sum + product)
        .unwrap_or_else(|| Tensor::zeros(shape, options))
}

/// The rows of `weight` in f32, some at a time, each with its first row's
/// number. A weight that is f32 already is one piece and not copied.
fn pieces(weight: &Tensor<2>, weights: usize) -> impl Iterator<Item = (usize, Tensor<2>)> {
    let [rows, d] = weight.dims();
    let step = match weight.dtype() {
        DType::F32 => rows,
        _ => weights / d.max(1),
    }
    .max(1);
    (0..rows).step_by(step).map(move |start| {
        let length = step.min(rows - start);
        let piece = match length == rows {
            true => weight.clone(),
            false => weight.clone().narrow(0, start, length),
        };
        (start, piece.cast(DType::F32))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anneal_testkit::{assert_close, narrow_type, random};

    #[test]
    fn pieces_of_a_narrow_weight_give_the_whole_product() {
        let device = anneal_testkit::device();
        let weight = random::<2>([11, 6], 2.0, 1, &device).cast(narrow_type(&device).0);
        let (x, y) = (
            random::<2>([3, 6], 1.0, 2, &device),
            random::<2>([3, 11], 1.0, 3, &device),
        );
        let wide = weight.clone().cast(DType::F32);
        // One row, three rows with a tail of two, and all at a time.
        for weights in [1, 18, 100] {
            let logits = transposed_by(x.clone(), weight.clone(), weights);
            assert_eq!(logits.dtype(), DType::F32);
            assert_close(logits, x.clone().matmul(wide.clone().transpose()), 1e-6);
            let back = by(y.clone(), weight.clone(), weights);
            assert_close(back, y.clone().matmul(wide.clone()), 1e-6);
        }
    }
}
