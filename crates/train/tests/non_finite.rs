//! Losses and gradients that are not finite: named, saved, passed over within limits.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::path::Path;

use anneal_train::{
    Decay, Feed, ManualClock, MetricsRecord, NonFinite, Objective, RunConfig, RunSummary, Schedule,
    Start, TokenLoss, TrainError, Trainer, TrainerConfig, TrainingRun, Warmup, read_records,
};
use burn::tensor::Tensor;
use common::feed::{Numbered, Steps};
use common::{Mlp, config, values};

/// Nine steps at one learning rate.
fn constant() -> TrainerConfig {
    TrainerConfig {
        schedule: Schedule {
            decay: Decay::Constant,
            warmup: Warmup::Steps(0),
            ..Schedule::default()
        },
        ..config(9)
    }
}

/// Where the loss or the gradient breaks, by the number of a row.
struct Breaks {
    loss_at: Vec<u64>,
    gradient_at: Vec<u64>,
}

impl Breaks {
    fn has(rows: &[u64], at: &[u64]) -> bool {
        rows.iter().any(|row| at.contains(row))
    }
}

impl Objective<Mlp, Numbered> for Breaks {
    fn loss(&self, model: &Mlp, batch: &Numbered) -> TokenLoss {
        let loss = model.loss(&batch.batch);
        if Self::has(&batch.rows, &self.loss_at) {
            return TokenLoss::new(loss.sum * f32::NAN, loss.count);
        }
        if Self::has(&batch.rows, &self.gradient_at) {
            // √0 is 0; its derivative is infinite.
            let bias = model.down.bias.as_ref().unwrap().val();
            let zero: Tensor<1> = (bias.clone() - bias.detach()).sum();
            return TokenLoss::new(loss.sum + zero.sqrt(), loss.count);
        }
        loss
    }

    fn rows(&self, batch: &Numbered) -> Vec<u64> {
        batch.rows.clone()
    }

    fn first_non_finite(&self, _: &Mlp, batch: &Numbered) -> Option<String> {
        Self::has(&batch.rows, &self.loss_at).then(|| "model.layers.2.mlp".into())
    }
}

fn run(
    output: &Path,
    objective: &Breaks,
    non_finite: NonFinite,
) -> (Result<RunSummary, TrainError>, Mlp) {
    let device = anneal_testkit::device();
    let mut model = Mlp::new(1, &device.clone().autodiff());
    let trainer = Trainer::new(&constant(), 5).unwrap();
    let run_config = RunConfig {
        checkpoint_every: 2,
        non_finite,
        start: Start::ResumeOrNew,
        seed: 5,
        ..RunConfig::new(output)
    };
    let result = TrainingRun::new(run_config, trainer.with_clock(ManualClock::default())).run(
        &mut model,
        objective,
        &mut Steps::new(&device),
    );
    (result, model)
}

#[test]
fn a_loss_stops_the_run_with_the_step_the_rows_and_the_layer() {
    let output = tempfile::tempdir().unwrap();
    // Step 7 has the rows 60..70 in micro-batches of 3, 1 and 6: row 63 is the second's.
    let breaks = Breaks {
        loss_at: vec![63],
        gradient_at: vec![],
    };
    let (result, model) = run(output.path(), &breaks, NonFinite::Stop);
    let error = result.unwrap_err();
    let folder = output.path().join("non-finite-step-00000007");
    assert_eq!(
        error.to_string(),
        format!(
            "step 7: the loss of micro-batch 1 is NaN; no parameter was updated; \
             micro-batch 1 has the row 63; the first layer with such an output is \
             `model.layers.2.mlp`; the step is saved in `{}`",
            folder.display()
        )
    );

    // What was saved is the state before the step: it can be loaded and the step run again.
    let device = anneal_testkit::device();
    let mut again = Mlp::new(2, &device.clone().autodiff());
    let mut trainer = Trainer::new(&constant(), 5).unwrap();
    let state = trainer.restore(&folder, &mut again, "").unwrap();
    assert_eq!(state.step, 6);
    assert_eq!(values(again.up.weight.val()), values(model.up.weight.val()));
    let mut feed = Steps::new(&device);
    feed.seek(state.data).unwrap();
    let data = feed.next();
    let error = trainer
        .step(&mut again, &data.micro_batches, |m, b| breaks.loss(m, b))
        .unwrap_err();
    assert!(
        matches!(
            error,
            TrainError::NonFiniteLoss {
                step: 7,
                micro_batch: 1,
                ..
            }
        ),
        "{error}"
    );
    let text = std::fs::read_to_string(folder.join("step.json")).unwrap();
    let saved: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(saved["step"], 7);
    assert_eq!(saved["data"]["position"], 1);
    let micro_batches = saved["micro_batches"].as_array().unwrap();
    assert_eq!(micro_batches.len(), 3);
    for (index, micro_batch) in micro_batches.iter().enumerate() {
        let batch = &data.micro_batches[index];
        let rows: Vec<u64> = serde_json::from_value(micro_batch["rows"].clone()).unwrap();
        assert_eq!(rows, batch.rows);
        let sum: f64 = again.loss(&batch.batch).sum.inner().into_scalar();
        let expected = (index != 1).then_some(sum);
        assert_eq!(micro_batch["loss_sum"].as_f64(), expected);
    }
    // A run that goes on meets it again, from the checkpoint of step 6.
    let (result, _) = run(output.path(), &breaks, NonFinite::Stop);
    assert!(
        result
            .unwrap_err()
            .to_string()
            .starts_with("step 7: the loss")
    );
}

