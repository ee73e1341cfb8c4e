//! Twenty steps against the same training in f64: accumulation, clipping, schedule, AdamW.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::collections::BTreeMap;

use anneal_train::{StepReport, Trainer, trained_parameters};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use common::twin::{self, Matrix, Twin, relative};
use common::{Adapted, Batch, Mlp, config, micro_batches, values};

const STEPS: u64 = 20;

/// The trained parameters, read by a visitor of the test's own.
fn parameters<M: Module>(module: &M) -> BTreeMap<String, Matrix> {
    #[derive(Default)]
    struct Read(Vec<String>, BTreeMap<String, Matrix>);
    impl ModuleVisitor for Read {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.0.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.is_require_grad() {
                self.1.insert(self.0.join("."), Matrix::of(&param.base()));
            }
        }
    }
    let mut read = Read::default();
    module.visit(&mut read);
    read.1
}

fn compare(report: &StepReport, (loss, norm, lr): (f64, f64, f64)) {
    let step = report.step;
    for (name, found, expected) in [
        ("loss", report.loss, loss),
        ("norm", report.grad_norm, norm),
        ("lr", report.learning_rate, lr),
    ] {
        let close = (found - expected).abs() <= 1e-5 * expected.abs();
        assert!(close, "step {step}: {name} {found}, expected {expected}");
    }
}

/// Trains both, compares every report and every parameter, and returns the reports.
fn twenty_steps<M: Module>(
    model: &mut M,
    loss: fn(&M, &Batch) -> anneal_train::TokenLoss,
    twin_loss: impl Fn(&BTreeMap<String, Matrix>, &Matrix, &Matrix) -> (f64, BTreeMap<String, Matrix>),
) -> Vec<StepReport> {
    let device = anneal_testkit::device();
    let mut trainer = Trainer::new(&config(STEPS), 0).unwrap();
    let mut twin = Twin::new(parameters(model), config(STEPS), STEPS, 3);
    let mut reports = Vec::new();
    while !trainer.is_finished() {
        let batches = micro_batches(trainer.steps(), &device);
        let report = trainer.step(model, &batches, loss).unwrap();
        let batches: Vec<_> = batches.iter().map(Batch::in_f64).collect();
        compare(&report, twin.step(&batches, &twin_loss));
        let found = parameters(model);
        assert_eq!(found.len(), twin.parameters.len());
        for (name, expected) in &twin.parameters {
            let error = relative(&found[name], expected);
            assert!(error < 1e-5, "step {}: {name} {error}", report.step);
        }
        reports.push(report);
    }
    assert_eq!(reports.len() as u64, STEPS);
    assert_eq!(trainer.trained_tokens(), 10 * STEPS);
    let clipped = reports.iter().filter(|r| r.grad_norm > 4.0).count();
    assert!(
        clipped > 0 && clipped < reports.len(),
        "clipped {clipped} times"
    );
    assert_eq!(reports[0].learning_rate, 0.0);
    reports
}

#[test]
fn a_fully_trained_network_follows_the_f64_twin() {
    let device = anneal_testkit::device().autodiff();
    let mut model = Mlp::new(1, &device);
    twenty_steps(&mut model, Mlp::loss, twin::mlp);
}

#[test]
fn adapters_inside_a_frozen_weight_follow_the_f64_twin() {
    let device = anneal_testkit::device().autodiff();
    let mut model = Adapted::new(2, &device);
    let paths = |model: &Adapted| {
        let list = trained_parameters(model).into_iter();
        list.map(|p| (p.path, p.shape)).collect::<Vec<_>>()
    };
    let expected = [
        ("q_proj.weight.lora.a".to_owned(), vec![5, 2]),
        ("q_proj.weight.lora.b".to_owned(), vec![2, 3]),
    ];
    assert_eq!(paths(&model), expected);

    let (weight, bias) = (
        model.q_proj.weight.base(),
        model.q_proj.bias.clone().unwrap(),
    );
    let frozen = [Matrix::of(&weight), Matrix::of(&bias.val())];
    let ids = (model.low_rank().a.id, model.low_rank().b.id);
    twenty_steps(&mut model, Adapted::loss, |p, x, y| {
        twin::adapted(p, &frozen, 1.5, x, y)
    });

    assert_eq!(values(model.q_proj.weight.base()), values(weight));
    assert_eq!(
        values(model.q_proj.bias.clone().unwrap().val()),
        values(bias.val())
    );
    assert!(!model.q_proj.weight.is_require_grad());
    assert_eq!((model.low_rank().a.id, model.low_rank().b.id), ids);
    assert_eq!(paths(&model), expected);
    // burn panics where a tensor with a history is asked to require a gradient.
    assert!(model.low_rank().a.val().require_grad().is_require_grad());
}

#[test]
fn micro_batches_train_as_one_big_batch() {
    let device = anneal_testkit::device();
    let run = |join: bool| {
        let mut model = Mlp::new(4, &device.clone().autodiff());
        let mut trainer = Trainer::new(&config(5), 0).unwrap();
        let reports: Vec<_> = (0..5)
            .map(|step| {
                let mut batches = micro_batches(step, &device);
                if join {
                    batches = vec![Batch::join(&batches)];
                }
                trainer.step(&mut model, &batches, Mlp::loss).unwrap()
            })
            .collect();
        (parameters(&model), reports)
    };
    let ((split, a), (joined, b)) = (run(false), run(true));
    for (name, expected) in &joined {
        let error = relative(&split[name], expected);
        assert!(error < 1e-6, "{name}: {error}");
    }
    for (a, b) in a.iter().zip(&b) {
        assert!((a.loss / b.loss - 1.0).abs() < 1e-6);
        assert_eq!(a.trained_tokens, b.trained_tokens);
    }
}
