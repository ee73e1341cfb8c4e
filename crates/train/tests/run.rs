//! The run loop: what is validated, kept, written and resumed, to the bit.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::path::Path;
use std::time::Duration;

use anneal_train::{
    BestBy, Ended, ManualClock, MetricsRecord, RunConfig, RunSummary, Start, StopSignal, TokenLoss,
    Trainer, TrainingRun, Validation, ValidationRecord, checkpoint, read_records,
};
use burn::module::Module;
use common::feed::{Numbered, Steps, assert_same_files};
use common::{Batch, Mlp, config, micro_batches, values};

const STEPS: u64 = 14;

fn loss(model: &Mlp, batch: &Numbered) -> TokenLoss {
    model.loss(&batch.batch)
}

/// Checkpoints every 4 steps, validations every 3 and before the first.
fn settings(output: &Path) -> RunConfig {
    RunConfig {
        checkpoint_every: 4,
        validate_every: Some(3),
        validate_at_start: true,
        fingerprint: "these".into(),
        start: Start::ResumeOrNew,
        ..RunConfig::new(output)
    }
}

/// The loss on rows that no step has, on which a few steps do harm.
fn held_out(model: &Mlp) -> f64 {
    let device = anneal_testkit::device();
    let batch = Batch::join(&micro_batches(999, &device));
    model.clone().valid().loss(&batch).mean()
}

/// One session; the stop signal is raised in the step `stop_after`, before the first one for 0.
fn session(config: RunConfig, stop_after: Option<u64>) -> (RunSummary, Mlp) {
    let device = anneal_testkit::device();
    let mut model = Mlp::new(1, &device.clone().autodiff());
    let trainer = Trainer::new(&common::config(STEPS), 5).unwrap();
    let stop = StopSignal::new();
    if stop_after == Some(0) {
        stop.raise();
    }
    let (raise, metrics) = (stop.clone(), config.metrics_file());
    let summary = TrainingRun::new(config, trainer.with_clock(ManualClock::default()))
        .with_validation(|model: &Mlp, step| {
            let loss = held_out(model);
            // Best at step 6 whatever the loss does.
            let score = 1.0 - (step as f64 - 6.0).abs() / 100.0;
            Ok::<_, anneal_train::TrainError>(
                Validation::default()
                    .with_loss(loss)
                    .with_score("accuracy", score)
                    .with_part("even", loss / 2.0, 5),
            )
        })
        .with_stop(stop)
        .with_peak_memory(move || {
            let lines = read_records::<MetricsRecord>(&metrics).unwrap().len() as u64;
            if Some(lines + 1) == stop_after {
                raise.raise();
            }
            Some(1 << 20)
        })
        .run(&mut model, &loss, &mut Steps::new(&device))
        .unwrap();
    (summary, model)
}

#[test]
fn a_run_stopped_after_any_step_ends_as_one_that_was_not() {
    let straight = tempfile::tempdir().unwrap();
    let by_score = |output: &Path| RunConfig {
        best_by: BestBy::Score,
        ..settings(output)
    };
    let (expected, model) = session(by_score(straight.path()), None);
    assert_eq!((expected.ended, expected.steps), (Ended::Budget, STEPS));
    let steps: Vec<u64> = expected.validations.iter().map(|v| v.step).collect();
    assert_eq!(steps, [0, 3, 6, 9, 12, 14]);
    assert_eq!(expected.best.as_ref().unwrap().step, 6);
    assert_eq!(
        (expected.tokens, expected.examples),
        (40 * STEPS, 10 * STEPS)
    );
    let written: Vec<ValidationRecord> =
        read_records(&straight.path().join("validation.jsonl")).unwrap();
    assert_eq!(written, expected.validations);
    assert_eq!(
        written.iter().map(|v| v.best).collect::<Vec<_>>(),
        [true, true, true, false, false, false]
    );
    for stop_after in 1..STEPS {
        let output = tempfile::tempdir().unwrap();
        let (first, _) = session(by_score(output.path()), Some(stop_after));
        assert_eq!((first.ended, first.steps), (Ended::Signal, stop_after));
        let (second, resumed) = session(by_score(output.path()), None);
        assert_eq!(second.resumed_from, Some(stop_after));
        assert_eq!(
            values(resumed.up.weight.val()),
            values(model.up.weight.val())
        );
        let best = second.best.clone().unwrap();
        assert_eq!(best.step, 6);
        // The stop left a checkpoint more; which ones are the newest two is the same in the end.
        let without = |summary: RunSummary| RunSummary {
            best: None,
            resumed_from: None,
            ..summary
        };
        assert_eq!(without(second), without(expected.clone()));
        let what = format!("stopped after {stop_after}");
        for part in ["", "checkpoints/best", "checkpoints/step-00000014"] {
            let (found, wanted) = (output.path().join(part), straight.path().join(part));
            if part.is_empty() {
                for file in ["metrics.jsonl", "validation.jsonl"] {
                    let [found, wanted] =
                        [&found, &wanted].map(|f| std::fs::read_to_string(f.join(file)).unwrap());
                    assert_eq!(found, wanted, "{what}: {file}");
                }
            } else {
                assert_same_files(&found, &wanted, &what);
            }
        }
    }
}