#[test]
fn a_gradient_stops_the_run_with_the_parameter_and_the_rows() {
    let output = tempfile::tempdir().unwrap();
    let breaks = Breaks {
        loss_at: vec![],
        gradient_at: vec![21, 26],
    };
    let (result, _) = run(output.path(), &breaks, NonFinite::Stop);
    let message = result.unwrap_err().to_string();
    assert!(
        message.starts_with(
            "step 3: the gradient of `down.bias` has the norm NaN; no parameter was updated; \
             micro-batch 0 has the rows 20, 21, 22; \
             micro-batch 2 has the rows 24, 25, 26, 27, 28, 29; the step is saved in `"
        ) || message.starts_with(
            "step 3: the gradient of `down.bias` has the norm inf; no parameter was updated; \
             micro-batch 0 has the rows 20, 21, 22; \
             micro-batch 2 has the rows 24, 25, 26, 27, 28, 29; the step is saved in `"
        ),
        "{message}"
    );
    let folder = output.path().join("non-finite-step-00000003");
    let text = std::fs::read_to_string(folder.join("step.json")).unwrap();
    let saved: serde_json::Value = serde_json::from_str(&text).unwrap();
    let gradients = |index: usize| &saved["micro_batches"][index]["non_finite_gradients"];
    assert_eq!(*gradients(0), serde_json::json!(["down.bias"]));
    assert_eq!(*gradients(1), serde_json::json!([]));
}

#[test]
fn steps_are_passed_over_counted_and_no_more_than_allowed() {
    let breaks = Breaks {
        loss_at: vec![12, 65],
        gradient_at: vec![40],
    };
    let output = tempfile::tempdir().unwrap();
    let (result, model) = run(output.path(), &breaks, NonFinite::Skip { at_most: 3 });
    let summary = result.unwrap();
    assert_eq!((summary.steps, summary.skipped_steps), (9, 3));
    assert_eq!((summary.tokens, summary.trained_tokens), (9 * 40, 6 * 10));
    let records: Vec<MetricsRecord> = read_records(&output.path().join("metrics.jsonl")).unwrap();
    let skipped: Vec<_> = records
        .iter()
        .filter_map(|r| Some((r.step, r.skipped.as_deref()?)))
        .collect();
    assert_eq!(skipped.len(), 3);
    assert_eq!(
        skipped[0],
        (2, "the loss of micro-batch 0 (rows 10, 11, 12) is NaN")
    );
    assert_eq!(skipped[1].0, 5);
    assert!(
        skipped[1]
            .1
            .starts_with("the gradient of `down.bias` has the norm")
    );
    assert_eq!(skipped[2].0, 7);
    assert!(records[1].loss.is_nan() && records[1].lr == 0.0);
    let text = std::fs::read_to_string(output.path().join("metrics.jsonl")).unwrap();
    assert!(
        text.lines().nth(1).unwrap().contains("\"loss\":null"),
        "{text}"
    );

    // The learning rate is constant, so the run must equal one that never met those steps.
    let device = anneal_testkit::device();
    let mut without = Mlp::new(1, &device.clone().autodiff());
    let mut feed = Steps::new(&device);
    let mut trainer = Trainer::new(&constant(), 5).unwrap();
    for step in 1..=9 {
        let data = feed.next();
        if ![2, 5, 7].contains(&step) {
            let loss = |m: &Mlp, b: &Numbered| m.loss(&b.batch);
            let report = trainer.step(&mut without, &data.micro_batches, loss);
            assert_eq!(report.unwrap().loss, records[step - 1].loss);
        }
    }
    assert_eq!(
        values(model.up.weight.val()),
        values(without.up.weight.val())
    );

    // One fewer allowed: the third one ends it, and a resumed run has counted the first two.
    let output = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let (result, _) = run(output.path(), &breaks, NonFinite::Skip { at_most: 2 });
        let message = result.unwrap_err().to_string();
        assert!(
            message.starts_with("step 7: the loss of micro-batch 2 is NaN"),
            "{message}"
        );
        assert!(
            message.contains("; 2 such steps were passed over before; "),
            "{message}"
        );
    }
}
