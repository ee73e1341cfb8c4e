//! Rotary position embedding in Hugging Face's half-split layout.

use burn::backend::Dispatch;
use burn::tensor::{DType, Tensor, assert_shape};

use crate::accepts::accepts;
use crate::{Kernel, kernels::Kernels, reference};

/// Rotates `[a, b]`, the halves of each head, to `[a·cos − b·sin, b·cos + a·sin]`.
///
/// # Shapes
/// - `x`: `[batch, heads, length, head_dim]`
/// - `cos`, `sin`: `[batch or 1, length, head_dim / 2]`, f32
///
/// # Panics
/// If the tables do not fit `x`, or `head_dim` is odd.
///
/// The twin is [`reference::rotary`].
///
/// ```
/// use anneal_kernels::rotary;
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let x = Tensor::<4>::from_floats([[[[1.0, 2.0, 3.0, 4.0]]]], &device);
/// // A quarter turn for the first pair, none for the second.
/// let cos = Tensor::<3>::from_floats([[[0.0, 1.0]]], &device);
/// let sin = Tensor::<3>::from_floats([[[1.0, 0.0]]], &device);
/// let y = rotary(x, cos, sin).try_into_vec_as::<f32>().unwrap();
/// assert_eq!(y, [-3.0, 2.0, 1.0, 4.0]);
/// ```
pub fn rotary(x: Tensor<4>, cos: Tensor<3>, sin: Tensor<3>) -> Tensor<4> {
    assert_fits(&x, &cos, &sin);
    if let Some(dtype) = accepts(Kernel::Rotary, &x)
        && are_constants(&cos, &sin)
    {
        let narrow = x.dtype();
        let x = x.cast(dtype).into_dispatch();
        let (cos, sin) = (cos.into_dispatch(), sin.into_dispatch());
        let turned = <Dispatch as Kernels>::rotary(x, cos, sin, false);
        return Tensor::<4>::from_dispatch(turned).cast(narrow);
    }
    reference::rotary(x, cos, sin)
}

/// [`rotary`] of queries and keys, which have heads of one width and another
/// number of them; in one pass where the device has one.
///
/// # Shapes
/// - `q`: `[batch, heads, length, head_dim]`, `k`: `[batch, kv_heads, length, head_dim]`
/// - `cos`, `sin`: `[batch or 1, length, head_dim / 2]`, f32
///
/// # Panics
/// If the tables do not fit both, or `head_dim` is odd.
///
/// The twin is [`reference::rotary`] of each.
///
/// ```
/// use anneal_kernels::rotary_pair;
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let q = Tensor::<4>::from_floats([[[[1.0, 2.0, 3.0, 4.0]]]], &device);
/// // A quarter turn for the first pair, none for the second.
/// let cos = Tensor::<3>::from_floats([[[0.0, 1.0]]], &device);
/// let sin = Tensor::<3>::from_floats([[[1.0, 0.0]]], &device);
/// let (q, k) = rotary_pair(q.clone(), q * 10.0, cos, sin);
/// assert_eq!(q.try_into_vec_as::<f32>().unwrap(), [-3.0, 2.0, 1.0, 4.0]);
/// assert_eq!(k.try_into_vec_as::<f32>().unwrap(), [-30.0, 20.0, 10.0, 40.0]);
/// ```
pub fn rotary_pair(
    q: Tensor<4>,
    k: Tensor<4>,
    cos: Tensor<3>,
    sin: Tensor<3>,
) -> (Tensor<4>, Tensor<4>) {
    assert_fits(&q, &cos, &sin);
    assert_fits(&k, &cos, &sin);
    if let Some(dtype) = accepts(Kernel::Rotary, &q)
        && q.dtype() == k.dtype()
        && are_constants(&cos, &sin)
    {
        let narrow = q.dtype();
        let [q, k] = [q, k].map(|x| x.cast(dtype).into_dispatch());
        let (cos, sin) = (cos.into_dispatch(), sin.into_dispatch());
        let (q, k) = <Dispatch as Kernels>::rotary_pair(q, k, cos, sin);
        let turned = [q, k].map(|x| Tensor::<4>::from_dispatch(x).cast(narrow));
        return turned.into();
    }
    let turn = |x| reference::rotary(x, cos.clone(), sin.clone());
    (turn(q), turn(k))
}

fn are_constants(cos: &Tensor<3>, sin: &Tensor<3>) -> bool {
    let is_constant = |table: &Tensor<3>| table.dtype() == DType::F32 && !table.is_tracked();
    is_constant(cos) && is_constant(sin)
}

fn assert_fits(x: &Tensor<4>, cos: &Tensor<3>, sin: &Tensor<3>) {
    let ([batch, _, length, head_dim], [rows, ..]) = (x.dims(), cos.dims());
    assert!(
        head_dim.is_multiple_of(2),
        "a head of {head_dim} has no halves"
    );
    assert!(
        rows == 1 || rows == batch,
        "tables of {rows} rows for a batch of {batch}"
    );
    assert_shape!(cos, [rows, length, head_dim / 2]);
    assert_shape!(sin, [rows, length, head_dim / 2]);
}
