//! Losses per row against their plain twin and against PyTorch, with a gradient
//! of its own for each row.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_kernels::{
    cross_entropy_rows, linear_cross_entropy, linear_cross_entropy_rows, reference,
};
use anneal_testkit::{assert_close, device, hashed, narrow_type, random};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

type Rows = fn(Tensor<2>, Tensor<2>, Tensor<1, Int>, f64) -> Tensor<1>;

/// Rounding of f32 sums taken in another order. Vulkan allows an exponential
/// `3 + 2·|x|` units in the last place: logits here lie up to 20 below the
/// largest, and both sides may be off by the 43 units of 2⁻²³.
fn tolerance() -> f64 {
    match device() == Device::flex() {
        true => 2e-6,
        false => 1e-5,
    }
}

fn autodiff() -> Device {
    device().autodiff()
}

/// States, a head, what follows each state and each row's upstream gradient.
#[derive(Clone)]
struct Case {
    hidden: Tensor<2>,
    weight: Tensor<2>,
    targets: Tensor<1, Int>,
    upstream: Tensor<1>,
}

impl Case {
    fn random([n, d, vocabulary]: [usize; 3]) -> Self {
        let targets: Vec<i64> = (0..n).map(|i| (i * 97 % vocabulary) as i64).collect();
        Self {
            hidden: random([n, d], 2.0, 1, &autodiff()),
            weight: random([vocabulary, d], 1.0, 2, &autodiff()),
            targets: Tensor::from_data(targets.as_slice(), &autodiff()),
            upstream: random([n], 3.0, 3, &autodiff()),
        }
    }

    /// The losses and the gradients of what is trained.
    fn run(
        &self,
        rows: Rows,
        smoothing: f64,
        [trains_hidden, trains_weight]: [bool; 2],
    ) -> (Tensor<1>, Vec<Tensor<2>>) {
        let leaf = |tensor: &Tensor<2>, trained| tensor.clone().detach().set_require_grad(trained);
        let hidden = leaf(&self.hidden, trains_hidden);
        let weight = leaf(&self.weight, trains_weight);
        let losses = rows(
            hidden.clone(),
            weight.clone(),
            self.targets.clone(),
            smoothing,
        );
        assert_eq!(losses.dtype(), DType::F32);
        let gradients = (losses.clone() * self.upstream.clone()).sum().backward();
        let found = [(hidden, trains_hidden), (weight, trains_weight)]
            .into_iter()
            .filter_map(|(leaf, trained)| {
                let gradient = leaf.grad(&gradients);
                assert_eq!(gradient.is_some(), trained);
                gradient
            });
        let found = found.collect();
        (losses.inner(), found)
    }
}

/// What may be trained: the states, the head, both.
const TRAINED: [[bool; 2]; 3] = [[true, false], [false, true], [true, true]];

#[test]
fn losses_and_gradients_agree_with_the_twin_for_any_gradient_per_row() {
    // One row; a vocabulary that vectors do not divide; several blocks of one.
    for dims in [[1, 5, 3], [9, 7, 37], [5, 33, 2_500], [40, 16, 300]] {
        let case = Case::random(dims);
        for smoothing in [0.0, 0.1] {
            for trained in TRAINED {
                let twin = reference::linear_cross_entropy_rows;
                let (expected, expected_gradients) = case.run(twin, smoothing, trained);
                let (losses, gradients) = case.run(linear_cross_entropy_rows, smoothing, trained);
                assert_close(losses, expected, tolerance());
                for (found, expected) in gradients.into_iter().zip(expected_gradients) {
                    assert_close(found, expected, tolerance());
                }
            }
        }
    }
}

#[test]
fn without_gradients_the_losses_are_the_same_and_no_graph() {
    let case = Case::random([6, 8, 50]);
    let (hidden, weight) = (case.hidden.clone().inner(), case.weight.clone().inner());
    for smoothing in [0.0, 0.1] {
        let targets = case.targets.clone().inner();
        let losses =
            linear_cross_entropy_rows(hidden.clone(), weight.clone(), targets.clone(), smoothing);
        assert!(!losses.is_tracked());
        let logits = hidden.clone().matmul(weight.clone().transpose());
        assert_close(
            losses,
            cross_entropy_rows(logits, targets, smoothing),
            tolerance(),
        );
    }
}

