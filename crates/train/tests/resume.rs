//! Checkpoints: a resumed run equals an uninterrupted one to the bit; damage is reported.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anneal_train::checkpoint::{self, DataPosition, TrainState};
use anneal_train::{Budget, ManualClock, TokenLoss, Trainer, TrainerConfig, trained_parameters};
use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor};
use common::{Adapted, Batch, Mlp, Random, adamw, config, micro_batches, values};

const PRINT: &str = "0123";

fn run<M: Module>(
    trainer: &mut Trainer,
    model: &mut M,
    steps: u64,
    loss: fn(&M, &Batch) -> TokenLoss,
) -> Vec<f64> {
    let device = anneal_testkit::device();
    (0..steps)
        .map(|_| {
            let batches = micro_batches(trainer.steps(), &device);
            trainer.step(model, &batches, loss).unwrap().loss
        })
        .collect()
}

fn save<M: Module>(root: &Path, trainer: &Trainer, model: &M) -> PathBuf {
    let data = DataPosition {
        epoch: 1,
        position: trainer.steps(),
        seed: 42,
    };
    let state = trainer.state(data, PRINT);
    checkpoint::save(root, model, trainer.optimizer(), &state, 2).unwrap()
}

/// `steps` and `steps` again, once in one go and once with everything thrown away between.
fn resumes_to_the_bit<M: Module>(
    new: impl Fn(u64) -> M,
    loss: fn(&M, &Batch) -> TokenLoss,
    read: impl Fn(&M) -> Vec<Vec<f32>>,
) {
    let steps = 6;
    let (mut straight, mut trainer) = (new(1), Trainer::new(&config(2 * steps), 0).unwrap());
    let losses = run(&mut trainer, &mut straight, 2 * steps, loss);

    let root = tempfile::tempdir().unwrap();
    {
        let (mut model, mut trainer) = (new(1), Trainer::new(&config(2 * steps), 0).unwrap());
        assert_eq!(run(&mut trainer, &mut model, steps, loss), losses[..6]);
        save(root.path(), &trainer, &model);
    }
    let folder = checkpoint::latest(root.path()).unwrap().unwrap();
    let (mut model, mut resumed) = (new(2), Trainer::new(&config(2 * steps), 0).unwrap());
    assert_ne!(read(&model), read(&new(1)), "it must start elsewhere");
    let state = resumed.restore(&folder, &mut model, PRINT).unwrap();
    assert_eq!(
        (state.step, state.data.position, state.data.seed),
        (6, 6, 42)
    );
    assert_eq!(run(&mut resumed, &mut model, steps, loss), losses[6..]);
    assert_eq!(read(&model), read(&straight));
    assert_eq!(resumed.trained_tokens(), trainer.trained_tokens());
    for parameter in trained_parameters(&model) {
        let [a, b] = [&resumed, &trainer].map(|t| adamw(t).moments(&parameter.path).unwrap());
        assert_eq!(a.step, b.step);
        assert_eq!(values(a.exp_avg.clone()), values(b.exp_avg.clone()));
        assert_eq!(values(a.exp_avg_sq.clone()), values(b.exp_avg_sq.clone()));
    }
}

#[test]
fn a_fully_trained_network_resumes_to_the_bit() {
    let device = anneal_testkit::device().autodiff();
    resumes_to_the_bit(
        |seed| Mlp::new(seed, &device),
        Mlp::loss,
        |m| {
            let bias = m.down.bias.as_ref().unwrap().val();
            vec![values(m.up.weight.val()), values(bias)]
        },
    );
}

#[test]
fn adapters_resume_to_the_bit() {
    let device = anneal_testkit::device().autodiff();
    resumes_to_the_bit(
        |seed| Adapted::new(seed, &device),
        Adapted::loss,
        |m| vec![values(m.low_rank().a.val()), values(m.low_rank().b.val())],
    );
}

