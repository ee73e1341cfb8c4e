//! Twenty optimiser steps against PyTorch and PEFT: `crates/testkit/fixtures/curve`.
//!
//! The whole data path of `finetune` takes part: examples, targets, micro-batches,
//! the loss of the trained places, accumulation, clipping, schedule and AdamW.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use anneal_data::{BatchConfig, Batches, Example, IGNORE_LABEL, MicroBatch, Targets};
use anneal_examples::token_loss;
use anneal_llama::LoadedModel;
use anneal_peft::adapter_tensors;
use anneal_testkit::{Fixture, device, fixture_path, max_difference};
use anneal_train::{
    AdamWConfig, Budget, Decay, Schedule, StepReport, Trainer, TrainerConfig, Warmup,
    trained_parameters,
};
use burn::tensor::{Device, Tensor};
use serde::Deserialize;

/// The bar for the loss of every step.
const BAR: f64 = 1e-3;

/// How many times further from the golden run we may be than PyTorch's own run in
/// f64 is. That run is one sample of what rounding does here; another order of
/// additions is another sample.
const ROUNDING: f64 = 30.0;

/// `curve.json`.
#[derive(Debug, Deserialize)]
struct Curve {
    peak_lr: f64,
    betas: [f64; 2],
    eps: f64,
    weight_decay: f64,
    max_grad_norm: f64,
    warmup_steps: u64,
    total_steps: u64,
    sensitivity: Sensitivity,
    steps: Vec<Golden>,
}

#[derive(Debug, Deserialize)]
struct Sensitivity {
    loss: f64,
    grad_norm: f64,
    weight: f64,
}

#[derive(Debug, Deserialize)]
struct Golden {
    loss: f64,
    tokens: usize,
    lr: f64,
    grad_norm: f64,
}