#[test]
fn the_sum_is_that_of_the_rows() {
    let case = Case::random([11, 6, 90]);
    for trained in TRAINED {
        let sum = |hidden, weight, targets, _| linear_cross_entropy(hidden, weight, targets);
        // The upstream gradient of a sum is that of each row.
        let one = Case {
            upstream: Tensor::from_floats([0.7], &autodiff()),
            ..case.clone()
        };
        let all = Case {
            upstream: Tensor::full([11], 0.7, &autodiff()),
            ..case.clone()
        };
        let (found, gradients) = one.run(sum, 0.0, trained);
        let (rows, expected) = all.run(reference::linear_cross_entropy_rows, 0.0, trained);
        assert_close(found, rows.sum(), 1e-6);
        for (found, expected) in gradients.into_iter().zip(expected) {
            assert_close(found, expected, tolerance());
        }
    }
}

/// What PyTorch finds: `crates/testkit/python/label_smoothing.py`.
struct Golden {
    smoothing: f64,
    losses: [f32; 4],
    hidden: [f32; 12],
    weight: [f32; 18],
}

// Printed by that script with torch 2.15.0 and transformers 5.23.0, in f64.
const GOLDENS: [Golden; 2] = [
    Golden {
        smoothing: 0.0,
        losses: [5.249_639_5, 7.145_362, 3.166_337_5, 3.458_118_4],
        hidden: [
            0.968_062_9,
            -1.680_996,
            -0.097_266_5,
            -3.082_139_7,
            1.694_345_5,
            4.091_717,
            0.220_274_96,
            1.019_584_8,
            0.353_246_87,
            0.340_292_48,
            5.011_934_8,
            3.426_050_2,
        ],
        weight: [
            3.316_516_9,
            -2.061_382_3,
            -1.703_927_8,
            -0.046_263_15,
            0.203_692_75,
            0.551_316_7,
            -0.537_753,
            0.770_557,
            3.061_981_7,
            -2.454_459,
            -0.955_531_66,
            -2.614_390_6,
            1.287_786,
            0.477_694_96,
            2.165_296_8,
            -1.565_827_8,
            1.564_969_3,
            -1.460_276_8,
        ],
    },
    Golden {
        smoothing: 0.1,
        losses: [4.965_817_5, 6.781_154, 3.091_718_7, 3.346_695_4],
        hidden: [
            0.900_162_76,
            -1.552_163_1,
            -0.091_306_75,
            -2.858_037,
            1.721_840_3,
            3.800_607_4,
            0.222_875_6,
            0.968_398_63,
            0.322_433_08,
            0.355_896_35,
            4.704_818_2,
            3.241_167_3,
        ],
        weight: [
            3.058_994_5,
            -1.887_750_7,
            -1.513_101_3,
            -0.073_455_55,
            0.167_725_06,
            0.399_218_7,
            -0.564_945_4,
            0.734_589_3,
            2.909_883_7,
            -2.268_380_2,
            -0.851_590_75,
            -2.377_955,
            1.260_593_7,
            0.441_727_25,
            2.013_198_9,
            -1.412_807_1,
            1.395_299_9,
            -1.431_245,
        ],
    },
];

#[test]
fn losses_and_gradients_equal_those_of_pytorch() {
    let scaled = |name, shape: [usize; 2], factor: f32| {
        let values = hashed(name, shape[0] * shape[1]).into_iter();
        let values: Vec<f32> = values.map(|value| factor * value).collect();
        Tensor::<2>::from_data(TensorData::new(values, shape), &autodiff())
    };
    let case = Case {
        hidden: scaled("hidden", [4, 3], 4.0),
        weight: scaled("weight", [6, 3], 3.0),
        targets: Tensor::from_ints([5, 0, 3, 3], &autodiff()),
        upstream: Tensor::from_floats([1.0, -2.0, 0.5, 3.0], &autodiff()),
    };
    for golden in GOLDENS {
        for rows in [
            linear_cross_entropy_rows as Rows,
            reference::linear_cross_entropy_rows,
        ] {
            let (losses, both) = case.run(rows, golden.smoothing, [true, true]);
            assert_close(losses, Tensor::from_floats(golden.losses, &device()), 1e-6);
            let (_, alone) = case.run(rows, golden.smoothing, [true, false]);
            let goldens = [
                (&alone[0], &golden.hidden[..]),
                (&both[0], &golden.hidden[..]),
                (&both[1], &golden.weight[..]),
            ];
            for (found, expected) in goldens {
                let expected = Tensor::<1>::from_floats(expected, &device());
                assert_close(found.clone().flatten(0, 1), expected, 1e-6);
            }
        }
    }
}

