//! A frozen linear layer with a low-rank update, as one operation.

use burn::backend::Dispatch;
use burn::tensor::{DType, Tensor, assert_shape};

use crate::accepts::accepts;
use crate::{Kernel, kernels::Kernels, reference};

/// `y = x·W + c + s·((x·A)·B)` over the last axis; the weight is frozen.
///
/// As one operation the update is added to the product while it is in cache,
/// forward and backward, where separate operations write and read a tensor of
/// the output's size for it. The gradient of the weight is never formed; a
/// tracked weight takes the plain path, which gives it its gradient.
///
/// Dropout acts on the branch alone: `dropped` is what it left of `x`, which
/// the branch then takes in place of `x`, and the scale holds its `1 / keep`.
///
/// The factors may be f32 beside a narrower `x` and `W`: branch and sum are then
/// f32 too, and the sum is rounded once.
///
/// # Shapes
/// - `x`, `dropped`: `[.., d_input]`, `weight`: `[d_input, d_output]`, `bias`: `[d_output]`
/// - `factors`: `A`, `[d_input, rank]`, and `B`, `[rank, d_output]`
/// - result: `[.., d_output]`
///
/// # Panics
/// If the shapes do not fit.
///
/// The twin is [`reference::lora_linear`].
///
/// ```
/// use anneal_kernels::lora_linear;
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let matrix = |rows: [[f32; 2]; 1]| Tensor::<2>::from_floats(rows, &device);
/// let weight = Tensor::<2>::eye(2, &device);
/// let factors = || [matrix([[1.0, 2.0]]).transpose(), matrix([[10.0, 0.0]])];
/// // x = [3, 4]: x·A = 11, times B and the scale 0.5.
/// let x = matrix([[3.0, 4.0]]);
/// let y = lora_linear(x.clone(), None, weight.clone(), None, factors(), 0.5);
/// assert_eq!(y.try_into_vec_as::<f32>().unwrap(), [3.0 + 55.0, 4.0]);
/// // Half of x is dropped: [0, 4]·A = 8, and the rest counts twice.
/// let bias = Tensor::<1>::from_floats([0.0, 7.0], &device);
/// let dropped = Some(matrix([[0.0, 4.0]]));
/// let y = lora_linear(x, dropped, weight, Some(bias), factors(), 0.5 * 2.0);
/// assert_eq!(y.try_into_vec_as::<f32>().unwrap(), [3.0 + 80.0, 4.0 + 7.0]);
/// ```
pub fn lora_linear<const D: usize>(
    x: Tensor<D>,
    dropped: Option<Tensor<D>>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    factors: [Tensor<2>; 2],
    scale: f64,
) -> Tensor<D> {
    let [a, b] = &factors;
    let ([d_input, d_output], [_, rank]) = (weight.dims(), a.dims());
    assert_shape!(x, [.., d_input]);
    assert_shape!(a, [d_input, rank]);
    assert_shape!(b, [rank, d_output]);
    if let Some(dropped) = &dropped {
        let (found, expected) = (dropped.dims(), x.dims());
        assert_eq!(found, expected, "dropout keeps the shape of its input");
    }
    if accepts(Kernel::LoraLinear, &x) == Some(x.dtype())
        && are_operands(&x, dropped.as_ref(), &weight, &factors)
    {
        let mut dims = x.dims();
        let rows = dims[..D - 1].iter().product();
        dims[D - 1] = d_output;
        let flat = |x: Tensor<D>| x.reshape([rows, d_input]);
        let x = flat(x);
        // Without dropout the branch takes the tensor itself, which is how a
        // backward pass knows that it may add to one gradient.
        let branch = dropped.map_or_else(|| x.clone(), flat).into_dispatch();
        let [a, b] = factors.map(Tensor::into_dispatch);
        let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
        let y = <Dispatch as Kernels>::lora_linear(x, branch, weight, a, b, scale);
        let y = Tensor::<2>::from_dispatch(y);
        let y = match bias {
            Some(bias) => y + bias.unsqueeze(),
            None => y,
        };
        return y.reshape(dims);
    }
    reference::lora_linear(x, dropped, weight, bias, factors, scale)
}

/// Whether the kernel takes these beside an `x` that it accepts: a constant of
/// the same type, and factors of that type or of f32.
fn are_operands<const D: usize>(
    x: &Tensor<D>,
    dropped: Option<&Tensor<D>>,
    weight: &Tensor<2>,
    [a, b]: &[Tensor<2>; 2],
) -> bool {
    let (dtype, factors) = (x.dtype(), a.dtype());
    weight.dtype() == dtype
        && dropped.is_none_or(|dropped| dropped.dtype() == dtype)
        && (factors == dtype || factors == DType::F32)
        && b.dtype() == factors
        && !weight.is_tracked()
}
