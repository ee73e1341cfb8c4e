//! What a step does when something is unusual: failures, tied weights, unused parameters, time.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::time::Duration;

use anneal_train::{
    Budget, GradientMap, ManualClock, TokenLoss, TrainError, Trainer, TrainerConfig,
};
use burn::module::{Module, Param};
use burn::tensor::{Gradients, Tensor};
use common::{Adapted, Batch, Mlp, Random, adamw, config, micro_batches, values};

/// Makes one element of the first weight's gradient infinite, with a finite loss.
fn overflowing(model: &Mlp, batch: &Batch) -> TokenLoss {
    let first = model.up.weight.val().slice([0..1, 0..1]);
    let zero = first.clone() - first.detach();
    // √x at 0 has the slope ∞.
    let loss = model.loss(batch);
    TokenLoss::new(loss.sum + zero.sqrt().reshape([1]), loss.count)
}

#[test]
fn a_failed_step_names_the_cause_and_changes_nothing() {
    let device = anneal_testkit::device();
    let mut model = Mlp::new(1, &device.clone().autodiff());
    let mut trainer = Trainer::new(&config(9), 0).unwrap();
    let batches = micro_batches(0, &device);
    trainer.step(&mut model, &batches, Mlp::loss).unwrap();
    let before = values(model.up.weight.val());
    let first = |trainer: &Trainer| {
        let state = adamw(trainer).moments("up.weight").unwrap();
        (state.step, values(state.exp_avg.clone()))
    };
    let moments = first(&trainer);

    let error = trainer.step(&mut model, &batches, overflowing).unwrap_err();
    assert_eq!(
        error.to_string(),
        "step 2: the gradient of `up.weight` has the norm inf; no parameter was updated"
    );
    let error = trainer
        .step(&mut model, &batches, |model, batch| {
            let loss = model.loss(batch);
            let factor = if loss.count == 1 { f32::NAN } else { 1.0 };
            TokenLoss::new(loss.sum * factor, loss.count)
        })
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "step 2: the loss of micro-batch 1 is NaN; no parameter was updated"
    );
    let untrained = |model: &Mlp, batch: &Batch| TokenLoss::new(model.loss(batch).sum, 0);
    let error = trainer.step(&mut model, &batches, untrained).unwrap_err();
    assert!(matches!(
        error,
        TrainError::NoTrainedTokens {
            step: 2,
            micro_batches: 3
        }
    ));
    let error = trainer
        .step(&mut model, &batches, |_, batch| {
            TokenLoss::new(batch.x.clone().sum(), 1)
        })
        .unwrap_err();
    assert!(matches!(
        error,
        TrainError::NotRecorded {
            step: 2,
            micro_batch: 0
        }
    ));
    let other = model.clone().map(&mut Fresh);
    let error = trainer
        .step(&mut model, &batches, |_, batch| other.loss(batch))
        .unwrap_err();
    assert!(
        matches!(
            error,
            TrainError::NoGradient {
                step: 2,
                trained: 4
            }
        ),
        "{error}"
    );

    assert_eq!(values(model.up.weight.val()), before);
    assert_eq!(first(&trainer), moments);
    assert_eq!((moments.0, trainer.steps()), (1, 1));
    assert_eq!(
        trainer.step(&mut model, &batches, Mlp::loss).unwrap().step,
        2
    );
}

/// Gives every parameter a leaf of its own, so that gradients of one model are not the other's.
struct Fresh;
impl burn::module::ModuleMapper for Fresh {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.inner().autodiff().require_grad())
    }
}

