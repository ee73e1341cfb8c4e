//! Operands that do not fit are refused: a kernel that walks over slices would
//! take what it finds, and give numbers that mean nothing.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use anneal_kernels::{rms_norm, rotary, swiglu};
use anneal_testkit::device;
use burn::tensor::{DType, Tensor};

fn zeros<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::zeros(shape, &device())
}

/// The message of a call that must panic.
fn refusal<const D: usize>(call: impl FnOnce() -> Tensor<D>) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(call()))).unwrap_err();
    *panic.downcast::<String>().unwrap()
}

#[test]
fn operands_of_other_shapes_are_refused() {
    // Each has as many values as would do, or more: nothing else would notice.
    for message in [
        refusal(|| rms_norm(zeros([4, 6]), zeros([3]), 1e-5)),
        refusal(|| rms_norm(zeros([4, 6]), zeros([3]).cast(DType::BF16), 1e-5)),
    ] {
        assert!(message.contains("axis 1 expected 3, got 6"), "{message}");
    }
    let message = refusal(|| swiglu(zeros([2, 6]), zeros([3, 4])));
    assert!(message.contains("gate and up differ in shape"), "{message}");
    let message = refusal(|| swiglu(zeros([2, 6]), zeros([1, 6])));
    assert!(message.contains("gate and up differ in shape"), "{message}");
}

#[test]
fn tables_of_other_positions_are_refused() {
    let turn = |x: [usize; 4], cos: [usize; 3], sin: [usize; 3]| {
        refusal(move || rotary(zeros(x), zeros(cos), zeros(sin)))
    };
    let x = [2, 3, 5, 8];
    for (message, expected) in [
        (turn(x, [1, 6, 4], [1, 6, 4]), "axis 1 expected 5, got 6"),
        (turn(x, [1, 5, 8], [1, 5, 8]), "axis 2 expected 4, got 8"),
        (turn(x, [1, 5, 4], [2, 5, 4]), "axis 0 expected 1, got 2"),
        (
            turn(x, [3, 5, 4], [3, 5, 4]),
            "tables of 3 rows for a batch of 2",
        ),
        (
            turn([2, 3, 5, 7], [1, 5, 3], [1, 5, 3]),
            "a head of 7 has no halves",
        ),
    ] {
        assert!(message.contains(expected), "{message}");
    }
}
