//! Every kernel against its plain twin, forward and backward.
//!
//! The kernel runs on the device under test, the twin on the CPU.
//! `cargo test --workspace` turns the Flex kernels on (feature `flex`, through
//! the examples); without it both sides are the twin. With `cuda` or `wgpu` and
//! `ANNEAL_TEST_DEVICE` the kernels are the GPU's, and
//! `tests/switch.rs` sees to it that they run.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_kernels::{
    AttentionMask, FirstKeys, add_rms_norm, attention, linear, lora_linear, reference, rms_norm,
    rotary, rotary_pair, swiglu,
};
use anneal_testkit::{assert_close, device, random};
use burn::tensor::{Device, Tensor};

/// Rounding of f32 sums taken in another order.
const TOLERANCE: f64 = 2e-6;

fn autodiff() -> Device {
    device().autodiff()
}

/// Where the twin runs.
fn cpu() -> Device {
    Device::flex()
}

/// The same values on the device of `other`.
fn beside<const D: usize, const E: usize>(other: &Tensor<E>, values: &Tensor<D>) -> Tensor<D> {
    Tensor::from_data(values.to_data(), &other.device())
}

/// Outputs and the gradients of all inputs, for a random output gradient.
/// Constants have to follow the inputs' device ([`beside`]).
fn assert_agree<const N: usize>(
    inputs: [Tensor<4>; N],
    kernel: impl Fn([Tensor<4>; N]) -> Tensor<4>,
    twin: impl Fn([Tensor<4>; N]) -> Tensor<4>,
) {
    let run = |function: &dyn Fn([Tensor<4>; N]) -> Tensor<4>, device: &Device| {
        let leaf = |input: &Tensor<4>| Tensor::<4>::from_data(input.to_data(), device);
        let leaves = inputs.each_ref().map(|input| leaf(input).require_grad());
        let output = function(leaves.clone());
        let weights = random::<4>(output.dims(), 1.0, 99, device);
        let gradients = (output.clone() * weights).sum().backward();
        let gradients = leaves.map(|leaf| leaf.grad(&gradients).unwrap());
        let on_cpu = |t: Tensor<4>| Tensor::<4>::from_data(t.to_data(), &cpu());
        (on_cpu(output.inner()), gradients.map(on_cpu))
    };
    let (output, gradients) = run(&kernel, &autodiff());
    let (expected, expected_gradients) = run(&twin, &cpu().autodiff());
    assert_close(output, expected.clone(), TOLERANCE);
    for (gradient, expected) in gradients.into_iter().zip(expected_gradients) {
        assert_close(gradient, expected, TOLERANCE);
    }
    // The path without gradients computes the same.
    let plain = kernel(inputs.map(|input| input.inner()));
    assert!(!plain.is_tracked());
    assert_close(beside(&expected, &plain), expected, TOLERANCE);
}

#[test]
fn rms_norm_agrees() {
    for (shape, epsilon) in [
        ([2, 3, 70, 33], 1e-5),
        ([1, 1, 1, 7], 1e-6),
        ([1, 1, 5, 576], 0.1),
    ] {
        let weight = random::<1>([shape[3]], 2.0, 5, &autodiff());
        let x = random::<4>(shape, 3.0, 6, &autodiff());
        assert_agree(
            [x],
            |[x]| rms_norm(x.clone(), beside(&x, &weight), epsilon),
            |[x]| reference::rms_norm(x.clone(), beside(&x, &weight), epsilon),
        );
    }
}

#[test]
fn the_sum_and_its_norm_agree_and_so_do_their_gradients_together() {
    // More rows than units in a cube, fewer values than one, a tail; and a
    // residual that is a view.
    for (shape, epsilon) in [
        ([2, 3, 70, 33], 1e-5),
        ([1, 1, 1, 7], 1e-6),
        ([1, 2, 5, 576], 0.1),
    ] {
        let weight = random::<1>([shape[3]], 2.0, 5, &autodiff());
        let [a, b, c, d] = shape;
        let x = random::<4>(shape, 3.0, 6, &autodiff());
        let residual = random::<4>([a, c, b, d], 3.0, 7, &autodiff());
        for parts in [[1.0, 0.0], [0.0, 1.0], [0.3, -2.0]] {
            // One result, the other, and both.
            let joined = |(sum, normed): (Tensor<4>, Tensor<4>)| sum * parts[0] + normed * parts[1];
            assert_agree(
                [x.clone(), residual.clone()],
                |[x, r]| {
                    let weight = beside(&x, &weight);
                    joined(add_rms_norm(x, r.swap_dims(1, 2), weight, epsilon))
                },
                |[x, r]| {
                    let weight = beside(&x, &weight);
                    joined(reference::add_rms_norm(
                        x,
                        r.swap_dims(1, 2),
                        weight,
                        epsilon,
                    ))
                },
            );
        }
    }
}