#[test]
fn the_files_hold_names_that_other_tools_read() {
    let device = anneal_testkit::device().autodiff();
    let (mut model, mut trainer) = (
        Adapted::new(1, &device),
        Trainer::new(&config(9), 0).unwrap(),
    );
    run(&mut trainer, &mut model, 3, Adapted::loss);
    let root = tempfile::tempdir().unwrap();
    let folder = save(root.path(), &trainer, &model);
    assert!(folder.ends_with("step-00000003"));

    let bytes = fs::read(folder.join("trainable.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let a = file.tensor("q_proj.weight.lora.a").unwrap();
    assert_eq!((a.shape(), file.len()), ([5, 2].as_slice(), 2));
    let found: Vec<f32> = a
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    assert_eq!(found, values(model.low_rank().a.val()));
    let bytes = fs::read(folder.join("optimizer.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let step = file.tensor("q_proj.weight.lora.b.step").unwrap();
    assert_eq!(step.data(), 3i64.to_le_bytes());
    let v = file.tensor("q_proj.weight.lora.b.exp_avg_sq").unwrap();
    assert_eq!(v.shape(), [2, 3]);
}

#[test]
fn time_and_the_end_of_the_warm_up_are_resumed() {
    let settings = TrainerConfig {
        budget: Budget {
            max_minutes: Some(1.0),
            ..Budget::default()
        },
        ..config(1)
    };
    let device = anneal_testkit::device();
    let root = tempfile::tempdir().unwrap();
    let rates = |interrupted: bool| -> Vec<f64> {
        let mut clock = ManualClock::default();
        let new = |clock: &ManualClock| {
            Trainer::new(&settings, 0)
                .unwrap()
                .with_clock(clock.clone())
        };
        let mut trainer = new(&clock);
        let mut model = Mlp::new(1, &device.clone().autodiff());
        (0..10)
            .map(|step| {
                if interrupted && step == 6 {
                    let folder = save(root.path(), &trainer, &model);
                    clock = ManualClock::default();
                    trainer = new(&clock);
                    model = Mlp::new(9, &device.clone().autodiff());
                    trainer.restore(&folder, &mut model, PRINT).unwrap();
                    assert_eq!(trainer.elapsed(), Duration::from_secs(30));
                }
                let batches = micro_batches(step, &device);
                let report = trainer.step(&mut model, &batches, Mlp::loss).unwrap();
                clock.advance(Duration::from_secs(5));
                report.learning_rate
            })
            .collect()
    };
    assert_eq!(rates(true), rates(false));
}

#[test]
fn damage_is_reported_with_the_file_and_changes_nothing() {
    let device = anneal_testkit::device().autodiff();
    let (mut model, mut trainer) = (Mlp::new(1, &device), Trainer::new(&config(9), 0).unwrap());
    run(&mut trainer, &mut model, 2, Mlp::loss);
    let root = tempfile::tempdir().unwrap();
    let folder = save(root.path(), &trainer, &model);
    let before = values(model.up.weight.val());
    let mut attempt = |fingerprint: &str| {
        trainer
            .restore(&folder, &mut model, fingerprint)
            .unwrap_err()
            .to_string()
    };

    for name in ["trainable.safetensors", "optimizer.safetensors"] {
        let path = folder.join(name);
        let whole = fs::read(&path).unwrap();
        for length in [whole.len() - 1, 40, 3] {
            fs::write(&path, &whole[..length]).unwrap();
            let message = attempt(PRINT);
            assert!(message.contains(name), "{message}");
            assert!(
                message.contains("no complete safetensors file (truncated"),
                "{message}"
            );
        }
        fs::remove_file(&path).unwrap();
        assert!(attempt(PRINT).starts_with("cannot read"));
        fs::write(&path, whole).unwrap();
    }

    let message = attempt("other");
    assert!(
        message.contains("(fingerprint 0123, this run's is other)"),
        "{message}"
    );
    let path = folder.join("trainer_state.json");
    let whole = fs::read_to_string(&path).unwrap();
    for (text, expected) in [
        (whole[..60].to_owned(), "EOF while parsing"),
        (
            whole.replace("\"format\": 1", "\"format\": 7"),
            "has the checkpoint format 7; this version reads format 1",
        ),
        (
            whole.replace("\"step\": 2", "\"step\": -2"),
            "trainer_state.json`, line 3: invalid value",
        ),
        (
            whole.replace("elapsed_seconds\": ", "elapsed_seconds\": -1"),
            "`elapsed_seconds` must be a time",
        ),
    ] {
        assert_ne!(text, whole);
        fs::write(&path, text).unwrap();
        let message = attempt(PRINT);
        assert!(message.contains(expected), "{message}");
    }
    fs::write(&path, whole).unwrap();
    assert_eq!(values(model.up.weight.val()), before);
    let state = trainer.restore(&folder, &mut model, PRINT).unwrap();
    assert_eq!(state, TrainState::read(&path).unwrap());
}

#[derive(Module, Debug)]
struct Other {
    up: Weights,
    extra: Param<Tensor<1>>,
}

#[derive(Module, Debug)]
struct Weights {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

#[test]
fn another_module_is_refused_with_every_difference() {
    let device = anneal_testkit::device().autodiff();
    let (mut model, mut trainer) = (Mlp::new(1, &device), Trainer::new(&config(9), 0).unwrap());
    run(&mut trainer, &mut model, 1, Mlp::loss);
    let root = tempfile::tempdir().unwrap();
    let folder = save(root.path(), &trainer, &model);

    let mut random = Random(1);
    let mut other = Other {
        up: Weights {
            weight: Param::from_tensor(random.matrix([7, 5], &device)),
            bias: Param::from_tensor(
                random
                    .matrix([7], &device)
                    .inner()
                    .cast(DType::F64)
                    .autodiff(),
            ),
        },
        extra: Param::from_tensor(random.matrix([2], &device)),
    };
    let message = trainer
        .restore(&folder, &mut other, PRINT)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("trainable.safetensors` does not fit the module: "),
        "{message}"
    );
    for part in [
        "missing `extra`",
        "unexpected `down.bias`, `down.weight`",
        "`up.weight` is f32 [5, 7], expected f32 [7, 5]",
        "`up.bias` is f32 [7], expected f64 [7]",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}