#[test]
fn a_micro_batch_without_trained_tokens_adds_nothing() {
    let device = anneal_testkit::device();
    let run = |with_empty: bool| {
        let mut model = Mlp::new(1, &device.clone().autodiff());
        let mut trainer = Trainer::new(
            &TrainerConfig {
                schedule: Default::default(),
                ..config(3)
            },
            0,
        )
        .unwrap();
        let mut batches: Vec<_> = micro_batches(0, &device)
            .into_iter()
            .map(|b| (b, true))
            .collect();
        if with_empty {
            batches.insert(1, (Batch::new(77, 4, &device), false));
        }
        let report = trainer.step(&mut model, &batches, |model, (batch, trained)| {
            let loss = model.loss(batch);
            TokenLoss::new(loss.sum, if *trained { loss.count } else { 0 })
        });
        (report.unwrap().loss, values(model.up.weight.val()))
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn gradients_computed_elsewhere_train_alike() {
    let device = anneal_testkit::device();
    let settings = TrainerConfig {
        schedule: Default::default(),
        ..config(3)
    };
    let batches = micro_batches(0, &device);
    let mut model = Adapted::new(1, &device.clone().autodiff());
    let mut other = model.clone();
    let mut trainer = Trainer::new(&settings, 0).unwrap();
    let report = trainer.step(&mut model, &batches, Adapted::loss).unwrap();

    let mut trainer = Trainer::new(&settings, 0).unwrap();
    let mut accumulator = trainer.begin();
    for batch in &batches {
        let loss = other.loss(batch);
        let mut gradients = GradientMap::default();
        gradients.collect(&other, loss.sum.backward());
        accumulator.add(TokenLoss::new(loss.sum.inner(), loss.count), gradients);
    }
    assert_eq!(accumulator.trained_tokens(), 10);
    let by_hand = trainer.apply(&mut other, accumulator).unwrap();
    assert_eq!(
        (by_hand.loss, by_hand.grad_norm),
        (report.loss, report.grad_norm)
    );
    assert_eq!(
        values(other.low_rank().b.val()),
        values(model.low_rank().b.val())
    );
}

#[test]
fn gradients_in_parts_make_the_same_step() {
    let device = anneal_testkit::device();
    let settings = TrainerConfig {
        schedule: Default::default(),
        ..config(3)
    };
    let batches = micro_batches(0, &device);
    let mut whole = Mlp::new(1, &device.clone().autodiff());
    let mut model = whole.clone();
    let mut trainer = Trainer::new(&settings, 0).unwrap();
    let report = trainer.step(&mut whole, &batches, Mlp::loss).unwrap();

    let mut trainer = Trainer::new(&settings, 0).unwrap();
    let mut accumulator = trainer.begin();
    for batch in &batches {
        let hidden = model.up.forward(batch.x.clone()).tanh();
        let leaf = hidden.inner().autodiff().require_grad();
        let loss = batch.loss(model.down.forward(leaf.clone()));
        let through = |mut gradients: Gradients, each: &mut dyn FnMut(Gradients)| {
            let of_leaf = leaf.grad_remove(&mut gradients).unwrap();
            each(gradients);
            // In two halves, each with a gradient of the same weights.
            for half in [0.25, 0.75] {
                let again = model.up.forward(batch.x.clone()).tanh();
                each((again * of_leaf.clone()).sum().mul_scalar(half).backward());
            }
        };
        accumulator.backward_through(&model, loss, through).unwrap();
    }
    let parts = trainer.apply(&mut model, accumulator).unwrap();
    assert_eq!(parts.loss, report.loss);
    assert!((parts.grad_norm / report.grad_norm - 1.0).abs() < 1e-6);
    for (found, expected) in [(&model.up, &whole.up), (&model.down, &whole.down)] {
        anneal_testkit::assert_close(found.weight.val(), expected.weight.val(), 1e-6);
    }
}

/// One matrix used at two places, and one that the loss does not use.
#[derive(Module, Debug)]
struct Tied {
    first: Param<Tensor<2>>,
    second: Param<Tensor<2>>,
    unused: Param<Tensor<2>>,
}

impl Tied {
    fn loss(&self, batch: &Batch) -> TokenLoss {
        let h = batch.x.clone().matmul(self.first.val()).tanh();
        TokenLoss::new(
            h.matmul(self.second.val()).square().sum(),
            batch.x.dims()[0],
        )
    }
}

#[test]
fn tied_parameters_stay_tied_and_unused_ones_untouched() {
    let device = anneal_testkit::device().autodiff();
    let mut random = Random(5);
    let shared = Param::from_tensor(random.matrix([5, 5], &device));
    let unused = random.matrix([2, 3], &device);
    let mut model = Tied {
        second: shared.clone(),
        first: shared,
        unused: Param::from_tensor(unused.clone()),
    };
    let mut trainer = Trainer::new(
        &TrainerConfig {
            schedule: Default::default(),
            ..config(50)
        },
        0,
    )
    .unwrap();
    let batch = Batch::new(6, 8, &anneal_testkit::device());
    let mut losses = Vec::new();
    for _ in 0..4 {
        // The gradient of a tied matrix is the sum over its places: check against a difference.
        let nudge = |model: &Tied, by: f64| {
            let mut nudged = model.clone();
            let value = model.first.val().inner();
            let mask = Tensor::zeros_like(&value).slice_fill([1..2, 2..3], by as f32);
            nudged.first = nudged.first.map(|_| value.clone() + mask.clone());
            nudged.second = nudged.second.map(|_| value + mask);
            nudged.loss(&batch).mean()
        };
        let slope = (nudge(&model, 1e-2) - nudge(&model, -1e-2)) / 2e-2;
        let mut gradients = GradientMap::default();
        let loss = model.loss(&batch);
        gradients.collect(&model, loss.sum.backward());
        assert_eq!(gradients.len(), 1);
        let found = values(gradients.get("first").unwrap().clone())[7] / 8.0;
        assert!(
            (f64::from(found) - slope).abs() < 2e-3 * slope.abs() + 1e-3,
            "{found} {slope}"
        );

        let batches = std::slice::from_ref(&batch);
        losses.push(trainer.step(&mut model, batches, Tied::loss).unwrap().loss);
        assert_eq!(values(model.first.val()), values(model.second.val()));
    }
    assert!(losses[3] < losses[0], "{losses:?}");
    assert_eq!(values(model.unused.val()), values(unused));
    assert!(adamw(&trainer).moments("unused").is_none());
    assert_eq!(adamw(&trainer).moments("first").unwrap().step, 4);
}

#[test]
fn minutes_end_the_run_and_the_learning_rate() {
    let device = anneal_testkit::device();
    let clock = ManualClock::default();
    let settings = TrainerConfig {
        budget: Budget {
            max_minutes: Some(0.5),
            ..Budget::default()
        },
        ..config(1)
    };
    let mut trainer = Trainer::new(&settings, 0)
        .unwrap()
        .with_clock(clock.clone());
    let mut model = Mlp::new(1, &device.clone().autodiff());
    let mut rates = Vec::new();
    while !trainer.is_finished() {
        let batches = micro_batches(trainer.steps(), &device);
        let report = trainer
            .step(&mut model, &batches, |model, batch| {
                clock.advance(Duration::from_secs(1));
                model.loss(batch)
            })
            .unwrap();
        assert_eq!(report.seconds, 3.0);
        rates.push(report.learning_rate / 0.03);
    }
    // Ten steps of 3 seconds; warm-up over three of them, so the decay has 21 of 30 seconds.
    assert_eq!(rates.len(), 10);
    for (step, rate) in rates.iter().enumerate() {
        let s = step as f64;
        let expected = if step < 3 {
            s / 3.0
        } else {
            0.5 * (1.0 + (std::f64::consts::PI * (3.0 * s - 9.0) / 21.0).cos())
        };
        assert!(
            (rate - expected).abs() < 1e-12,
            "step {step}: {rate} against {expected}"
        );
    }
}

#[test]
fn a_device_that_recomputes_activations_trains_alike() {
    let device = anneal_testkit::device();
    let run = |train_device: burn::tensor::Device| {
        let mut model = Mlp::new(1, &train_device);
        let mut trainer = Trainer::new(&config(4), 0).unwrap();
        for step in 0..4 {
            let batches = micro_batches(step, &device);
            trainer.step(&mut model, &batches, Mlp::loss).unwrap();
        }
        values(model.up.weight.val())
    };
    let plain = run(device.clone().autodiff());
    assert_eq!(
        run(device.clone().autodiff().gradient_checkpointing()),
        plain
    );
}
