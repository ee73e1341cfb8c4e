//! Runs that are killed, stopped or run out of disk, in processes of their own.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anneal_train::{MetricsRecord, checkpoint, read_records};
use common::Random;
use common::child::{self, Launch, end};
use common::feed::{assert_same_files, contents};

const CHILD: &str = "a_child_trains";

/// Not a test: the program that the tests here start. By itself it does nothing.
#[test]
fn a_child_trains() {
    child::run_if_child();
}

fn start(output: &Path, variables: &[(&'static str, u64)]) -> Launch {
    Launch {
        test: CHILD,
        output: output.to_owned(),
        variables: variables.to_vec(),
    }
}

/// The same run without an interruption.
fn uninterrupted(steps: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = end(start(folder.path(), &[("STEPS", steps)]).spawn());
    assert_eq!(code, Some(0), "{text}");
    folder
}

fn signal(child: &std::process::Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Numbers below `limit`, the same in every run of the test.
fn below(random: &mut Random, limit: u32) -> u64 {
    (f64::from(random.next().abs()) * f64::from(limit)) as u64
}

#[test]
fn fifty_kills_change_nothing() {
    const STEPS: u64 = 400;
    let output = tempfile::tempdir().unwrap();
    let killed = start(output.path(), &[("STEPS", STEPS), ("STEP_MS", 1)]);
    let mut random = Random(50);
    let mut resumable = 0;
    for kill in 0..50 {
        let mut child = killed.spawn();
        if kill % 7 == 3 {
            // While it starts or restores.
            std::thread::sleep(Duration::from_millis(below(&mut random, 40)));
        } else {
            // A few steps from where it goes on, and some more: a step, a checkpoint or a validation.
            let lines = killed.metrics_lines().max(1) + below(&mut random, 6) as usize;
            assert!(
                killed.wait_for_lines(&mut child, lines),
                "it ended before kill {kill}: {}",
                end(child).1
            );
            std::thread::sleep(Duration::from_micros(below(&mut random, 9_000)));
        }
        child.kill().unwrap();
        let output_of = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output_of.stderr);
        assert_eq!(output_of.status.signal(), Some(9), "kill {kill}: {text}");
        let checkpoints = output.path().join("checkpoints");
        resumable += usize::from(checkpoint::latest(&checkpoints).unwrap().is_some());
    }
    assert!(resumable > 40, "{resumable} kills came after a checkpoint");
    let (code, text) = end(start(output.path(), &[("STEPS", STEPS)]).spawn());
    assert_eq!(code, Some(0), "{text}");

    let straight = uninterrupted(STEPS);
    assert_same_files(output.path(), straight.path(), "after fifty kills");
    let records: Vec<MetricsRecord> = read_records(&straight.path().join("metrics.jsonl")).unwrap();
    let steps: Vec<u64> = records.iter().map(|record| record.step).collect();
    assert_eq!(steps, (1..=STEPS).collect::<Vec<_>>());
    assert!(records[STEPS as usize - 1].loss < records[0].loss);
}

#[test]
fn sigterm_finishes_the_step_and_saves_it() {
    let output = tempfile::tempdir().unwrap();
    let run = start(output.path(), &[("STEPS", 40), ("STEP_MS", 2)]);
    let mut child = run.spawn();
    assert!(run.wait_for_lines(&mut child, 10));
    signal(&child, "-TERM");
    let (code, text) = end(child);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("Signal"), "{text}");
    let newest = checkpoint::latest(&output.path().join("checkpoints"));
    let name = format!("step-{:08}", run.metrics_lines());
    assert!(newest.unwrap().unwrap().ends_with(name));

    let (code, text) = end(run.spawn());
    assert_eq!((code, text.contains("Budget")), (Some(0), true), "{text}");
    let straight = uninterrupted(40);
    for file in [
        "metrics.jsonl",
        "checkpoints/best",
        "checkpoints/step-00000040",
    ] {
        let [found, wanted] = [&output, &straight].map(|folder| folder.path().join(file));
        if found.is_dir() {
            assert_same_files(&found, &wanted, file);
        } else {
            assert_eq!(
                std::fs::read(found).unwrap(),
                std::fs::read(wanted).unwrap()
            );
        }
    }
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let output = tempfile::tempdir().unwrap();
    // The seventh step would take three minutes.
    let variables = [("STEPS", 40), ("STEP_MS", 60_000), ("STEP_FROM", 6)];
    let run = start(output.path(), &variables);
    let mut child = run.spawn();
    assert!(run.wait_for_lines(&mut child, 6));
    signal(&child, "-INT");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(
        child.try_wait().unwrap(),
        None,
        "the first one waits for the step"
    );
    signal(&child, "-INT");
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(2));
    let checkpoints = output.path().join("checkpoints");
    let newest = checkpoint::latest(&checkpoints).unwrap().unwrap();
    assert!(
        newest.ends_with("step-00000005"),
        "validated at 5: {newest:?}"
    );
}

#[test]
fn a_full_disk_leaves_the_last_checkpoint_whole() {
    let output = tempfile::tempdir().unwrap();
    let stopped = start(output.path(), &[("STEPS", 30), ("STOP_AT", 10)]);
    let (code, text) = end(stopped.spawn());
    assert_eq!(code, Some(0), "{text}");
    let checkpoints = output.path().join("checkpoints");
    let before = contents(&checkpoints);
    assert!(before.contains_key("step-00000010/optimizer.safetensors"));

    // 20 KiB hold the parameters (14 KiB) and not the optimiser's state (29 KiB).
    let run = start(output.path(), &[("STEPS", 30)]);
    for _ in 0..2 {
        let (code, text) = end(run.spawn_with_limit(40));
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains("cannot write `"), "{text}");
        assert!(
            text.contains("optimizer.safetensors`: File too large"),
            "{text}"
        );
        assert!(contents(&checkpoints) == before, "a checkpoint was touched");
        let newest = checkpoint::latest(&checkpoints).unwrap().unwrap();
        assert!(newest.ends_with("step-00000010"));
    }
    let (code, text) = end(run.spawn());
    assert_eq!(code, Some(0), "{text}");
    let straight = uninterrupted(30);
    let [found, wanted] = [&output, &straight].map(|f| f.path().join("checkpoints/best"));
    assert_same_files(&found, &wanted, "after a full disk");
    let [found, wanted] = [&output, &straight].map(|f| f.path().join("metrics.jsonl"));
    assert_eq!(
        std::fs::read(found).unwrap(),
        std::fs::read(wanted).unwrap()
    );
}
