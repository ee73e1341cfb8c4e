//! The LoRA layer from a backend's own products, with its gradients by hand:
//! that of the weight is never formed.
//!
//! The factors are f32 while `x` and the weight may be narrower. The branch is
//! computed in the type of the factors, and so is the sum, which is rounded
//! once: as PEFT does.

use burn::backend::{Backend, FloatDType, TensorMetadata, tensor::FloatTensor};
use burn::tensor::DType;

fn cast<B: Backend>(tensor: FloatTensor<B>, dtype: DType) -> FloatTensor<B> {
    if tensor.dtype() == dtype {
        return tensor;
    }
    B::float_cast(tensor, FloatDType::from(dtype))
}

/// `s·(x·y)`
fn scaled<B: Backend>(x: FloatTensor<B>, y: FloatTensor<B>, scale: f64) -> FloatTensor<B> {
    B::float_mul_scalar(B::float_matmul(x, y), scale.into())
}

/// The sum in the type of `update`, rounded to that of `base`.
fn sum<B: Backend>(base: FloatTensor<B>, update: FloatTensor<B>) -> FloatTensor<B> {
    let (narrow, wide) = (base.dtype(), update.dtype());
    cast::<B>(B::float_add(cast::<B>(base, wide), update), narrow)
}

/// `y = x·W + s·((branch·A)·B)`
pub(crate) fn lora_linear<B: Backend>(
    x: FloatTensor<B>,
    branch: FloatTensor<B>,
    weight: FloatTensor<B>,
    a: FloatTensor<B>,
    b: FloatTensor<B>,
    scale: f64,
) -> FloatTensor<B> {
    let branch = cast::<B>(branch, a.dtype());
    let update = B::float_matmul(scaled::<B>(branch, a, scale), b);
    sum::<B>(B::float_matmul(x, weight), update)
}

/// `dx = g·Wᵀ + s·(g·Bᵀ)·Aᵀ`, and the gradients of the factors.
pub(crate) fn lora_linear_backward<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    a: FloatTensor<B>,
    b: FloatTensor<B>,
    grad: FloatTensor<B>,
    scale: f64,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let base = B::float_matmul(grad.clone(), B::float_transpose(weight));
    let (update, da, db) = branch_gradients::<B>(x, a, b, grad, scale);
    (sum::<B>(base, update), da, db)
}

/// `s·(g·Bᵀ)·Aᵀ` in the type of the branch's input, and the gradients of the
/// factors.
pub(crate) fn lora_branch_backward<B: Backend>(
    branch: FloatTensor<B>,
    a: FloatTensor<B>,
    b: FloatTensor<B>,
    grad: FloatTensor<B>,
    scale: f64,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let narrow = branch.dtype();
    let (update, da, db) = branch_gradients::<B>(branch, a, b, grad, scale);
    (cast::<B>(update, narrow), da, db)
}

/// `s·(g·Bᵀ)·Aᵀ`, `dA = branchᵀ·s·(g·Bᵀ)` and `dB = s·(branch·A)ᵀ·g`, in the
/// type of the factors.
fn branch_gradients<B: Backend>(
    branch: FloatTensor<B>,
    a: FloatTensor<B>,
    b: FloatTensor<B>,
    grad: FloatTensor<B>,
    scale: f64,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let wide = a.dtype();
    let (branch, grad) = (cast::<B>(branch, wide), cast::<B>(grad, wide));
    let hidden = scaled::<B>(branch.clone(), a.clone(), scale);
    let by_hidden = scaled::<B>(grad.clone(), B::float_transpose(b), scale);
    let db = B::float_matmul(B::float_transpose(hidden), grad);
    let da = B::float_matmul(B::float_transpose(branch), by_hidden.clone());
    let update = B::float_matmul(by_hidden, B::float_transpose(a));
    (update, da, db)
}
