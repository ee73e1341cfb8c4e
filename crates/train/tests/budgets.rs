//! Token budgets, resuming them, and the same seed giving the same bytes.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::fs;

use anneal_train::checkpoint::{self, DataPosition, TrainState};
use anneal_train::{Budget, Decay, Schedule, StepReport, Trainer, TrainerConfig, Warmup};
use common::{Adapted, Batch, Mlp, config, micro_batches, values};

/// A thousand tokens; a step of ours has 60 to 100.
fn settings() -> TrainerConfig {
    TrainerConfig {
        schedule: Schedule {
            decay: Decay::Linear,
            warmup: Warmup::Steps(2),
            min_lr_ratio: 0.2,
        },
        budget: Budget {
            max_tokens: Some(1000),
            max_steps: Some(100),
            ..Budget::default()
        },
        ..config(1)
    }
}

fn tokens_of(step: u64) -> u64 {
    60 + 40 * (step % 2)
}

fn step(trainer: &mut Trainer, model: &mut Mlp) -> StepReport {
    let mut accumulator = trainer.begin();
    let batches = micro_batches(trainer.steps(), &anneal_testkit::device());
    let tokens = tokens_of(trainer.steps());
    for batch in &batches {
        accumulator.backward(model, model.loss(batch)).unwrap();
        accumulator.count_tokens(tokens / 4);
    }
    // The fourth micro-batch trains nothing, and went through the model all the same.
    accumulator.count_tokens(tokens / 4);
    trainer.apply(model, accumulator).unwrap()
}

#[test]
fn tokens_end_the_run_and_the_learning_rate() {
    let mut model = Mlp::new(1, &anneal_testkit::device().autodiff());
    let mut trainer = Trainer::new(&settings(), 0).unwrap();
    let mut before = 0;
    while !trainer.is_finished() {
        assert_eq!(trainer.progress(), before as f64 / 1000.0);
        let steps = trainer.steps();
        let report = step(&mut trainer, &mut model);
        let expected = if steps < 2 {
            steps as f64 / 2.0
        } else {
            // The warm-up took 160 tokens.
            let p = (before as f64 - 160.0) / 840.0;
            (1.0 - p) * 0.8 + 0.2
        };
        assert!(
            (report.learning_rate / 0.03 - expected).abs() < 1e-12,
            "step {steps}"
        );
        before += tokens_of(steps);
    }
    // 6 · 160 = 960 after twelve steps, and a thirteenth of 60.
    assert_eq!((trainer.steps(), trainer.tokens()), (13, 1020));
    assert_eq!(trainer.trained_tokens(), 130);
    assert_eq!(trainer.spent().tokens, 1020);
}

#[test]
fn a_run_that_counts_no_tokens_does_not_go_on_for_ever() {
    let device = anneal_testkit::device();
    let mut model = Mlp::new(1, &device.clone().autodiff());
    let mut trainer = Trainer::new(&settings(), 0).unwrap();
    let batches = micro_batches(0, &device);
    let error = trainer.step(&mut model, &batches, Mlp::loss).unwrap_err();
    assert_eq!(
        error.to_string(),
        "step 1: the budget has max_tokens, and no token was counted; call Accumulator::count_tokens"
    );
    assert_eq!(trainer.steps(), 0);
}

#[test]
fn tokens_are_resumed_and_an_old_checkpoint_is_read_where_they_do_not_matter() {
    let device = anneal_testkit::device().autodiff();
    let (mut model, mut trainer) = (Mlp::new(1, &device), Trainer::new(&settings(), 0).unwrap());
    let straight: Vec<f64> = (0..8)
        .map(|_| step(&mut trainer, &mut model).learning_rate)
        .collect();

    let root = tempfile::tempdir().unwrap();
    let (mut model, mut trainer) = (Mlp::new(1, &device), Trainer::new(&settings(), 0).unwrap());
    for _ in 0..5 {
        step(&mut trainer, &mut model);
    }
    let state = trainer.state(DataPosition::default(), "x");
    assert_eq!(
        (state.tokens, state.optimizer.as_str()),
        (Some(380), "adamw")
    );
    let folder = checkpoint::save(root.path(), &model, trainer.optimizer(), &state, 1).unwrap();
    let (mut model, mut resumed) = (Mlp::new(2, &device), Trainer::new(&settings(), 0).unwrap());
    resumed.restore(&folder, &mut model, "x").unwrap();
    assert_eq!(resumed.tokens(), 380);
    for expected in &straight[5..] {
        assert_eq!(step(&mut resumed, &mut model).learning_rate, *expected);
    }

    // What versions before this one wrote.
    let file = folder.join("trainer_state.json");
    let text = fs::read_to_string(&file).unwrap();
    let old = text
        .replace("  \"tokens\": 380,\n", "")
        .replace("  \"optimizer\": \"adamw\",\n", "");
    assert_eq!(old.lines().count() + 2, text.lines().count());
    fs::write(&file, &old).unwrap();
    let read = TrainState::read(&file).unwrap();
    assert_eq!((read.tokens, read.optimizer.as_str()), (None, "adamw"));
    let before = values(model.up.weight.val());
    let error = resumed.restore(&folder, &mut model, "x").unwrap_err();
    assert!(
        error.to_string().contains("does not say how many tokens"),
        "{error}"
    );
    assert_eq!(values(model.up.weight.val()), before);
    let mut by_steps = Trainer::new(&config(20), 0).unwrap();
    by_steps.restore(&folder, &mut model, "x").unwrap();
    assert_eq!((by_steps.steps(), by_steps.tokens()), (5, 0));
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let device = anneal_testkit::device();
    let run = |seed: u64| {
        let on = device.clone().autodiff();
        let (mut full, mut adapted) = (Mlp::new(seed, &on), Adapted::new(seed, &on));
        let mut trainers = [(); 2].map(|()| Trainer::new(&config(20), 0).unwrap());
        for step in 0..20 {
            // Enough rows for the products to be split among threads.
            let batches = [
                Batch::new(seed + step, 700, &device),
                Batch::new(seed, 300, &device),
            ];
            trainers[0].step(&mut full, &batches, Mlp::loss).unwrap();
            trainers[1]
                .step(&mut adapted, &batches, Adapted::loss)
                .unwrap();
        }
        let root = tempfile::tempdir().unwrap();
        let files = [
            checkpoint_bytes(&root.path().join("full"), &trainers[0], &full),
            checkpoint_bytes(&root.path().join("adapted"), &trainers[1], &adapted),
        ];
        files.concat()
    };
    let first = run(3);
    assert!(first == run(3), "two runs of one seed differ");
    assert!(first != run(4), "the seed decides nothing");
}

/// The parameters and the optimiser's state, as files.
fn checkpoint_bytes<M: burn::module::Module>(
    root: &std::path::Path,
    trainer: &Trainer,
    model: &M,
) -> Vec<u8> {
    let state = trainer.state(DataPosition::default(), "x");
    let folder = checkpoint::save(root, model, trainer.optimizer(), &state, 1).unwrap();
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    [read("trainable.safetensors"), read("optimizer.safetensors")].concat()
}