#[test]
fn a_finished_run_resumes_to_nothing() {
    let output = tempfile::tempdir().unwrap();
    let (first, _) = session(settings(output.path()), None);
    let before = common::feed::contents(output.path());
    let (again, _) = session(settings(output.path()), None);
    assert_eq!(again.steps, first.steps);
    assert_eq!(again.resumed_from, Some(STEPS));
    assert_eq!(again.validations, first.validations);
    assert_eq!(common::feed::contents(output.path()), before);
}

#[test]
fn the_best_parameters_come_back_and_outlive_the_newest_two() {
    let output = tempfile::tempdir().unwrap();
    let by_score = RunConfig {
        best_by: BestBy::Score,
        ..settings(output.path())
    };
    let (summary, mut model) = session(by_score, None);
    let checkpoints = output.path().join("checkpoints");
    let mut names: Vec<_> = std::fs::read_dir(&checkpoints)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["best", "step-00000012", "step-00000014"]);

    let best = summary.best.unwrap();
    assert_eq!(
        best.checkpoint,
        checkpoint::best(&checkpoints).unwrap().unwrap()
    );
    let text = std::fs::read_to_string(best.checkpoint.join("best.json")).unwrap();
    assert!(
        text.contains("\"by\": \"score\"") && text.contains("\"step\": 6"),
        "{text}"
    );
    let last = held_out(&model);
    best.restore(&mut model).unwrap();
    assert_ne!(held_out(&model), last);
    assert_eq!(Some(held_out(&model)), best.loss);
    assert_eq!(best.score, Some(1.0));
}

#[test]
fn a_kill_between_a_checkpoint_and_its_being_the_best_is_mended() {
    let output = tempfile::tempdir().unwrap();
    let by_score = |path: &Path| RunConfig {
        best_by: BestBy::Score,
        ..settings(path)
    };
    session(by_score(output.path()), Some(6));
    let best = output.path().join("checkpoints/best");
    let wanted = common::feed::contents(&best);
    for damage in [true, false] {
        std::fs::remove_dir_all(&best).unwrap();
        if damage {
            // The best of before: another step's.
            std::fs::create_dir(&best).unwrap();
            let old = r#"{"by":"score","step":3,"loss":1.0,"score":0.97}"#;
            std::fs::write(best.join("best.json"), old).unwrap();
        }
        let (summary, _) = session(by_score(output.path()), Some(0));
        assert_eq!((summary.steps, summary.best.unwrap().step), (6, 6));
        assert_eq!(common::feed::contents(&best), wanted);
    }
    // Later it cannot be made again: there is no best then until the next is found.
    session(by_score(output.path()), Some(8));
    std::fs::remove_dir_all(&best).unwrap();
    let (summary, _) = session(by_score(output.path()), None);
    assert_eq!(summary.best.unwrap().step, 9);
}