impl Curve {
    fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(fixture_path(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn config(&self) -> TrainerConfig {
        TrainerConfig {
            optimizer: AdamWConfig {
                learning_rate: self.peak_lr,
                beta_1: self.betas[0],
                beta_2: self.betas[1],
                epsilon: self.eps,
                weight_decay: self.weight_decay,
            }
            .into(),
            schedule: Schedule {
                decay: Decay::Cosine,
                warmup: Warmup::Steps(self.warmup_steps),
                ..Schedule::default()
            },
            max_grad_norm: Some(self.max_grad_norm),
            budget: Budget {
                max_steps: Some(self.total_steps),
                ..Budget::default()
            },
            ..TrainerConfig::default()
        }
    }
}

/// The rows of a stored micro-batch without padding, and its width.
fn examples(file: &Fixture, step: u64, micro: usize) -> (Vec<Example>, usize) {
    let ints = |name: &str| file.ints(&format!("step_{step:02}.micro_{micro}.{name}"));
    let ((shape, ids), (_, labels), (_, lengths)) =
        (ints("input_ids"), ints("labels"), ints("lengths"));
    let rows = ids.chunks(shape[1]).zip(labels.chunks(shape[1]));
    let examples = rows.zip(lengths).map(|((ids, labels), length)| {
        let length = length as usize;
        assert!(labels[length..].iter().all(|&l| l == IGNORE_LABEL));
        let example = Example::new(
            ids[..length].iter().map(|&id| id as u32).collect(),
            labels[..length]
                .iter()
                .map(|&l| l != IGNORE_LABEL)
                .collect(),
        );
        let example = example.unwrap();
        assert_eq!(example.labels(), labels[..length]);
        example
    });
    (examples.collect(), shape[1])
}

/// The micro-batch as it is stored.
fn stored(file: &Fixture, step: u64, micro: usize) -> MicroBatch {
    let (examples, width) = examples(file, step, micro);
    let (mut input_ids, mut targets) = (Vec::new(), Targets::default());
    for (row, example) in examples.iter().enumerate() {
        input_ids.extend(&example.input_ids);
        // Any id will do: no state of a real token sees the padding.
        input_ids.resize((row + 1) * width, 6);
        let own = example.targets();
        let places = own.positions.iter().map(|t| row * width + t);
        targets.positions.extend(places);
        targets.ids.extend(own.ids);
    }
    MicroBatch {
        rows: examples.len(),
        width,
        input_ids,
        segments: examples.iter().map(|example| vec![example.len()]).collect(),
        targets,
        examples: (0..examples.len()).map(|example| vec![example]).collect(),
    }
}

/// The step's eight examples, cut into micro-batches by the library.
fn cut(file: &Fixture, step: u64) -> Vec<MicroBatch> {
    let mut all = examples(file, step, 0).0;
    all.extend(examples(file, step, 1).0);
    let config = BatchConfig {
        batch_size: all.len(),
        micro_tokens: 48,
        micro_cost: 0,
        ..BatchConfig::default()
    };
    let batches = Batches::new(all, config).unwrap();
    let mut steps: Vec<_> = batches.steps(step).collect();
    assert_eq!(steps.len(), 1);
    steps.remove(0).micro_batches
}

/// Trains the tiny model through the run's steps.
fn train(
    curve: &Curve,
    device: &Device,
    batches: impl Fn(&Fixture, u64) -> Vec<MicroBatch>,
) -> (LoadedModel, Vec<StepReport>) {
    let file = Fixture::open("curve/batches.safetensors");
    let mut loaded = anneal_llama::load(&fixture_path("tiny-llama"), device).unwrap();
    let adapter = fixture_path("curve/adapter-init");
    let (mut model, _, loading) = anneal_peft::load_adapter(loaded.model, adapter).unwrap();
    assert!(loading.has_no_effect, "B begins as zero");
    assert_eq!(trained_parameters(&model).len(), 42);

    let mut trainer = Trainer::new(&curve.config(), 0).unwrap();
    let mut reports = Vec::new();
    while !trainer.is_finished() {
        let batches = batches(&file, trainer.steps());
        let report = trainer.step(&mut model, &batches, |model, batch| {
            token_loss(model, batch, &loaded.config, device)
        });
        reports.push(report.unwrap());
    }
    loaded.model = model;
    (loaded, reports)
}

fn assert_follows(curve: &Curve, reports: &[StepReport]) {
    assert_eq!(reports.len(), curve.steps.len());
    let mut worst = [0.0f64; 2];
    for (step, (found, golden)) in reports.iter().zip(&curve.steps).enumerate() {
        let off = [
            (found.loss - golden.loss).abs(),
            (found.grad_norm - golden.grad_norm).abs(),
        ];
        worst = [worst[0].max(off[0]), worst[1].max(off[1])];
        assert!(off[0] < BAR, "step {step}: {found:?}, golden {golden:?}");
        assert_eq!(found.trained_tokens, golden.tokens, "step {step}");
        let lr = (found.learning_rate - golden.lr).abs();
        assert!(lr < 1e-12, "step {step}: {found:?}, golden {golden:?}");
    }
    let allowed = [
        ROUNDING * curve.sensitivity.loss,
        ROUNDING * curve.sensitivity.grad_norm,
    ];
    let [loss, norm] = worst;
    assert!(
        loss < allowed[0] && norm < allowed[1],
        "loss off by {loss:e}, gradient norm by {norm:e}; allowed {allowed:?}"
    );
}

fn assert_ends_at(curve: &Curve, loaded: &LoadedModel) {
    let golden = Fixture::open("curve/adapter-final/adapter_model.safetensors");
    let initial = Fixture::open("curve/adapter-init/adapter_model.safetensors");
    let found = adapter_tensors(&loaded.model);
    assert_eq!(found.keys().cloned().collect::<Vec<_>>(), golden.names());
    let (mut worst, mut moved) = (0.0f64, f64::MAX);
    for (name, values) in found {
        let tensor = Tensor::<2>::from_data(values, &device());
        let expected = golden.float::<2>(&name, &device());
        let start = initial.float::<2>(&name, &device());
        moved = moved.min(max_difference(tensor.clone(), start));
        worst = worst.max(max_difference(tensor, expected));
    }
    let allowed = ROUNDING * curve.sensitivity.weight;
    assert!(
        worst < allowed,
        "a weight is off by {worst:e}; allowed {allowed:e}"
    );
    // Every tensor has gone further than the tolerance could hide.
    assert!(moved > 100.0 * allowed, "{moved:e}");
}

#[test]
fn the_stored_micro_batches_train_as_in_pytorch() {
    let curve = Curve::read("curve/curve.json");
    let device = device().autodiff();
    let (loaded, reports) = train(&curve, &device, |file, step| {
        vec![stored(file, step, 0), stored(file, step, 1)]
    });
    assert_follows(&curve, &reports);
    assert_ends_at(&curve, &loaded);
}

#[test]
fn the_library_s_own_cut_of_each_step_trains_the_same() {
    let curve = Curve::read("curve/curve.json");
    let device = device().autodiff();
    let file = Fixture::open("curve/batches.safetensors");
    let counts: Vec<usize> = (0..20).map(|step| cut(&file, step).len()).collect();
    assert!(counts.iter().any(|&n| n > 2), "{counts:?}");
    let (loaded, reports) = train(&curve, &device, cut);
    assert_follows(&curve, &reports);
    assert_ends_at(&curve, &loaded);
}

#[test]
fn weight_decay_is_decoupled_as_in_pytorch() {
    let curve = Curve::read("curve/curve-weight-decay.json");
    let plain = Curve::read("curve/curve.json");
    // The decay shows in the losses well beyond what is allowed.
    let pairs = curve.steps.iter().zip(&plain.steps);
    let effect = pairs.fold(0.0f64, |most, (a, b)| most.max((a.loss - b.loss).abs()));
    assert!(
        effect > 10.0 * ROUNDING * curve.sensitivity.loss,
        "{effect:e}"
    );
    let device = device().autodiff();
    let (_, reports) = train(&curve, &device, |file, step| {
        vec![stored(file, step, 0), stored(file, step, 1)]
    });
    assert_follows(&curve, &reports);
}