#[test]
fn a_trained_norm_weight_gets_its_gradient() {
    let x = random::<4>([1, 2, 3, 9], 1.0, 1, &autodiff());
    let weight = random::<1>([9], 1.0, 2, &autodiff()).require_grad();
    let loss = rms_norm(x.clone(), weight.clone(), 1e-5).square().sum();
    let gradient = weight.grad(&loss.backward()).unwrap();
    let twin = random::<1>([9], 1.0, 2, &autodiff()).require_grad();
    let loss = reference::rms_norm(x, twin.clone(), 1e-5).square().sum();
    assert_close(gradient, twin.grad(&loss.backward()).unwrap(), TOLERANCE);
}

#[test]
fn swiglu_agrees_on_small_and_on_extreme_values() {
    for (shape, bound) in [
        ([3, 2, 11, 37], 4.0),
        ([1, 1, 300, 70], 90.0),
        ([1, 1, 1, 1], 1.0),
    ] {
        let inputs = [7, 8].map(|seed| random::<4>(shape, bound, seed, &autodiff()));
        assert_agree(
            inputs,
            |[gate, up]| swiglu(gate, up),
            |[gate, up]| reference::swiglu(gate, up),
        );
    }
}

#[test]
fn rotary_agrees_for_shared_and_for_own_positions_and_through_views() {
    let (batch, heads, length, width) = (3, 4, 5, 6);
    for tables in [1, batch] {
        let angles = random::<3>([tables, length, width / 2], 3.0, 9, &autodiff());
        let (cos, sin) = (angles.clone().cos(), angles.sin());
        let x = random::<4>([batch, length, heads, width], 1.0, 10, &autodiff());
        assert_agree(
            [x.clone()],
            |[x]| {
                rotary(
                    x.clone().swap_dims(1, 2),
                    beside(&x, &cos),
                    beside(&x, &sin),
                )
            },
            |[x]| {
                reference::rotary(
                    x.clone().swap_dims(1, 2),
                    beside(&x, &cos),
                    beside(&x, &sin),
                )
            },
        );
    }
}

#[test]
fn queries_and_keys_turn_together_as_they_do_alone() {
    let (batch, heads, kv_heads, length, width) = (3, 6, 2, 5, 10);
    for tables in [1, batch] {
        let angles = random::<3>([tables, length, width / 2], 3.0, 9, &autodiff());
        let (cos, sin) = (angles.clone().cos(), angles.sin());
        let q = random::<4>([batch, length, heads, width], 1.0, 10, &autodiff());
        let k = random::<4>([batch, length, kv_heads, width], 1.0, 11, &autodiff());
        let views = |[q, k]: [Tensor<4>; 2]| {
            let tables = (beside(&q, &cos), beside(&q, &sin));
            ([q, k].map(|x| x.swap_dims(1, 2)), tables)
        };
        assert_agree(
            [q, k],
            |inputs| {
                let ([q, k], (cos, sin)) = views(inputs);
                let (q, k) = rotary_pair(q, k, cos, sin);
                Tensor::cat(vec![q, k], 1)
            },
            |inputs| {
                let ([q, k], (cos, sin)) = views(inputs);
                let turn = |x| reference::rotary(x, cos.clone(), sin.clone());
                Tensor::cat(vec![turn(q), turn(k)], 1)
            },
        );
    }
}

#[test]
fn attention_agrees_over_blocks_groups_views_and_earlier_keys() {
    // Heads, key heads, queries, keys, width: one block, several, a tail, a
    // single query behind a cache, more keys than queries.
    for (heads, kv_heads, queries, keys, width) in [
        (6, 2, 7, 7, 4),
        (3, 3, 64, 64, 8),
        (4, 1, 150, 150, 6),
        (9, 3, 1, 33, 10),
        (2, 2, 70, 90, 3),
        // A single query in vectors of sixteen: one, five, and on every thread.
        (6, 2, 1, 33, 16),
        (2, 1, 1, 1, 80),
        (9, 3, 1, 500, 64),
    ] {
        let dims = [2, heads, kv_heads, queries, keys, width];
        assert_attention_agrees(dims, &AttentionMask::Causal);
    }
}