#[test]
fn patience_ends_the_run_and_is_resumed() {
    let patient = |output: &Path| RunConfig {
        best_by: BestBy::Score,
        patience: Some(2),
        ..settings(output)
    };
    let straight = tempfile::tempdir().unwrap();
    let (expected, _) = session(patient(straight.path()), None);
    // The best at 6; 9 and 12 are worse.
    assert_eq!((expected.ended, expected.steps), (Ended::EarlyStopping, 12));
    for stop_after in [5, 7, 9, 10, 11] {
        let output = tempfile::tempdir().unwrap();
        session(patient(output.path()), Some(stop_after));
        let (resumed, _) = session(patient(output.path()), None);
        assert_eq!((resumed.ended, resumed.steps), (Ended::EarlyStopping, 12));
        let (again, _) = session(patient(output.path()), None);
        assert_eq!((again.ended, again.steps), (Ended::EarlyStopping, 12));
    }
}

#[test]
fn a_folder_with_another_run_is_refused_and_an_empty_one_has_nothing_to_resume() {
    let output = tempfile::tempdir().unwrap();
    let attempt = |start, fingerprint: &str| {
        let config = RunConfig {
            start,
            fingerprint: fingerprint.into(),
            ..settings(output.path())
        };
        let device = anneal_testkit::device();
        let mut model = Mlp::new(1, &device.clone().autodiff());
        let trainer = Trainer::new(&common::config(2), 5).unwrap();
        TrainingRun::new(config, trainer)
            .run(&mut model, &loss, &mut Steps::new(&device))
            .map(|summary| summary.steps)
            .map_err(|error| error.to_string())
    };
    let message = attempt(Start::Resume, "these").unwrap_err();
    assert!(message.contains("has no run to go on from"), "{message}");
    // Killed before its first checkpoint.
    std::fs::write(output.path().join("metrics.jsonl"), "{\"ste").unwrap();
    assert_eq!(attempt(Start::Resume, "these"), Ok(2));
    let message = attempt(Start::New, "these").unwrap_err();
    assert!(
        message.contains("has checkpoints of an earlier run"),
        "{message}"
    );
    let message = attempt(Start::Resume, "others").unwrap_err();
    assert!(
        message.contains("was written with other settings"),
        "{message}"
    );
    assert_eq!(attempt(Start::Resume, "these"), Ok(2));
}

#[test]
fn validations_take_no_time_of_the_budget_and_parts_are_means_per_token() {
    let output = tempfile::tempdir().unwrap();
    let device = anneal_testkit::device();
    let mut model = Mlp::new(1, &device.clone().autodiff());
    let clock = ManualClock::default();
    let trainer = Trainer::new(&config(2), 5).unwrap();
    let (in_steps, in_validation) = (clock.clone(), clock.clone());
    let objective = |model: &Mlp, batch: &Numbered| -> TokenLoss {
        in_steps.advance(Duration::from_secs(1));
        let loss = model.loss(&batch.batch);
        let part = |name, factor: f32, count| {
            anneal_train::LossPart::new(name, loss.sum.clone() * factor, count)
        };
        let parts = vec![
            part("half", 0.5, loss.count),
            part("none", 0.0, 0),
            part("few", 1.0, 1),
        ];
        TokenLoss::new(loss.sum.clone(), loss.count).with_parts(parts)
    };
    let config = RunConfig {
        validate_every: Some(1),
        ..RunConfig::new(output.path())
    };
    let summary = TrainingRun::new(config, trainer.with_clock(clock))
        .with_validation(move |_: &Mlp, _| {
            in_validation.advance(Duration::from_secs(100));
            Ok::<_, anneal_train::TrainError>(Validation::default().with_loss(1.0))
        })
        .run(&mut model, &objective, &mut Steps::new(&device))
        .unwrap();
    assert_eq!(summary.trained, Duration::from_secs(6));
    assert_eq!(summary.validations[0].seconds, 100.0);
    let records: Vec<MetricsRecord> = read_records(&output.path().join("metrics.jsonl")).unwrap();
    for record in records {
        assert_eq!(record.seconds, 3.0);
        assert_eq!(record.examples_per_second, 10.0 / 3.0);
        let parts: Vec<_> = record
            .parts
            .iter()
            .map(|(name, p)| (name.as_str(), p.tokens))
            .collect();
        assert_eq!(parts, [("few", 3), ("half", 10)]);
        let close = |found: f64, expected: f64| (found / expected - 1.0).abs() < 1e-6;
        assert!(close(record.parts["half"].loss, record.loss / 2.0));
        assert!(close(record.parts["few"].loss, record.loss * 10.0 / 3.0));
    }
}