#[test]
fn narrow_operands_are_rounded_in_their_gradients_alone() {
    let exact = Case::random([7, 5, 40]);
    let (dtype, rounding) = narrow_type(&device());
    let narrow = |tensor: &Tensor<2>| tensor.clone().cast(dtype);
    let narrowed = Case {
        hidden: narrow(&exact.hidden),
        weight: narrow(&exact.weight),
        ..exact.clone()
    };
    let widened = Case {
        hidden: narrowed.hidden.clone().cast(DType::F32),
        weight: narrowed.weight.clone().cast(DType::F32),
        ..exact.clone()
    };
    for smoothing in [0.0, 0.1] {
        for trained in TRAINED {
            let rows = linear_cross_entropy_rows;
            let (losses, gradients) = narrowed.run(rows, smoothing, trained);
            let twin = reference::linear_cross_entropy_rows;
            let (expected, expected_gradients) = widened.run(twin, smoothing, trained);
            assert_close(losses, expected, tolerance());
            for (found, expected) in gradients.into_iter().zip(expected_gradients) {
                assert_eq!(found.dtype(), dtype);
                // Half a unit in the last bit, and a little f32.
                assert_close(found.cast(DType::F32), expected, 1.01 * rounding);
            }
        }
    }
}

#[test]
fn no_rows_have_no_losses_and_keep_their_graph() {
    for rows in [
        linear_cross_entropy_rows as Rows,
        reference::linear_cross_entropy_rows,
        |hidden, weight, targets, _| linear_cross_entropy(hidden, weight, targets),
    ] {
        for trained in TRAINED {
            let case = Case::random([4, 5, 9]);
            let leaf = |t: &Tensor<2>, trained| t.clone().detach().set_require_grad(trained);
            let (hidden, weight) = (
                leaf(&case.hidden, trained[0]),
                leaf(&case.weight, trained[1]),
            );
            // As a model does it: none of its states is chosen.
            let none =
                Tensor::<1, Int>::from_data(TensorData::new(Vec::<i64>::new(), [0]), &autodiff());
            let chosen = hidden.clone().select(0, none.clone());
            let losses = rows(chosen, weight.clone(), none, 0.1);
            assert!(losses.is_tracked());
            let sum = losses.sum();
            assert_eq!(sum.clone().into_scalar::<f32>(), 0.0);
            let gradients = sum.backward();
            for (leaf, trained) in [(hidden, trained[0]), (weight, trained[1])] {
                let gradient = leaf.grad(&gradients);
                assert_eq!(gradient.is_some(), trained);
                if let Some(gradient) = gradient {
                    assert_close(gradient.clone(), gradient.zeros_like(), 0.0);
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "label smoothing of 1.5: expected 0 to 1")]
fn a_smoothing_that_is_no_share_is_refused() {
    let case = Case::random([2, 3, 4]);
    linear_cross_entropy_rows(case.hidden, case.weight, case.targets, 1.5);
}

#[test]
#[should_panic(expected = "label smoothing of -0.1: expected 0 to 1")]
fn nor_is_it_for_logits_that_are_there() {
    let case = Case::random([2, 3, 2]);
    cross_entropy_rows(case.hidden, case.targets, -0.1);
}

#[test]
fn a_target_outside_of_a_trained_head_is_refused_by_the_kernel() {
    if !cfg!(feature = "flex") || device() != Device::flex() {
        // The twin has burn's indexing, which a GPU does not check.
        return;
    }
    let case = Case::random([2, 3, 4]);
    let targets = Tensor::from_ints([1, 4], &autodiff());
    let run = || linear_cross_entropy_rows(case.hidden, case.weight.require_grad(), targets, 0.0);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_err();
    let message = panic.downcast::<String>().unwrap();
    assert!(
        message.contains("target 4 of a vocabulary of 4"),
        "{message}"
    );
}