/// For `[batch, heads, key heads, queries, keys, width]`.
fn assert_attention_agrees(dims: [usize; 6], mask: &AttentionMask) {
    let [batch, heads, kv_heads, queries, keys, width] = dims;
    // `[batch, length, heads, width]`, as projections leave them.
    let q = random::<4>([batch, queries, heads, width], 2.0, 11, &autodiff());
    let k = random::<4>([batch, keys, kv_heads, width], 2.0, 12, &autodiff());
    let v = random::<4>([batch, keys, kv_heads, width], 2.0, 13, &autodiff());
    let views = |[q, k, v]: [Tensor<4>; 3]| [q, k, v].map(|t| t.swap_dims(1, 2));
    assert_agree(
        [q, k, v],
        |inputs| {
            let [q, k, v] = views(inputs);
            attention(q, k, v, mask)
        },
        |inputs| {
            let [q, k, v] = views(inputs);
            reference::attention(q, k, v, mask)
        },
    );
}

#[test]
fn attention_agrees_over_packed_rows() {
    // Segments within a block, over several blocks, at a block's border, of
    // one token; rows with and without a padded tail.
    for (heads, kv_heads, length, width, rows) in [
        (6, 2, 9, 4, vec![vec![2, 3, 4], vec![1, 1], vec![9]]),
        (
            4,
            1,
            200,
            6,
            vec![vec![64, 64, 72], vec![130, 5, 1, 20], vec![]],
        ),
        (3, 3, 150, 5, vec![vec![3, 100, 40], vec![149]]),
    ] {
        let dims = [rows.len(), heads, kv_heads, length, length, width];
        let mask = AttentionMask::CausalFrom(FirstKeys::segments(&rows, length));
        assert_attention_agrees(dims, &mask);
    }
}

#[test]
fn attention_agrees_over_left_padded_rows_with_and_without_a_cache() {
    for (queries, keys, padding) in [
        (7, 7, [0, 3, 6]),
        (100, 100, [99, 70, 0]),
        (1, 40, [12, 0, 39]),
        (70, 90, [85, 20, 3]),
    ] {
        let mask = AttentionMask::CausalFrom(FirstKeys::padding(&padding, queries));
        for width in [6, 32] {
            assert_attention_agrees([3, 4, 2, queries, keys, width], &mask);
        }
    }
    // Bounds that follow no order, and one beyond the query's own key.
    let first = vec![3, 0, 5, 1, 2, 9];
    let mask = AttentionMask::CausalFrom(FirstKeys::new(first, [2, 3]));
    assert_attention_agrees([2, 2, 1, 3, 6, 4], &mask);
}

#[test]
fn a_segment_is_computed_as_if_it_were_alone() {
    let (rows, length) = ([vec![70, 20, 33], vec![5, 100]], 128);
    let [q, k, v] = [21, 22, 23].map(|seed| {
        let heads = if seed == 21 { 4 } else { 2 };
        random::<4>([2, heads, length, 6], 2.0, seed, &device())
    });
    let mask = AttentionMask::CausalFrom(FirstKeys::segments(&rows, length));
    let packed = attention(q.clone(), k.clone(), v.clone(), &mask);
    for (row, segments) in rows.iter().enumerate() {
        let mut start = 0;
        for &segment in segments {
            let cut = |t: &Tensor<4>| t.clone().narrow(0, row, 1).narrow(2, start, segment);
            let alone = attention(cut(&q), cut(&k), cut(&v), &AttentionMask::Causal);
            assert_close(cut(&packed), alone, TOLERANCE);
            start += segment;
        }
        // A padded token sees itself alone.
        let tail = |t: &Tensor<4>| t.clone().narrow(0, row, 1).narrow(2, start, length - start);
        let itself = tail(&v)
            .repeat_dim(1, 2)
            .reshape([1, 2, 2, length - start, 6]);
        let itself = itself.swap_dims(1, 2).reshape([1, 4, length - start, 6]);
        assert_close(tail(&packed), itself, 0.0);
    }
}

