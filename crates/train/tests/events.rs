//! The event files of a resumed run, read back by a reader of the test's own.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use anneal_train::{
    MetricsRecord, RunConfig, Start, StopSignal, TokenLoss, Trainer, TrainingRun, Validation,
    read_records,
};
use common::feed::{Numbered, Steps};
use common::{Mlp, config};

/// Records of a file; a last one that is cut short ends it.
fn records(bytes: &[u8]) -> Vec<&[u8]> {
    let mut rest = bytes;
    let mut found = Vec::new();
    while rest.len() >= 12 {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        let Some(data) = rest.get(12..12 + length) else {
            break;
        };
        for (part, at) in [(&rest[..8], 8), (data, 12 + length)] {
            let stored = u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
            let unmasked = stored.wrapping_sub(0xa282_ead8).rotate_left(15);
            assert_eq!(unmasked, crc32c::crc32c(part));
        }
        found.push(data);
        rest = &rest[16 + length..];
    }
    found
}

/// A protobuf field: its number, and its bytes or its number as bits.
enum Field<'a> {
    Bytes(&'a [u8]),
    Bits(u64),
}

fn fields(mut message: &[u8]) -> Vec<(u64, Field<'_>)> {
    fn varint(message: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = message[0];
            *message = &message[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let field = match key & 7 {
            0 => Field::Bits(varint(&mut message)),
            kind => {
                let length = match kind {
                    1 => 8,
                    5 => 4,
                    2 => varint(&mut message) as usize,
                    other => panic!("wire type {other}"),
                };
                let (value, rest) = message.split_at(length);
                message = rest;
                Field::Bytes(value)
            }
        };
        found.push((key >> 3, field));
    }
    found
}

type Curves = BTreeMap<String, BTreeMap<u64, f32>>;

/// Reads one file over what earlier files gave, as TensorBoard does; returns the restart's step.
fn read(path: &Path, curves: &mut Curves) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    let mut restart = None;
    for (index, event) in records(&bytes).into_iter().enumerate() {
        let (mut step, mut summary, mut version, mut log) = (0, None, None, None);
        for (number, field) in fields(event) {
            match (number, field) {
                (1, Field::Bytes(time)) => {
                    let time = f64::from_le_bytes(time.try_into().unwrap());
                    assert!(time > 1.7e9, "seconds since 1970: {time}");
                }
                (2, Field::Bits(value)) => step = value,
                (3, Field::Bytes(text)) => version = Some(text),
                (5, Field::Bytes(message)) => summary = Some(message),
                (7, Field::Bytes(message)) => log = Some(message),
                (other, _) => panic!("field {other}"),
            }
        }
        assert_eq!(version.is_some(), index == 0);
        if let Some(text) = version {
            assert_eq!(text, b"brain.Event:2");
        }
        if let Some(log) = log {
            assert_eq!(log, [0x08, 1], "SessionLog {{ status: START }}");
            restart = Some(step);
            for values in curves.values_mut() {
                values.retain(|&earlier, _| earlier < step);
            }
        }
        for (_, value) in summary.map(fields).unwrap_or_default() {
            let Field::Bytes(value) = value else {
                panic!("a value is a message")
            };
            let (mut tag, mut number) = (String::new(), f32::NAN);
            for (field, value) in fields(value) {
                match (field, value) {
                    (1, Field::Bytes(text)) => tag = String::from_utf8(text.to_vec()).unwrap(),
                    (2, Field::Bytes(bits)) => {
                        number = f32::from_le_bytes(bits.try_into().unwrap());
                    }
                    (other, _) => panic!("field {other} of a value"),
                }
            }
            let earlier = curves.entry(tag).or_default().insert(step, number);
            assert_eq!(earlier, None, "step {step} twice");
        }
    }
    restart.unwrap()
}

fn session(output: &Path, stop_at: u64) {
    let device = anneal_testkit::device();
    let mut model = Mlp::new(1, &device.clone().autodiff());
    let stop = StopSignal::new();
    let own = stop.clone();
    let objective = |model: &Mlp, batch: &Numbered| -> TokenLoss {
        let loss = model.loss(&batch.batch);
        let part = anneal_train::LossPart::new("keyword", loss.sum.clone() * 0.25, 2);
        loss.with_parts(vec![part])
    };
    let run_config = RunConfig {
        start: Start::ResumeOrNew,
        checkpoint_every: 4,
        validate_every: Some(1),
        ..RunConfig::new(output)
    };
    TrainingRun::new(run_config, Trainer::new(&config(9), 5).unwrap())
        .with_validation(|_: &Mlp, step| {
            if step == stop_at {
                own.raise();
            }
            let score = 1.0 / (step + 1) as f64;
            let found = Validation::default().with_loss(10.0 - step as f64);
            Ok::<_, anneal_train::TrainError>(found.with_score("execution_accuracy", score))
        })
        .with_stop(stop)
        .run(&mut model, &objective, &mut Steps::new(&device))
        .unwrap();
}

#[test]
fn a_resumed_run_shows_each_step_once_with_the_numbers_of_the_lines() {
    let output = tempfile::tempdir().unwrap();
    session(output.path(), 6);
    // As if killed after step 6, with step 5 the last checkpoint: 5 and 6 were validated and saved.
    let checkpoints = output.path().join("checkpoints");
    std::fs::remove_dir_all(checkpoints.join("step-00000006")).unwrap();
    session(output.path(), 100);

    let folder = output.path().join("tensorboard");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut curves = Curves::new();
    let restarts: Vec<u64> = files.iter().map(|file| read(file, &mut curves)).collect();
    assert_eq!(restarts, [0, 6]);

    let lines: Vec<MetricsRecord> = read_records(&output.path().join("metrics.jsonl")).unwrap();
    let mut expected = Curves::new();
    let mut put = |tag: &str, step: u64, value: f64| {
        let curve = expected.entry(tag.into()).or_default();
        curve.insert(step, value as f32);
    };
    for line in &lines {
        put("train/loss", line.step, line.loss);
        put("train/lr", line.step, line.lr);
        put("train/grad_norm", line.step, line.grad_norm);
        put("train/tokens_per_second", line.step, line.tokens_per_second);
        put("train/loss/keyword", line.step, line.parts["keyword"].loss);
        let score = 1.0 / (line.step + 1) as f64;
        put("validation/loss", line.step, 10.0 - line.step as f64);
        put("validation/execution_accuracy", line.step, score);
    }
    assert_eq!(lines.len(), 9);
    assert_eq!(curves, expected);
}