#[test]
fn linear_agrees_for_one_few_and_many_rows() {
    // One row, a part of a panel, several panels, many rows; sizes that
    // neither blocks nor vectors divide.
    for (rows, from, to) in [
        (1, 48, 36),
        (1, 300, 701),
        (2, 7, 3),
        (5, 129, 200),
        (16, 64, 65),
        (33, 31, 130),
        (64, 5, 64),
        (90, 40, 70),
    ] {
        let stored = random::<2>([to, from], 0.3, 27, &autodiff());
        let plain = random::<2>([from, to], 0.3, 29, &autodiff());
        let bias = random::<1>([to], 1.0, 30, &autodiff());
        let x = random::<4>([1, 1, rows, from], 1.0, 28, &autodiff());
        // Rows of a larger matrix: not one behind the other.
        let part = random::<2>([to, from + 5], 0.3, 31, &autodiff()).narrow(1, 2, from);
        for weight in [stored.transpose(), plain, part.transpose()] {
            let bias = |x: &Tensor<4>| Some(beside(x, &bias));
            assert_agree(
                [x.clone()],
                |[x]| linear(x.clone(), as_it_lies(&x, &weight), bias(&x)),
                |[x]| reference::linear(x.clone(), beside(&x, &weight), bias(&x)),
            );
        }
    }
}

#[test]
fn lora_linear_agrees_for_transposed_weights_and_any_rank() {
    for (rows, from, to, rank) in [
        (130, 48, 36, 5),
        (1, 7, 3, 1),
        (9, 129, 70, 3),
        (64, 129, 200, 16),
    ] {
        // A checkpoint's weight is a transposed view.
        let weight = random::<2>([to, from], 0.3, 17, &autodiff()).transpose();
        let x = random::<4>([1, 2, rows, from], 1.0, 18, &autodiff());
        let a = random::<4>([1, 1, from, rank], 1.0, 19, &autodiff());
        let b = random::<4>([1, 1, rank, to], 1.0, 20, &autodiff());
        let flat = |t: Tensor<4>| t.squeeze_dims::<2>(&[0, 1]);
        // The scale is neither 1 nor a power of two.
        assert_agree(
            [x.clone(), a.clone(), b.clone()],
            |[x, a, b]| {
                let weight = as_it_lies(&x, &weight);
                lora_linear(x, None, weight, None, [a, b].map(flat), 1.7)
            },
            |[x, a, b]| {
                let weight = beside(&x, &weight);
                reference::lora_linear(x, None, weight, None, [a, b].map(flat), 1.7)
            },
        );
        // With dropout, a bias that is trained, and both.
        let dropped = random::<4>([1, 2, rows, from], 1.0, 21, &autodiff());
        let bias = random::<4>([1, 1, 1, to], 1.0, 22, &autodiff());
        for dropout in [false, true] {
            let taken = |x: &Tensor<4>, dropped: Tensor<4>| match dropout {
                true => (x.clone(), Some(dropped)),
                // Both have a part in the result and so a gradient.
                false => (x.clone() + dropped, None),
            };
            assert_agree(
                [
                    x.clone(),
                    dropped.clone(),
                    a.clone(),
                    b.clone(),
                    bias.clone(),
                ],
                |[x, dropped, a, b, bias]| {
                    let weight = as_it_lies(&x, &weight);
                    let (x, dropped) = taken(&x, dropped);
                    let bias = Some(bias.squeeze_dims::<1>(&[0, 1, 2]));
                    lora_linear(x, dropped, weight, bias, [a, b].map(flat), 1.7)
                },
                |[x, dropped, a, b, bias]| {
                    let weight = beside(&x, &weight);
                    let (x, dropped) = taken(&x, dropped);
                    let bias = Some(bias.squeeze_dims::<1>(&[0, 1, 2]));
                    reference::lora_linear(x, dropped, weight, bias, [a, b].map(flat), 1.7)
                },
            );
        }
    }
}

/// A constant of the same device with its strides, beside inputs with or
/// without gradients.
fn as_it_lies(beside: &Tensor<4>, constant: &Tensor<2>) -> Tensor<2> {
    match beside.is_autodiff() {
        true => constant.clone(),
        false => constant.clone().inner(),
    }
}

#[test]
fn a_later_key_has_no_influence() {
    let q = random::<4>([1, 2, 80, 4], 1.0, 14, &device());
    let k = random::<4>([1, 1, 80, 4], 1.0, 15, &device());
    let first = attention(q.clone(), k.clone(), k.clone(), &AttentionMask::Causal);
    let changed = k.slice_assign(
        [0..1, 0..1, 70..80, 0..4],
        random([1, 1, 10, 4], 9.0, 16, &device()),
    );
    let second = attention(q, changed.clone(), changed, &AttentionMask::Causal);
    assert_close(
        first.clone().narrow(2, 0, 70),
        second.clone().narrow(2, 0, 70),
        0.0,
    );
    let behind = (first.narrow(2, 70, 10) - second.narrow(2, 70, 10))
        .abs()
        .max();
    assert!(behind.into_scalar::<f32>() > 0.1);
}
