//! Runs that were ended, killed or stopped, and go on.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::trained::{Keys, Set, as_flags, with};
use common::{assert_contains, program, run, snapshot, succeed};
use serde_json::json;

#[test]
fn an_interrupted_run_continues_to_the_same_bytes() {
    let set = Set::new();
    let run_to = |output: &str, steps: u64, more: &[&str]| {
        succeed(
            "finetune",
            &with(&as_flags(&set.quick(output, steps)), more),
        );
    };
    run_to("whole", 6, &[]);
    let (adapter, metrics) = (set.adapter("whole"), set.metrics("whole"));
    assert_eq!(metrics.len(), 6);

    // Ended by its budget, then continued: within the first pass over the data,
    // into the second.
    run_to("ended", 4, &[]);
    assert_ne!(set.adapter("ended"), adapter);
    run_to("ended", 6, &["--resume"]);
    assert!(set.adapter("ended") == adapter, "another adapter");
    assert_eq!(set.metrics("ended"), metrics);

    // Killed after step 4: the newest checkpoint is of step 3, the metrics are not.
    run_to("killed", 4, &[]);
    let checkpoints = set.path("killed").join("checkpoints");
    std::fs::remove_dir_all(checkpoints.join("step-00000004")).unwrap();
    assert!(checkpoints.join("step-00000003").exists());
    run_to("killed", 6, &["--resume"]);
    assert!(set.adapter("killed") == adapter, "another adapter");
    assert_eq!(set.metrics("killed"), metrics);

    // Other settings are another run.
    let before = snapshot(&checkpoints);
    let mut other = set.quick("killed", 8);
    other.insert("learning_rate", json!(0.02));
    let other = with(&as_flags(&other), &["--resume"]);
    let outcome = run("finetune", &other);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert_contains(
        &outcome.stderr,
        &["error: ", "trainer_state.json", "settings"],
    );
    assert!(before == snapshot(&checkpoints), "a checkpoint changed");
}

/// A run of many steps in a process of its own.
struct Running(Child);

impl Running {
    fn start(settings: &Keys, more: &[&str]) -> Self {
        let mut command = Command::new(program("finetune"));
        command.args(with(&as_flags(settings), more));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// Waits until so many steps are written.
    fn wait_for(&mut self, set: &Set, output: &str, steps: usize) {
        let (path, begun) = (set.path(output).join("metrics.jsonl"), Instant::now());
        loop {
            let lines = std::fs::read_to_string(&path).unwrap_or_default();
            if lines.lines().count() >= steps {
                return;
            }
            assert!(self.0.try_wait().unwrap().is_none(), "it ended early");
            assert!(begun.elapsed() < Duration::from_secs(60), "it is stuck");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// More steps than are done before anybody can stop them.
const MANY: u64 = 150;

#[test]
fn a_killed_run_goes_on_to_the_bytes_of_one_that_was_not() {
    let set = Set::new();
    let settings = |output: &str| {
        let mut settings = set.quick(output, MANY);
        // What is decided at a validation must survive too.
        settings.extend([
            ("validate_every", json!(20)),
            ("validation_rows", json!(3)),
            ("checkpoint_every", json!(7)),
        ]);
        settings
    };
    succeed("finetune", &as_flags(&settings("whole")));
    let resume = with(&as_flags(&settings("killed")), &["--resume"]);
    for steps in [7, 41, 90] {
        let more: &[&str] = if steps > 7 { &["--resume"] } else { &[] };
        let mut running = Running::start(&settings("killed"), more);
        running.wait_for(&set, "killed", steps);
        running.0.kill().unwrap();
        let status = running.0.wait().unwrap();
        assert_eq!(status.code(), None, "it ended before it was killed");
    }
    succeed("finetune", &resume);
    assert!(
        set.adapter("killed") == set.adapter("whole"),
        "another adapter"
    );
    assert_eq!(set.metrics("killed"), set.metrics("whole"));
    let validations = |output: &str| {
        let report = set.report(output);
        let all = report["validations"].as_array().unwrap().clone();
        let loss = |v: &serde_json::Value| (v["step"].clone(), v["loss"].clone());
        all.iter().map(loss).collect::<Vec<_>>()
    };
    assert_eq!(validations("killed"), validations("whole"));
    assert_eq!(validations("whole").len(), 9);
}

#[cfg(unix)]
#[test]
fn a_stopped_run_saves_and_says_how_to_go_on() {
    let set = Set::new();
    let settings = |output: &str| {
        let mut settings = set.quick(output, MANY);
        settings.insert("checkpoint_every", json!(25));
        settings
    };
    let (settings, whole) = (settings("stopped"), settings("whole"));
    let mut running = Running::start(&settings, &[]);
    running.wait_for(&set, "stopped", 5);
    let pid = running.0.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(sent.success());
    let output = running.0.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert_contains(&stderr, &["stopped after step", "--resume"]);
    let report = set.report("stopped");
    assert_eq!(report["ended"], "signal");
    let done = report["steps"].as_u64().unwrap();
    assert!((5..MANY).contains(&done), "{done}");
    // Nothing that was done is lost.
    let newest = set
        .path("stopped")
        .join(format!("checkpoints/step-{done:08}"));
    assert!(newest.exists(), "{newest:?}");
    let halfway = set.adapter("stopped");

    succeed("finetune", &with(&as_flags(&settings), &["--resume"]));
    let report = set.report("stopped");
    assert_eq!(
        (&report["ended"], &report["steps"]),
        (&json!("budget"), &json!(MANY))
    );
    assert!(set.adapter("stopped") != halfway);
    succeed("finetune", &as_flags(&whole));
    assert!(
        set.adapter("stopped") == set.adapter("whole"),
        "another adapter"
    );
}

#[test]
fn a_step_that_is_not_finite_names_its_rows_or_is_left_out() {
    let set = Set::new();
    // No learning in the first step, far too much in the second: the third overflows.
    let settings = |output: &str| {
        let mut settings = set.quick(output, 4);
        settings.extend([
            ("learning_rate", json!(1e25)),
            ("checkpoint_every", json!(2)),
        ]);
        settings
    };
    let outcome = run("finetune", &as_flags(&settings("stops")));
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert_contains(
        &outcome.stderr,
        &[
            "error: ",
            "step 3",
            "questions.jsonl` line",
            "non-finite-step",
        ],
    );
    // The step before it is kept.
    assert!(set.path("stops/checkpoints").read_dir().unwrap().count() > 0);

    let mut skips = settings("skips");
    skips.extend([("non_finite", json!("skip")), ("max_skipped", json!(5))]);
    succeed("finetune", &as_flags(&skips));
    let report = set.report("skips");
    assert_eq!(report["steps"], 4);
    assert_eq!(report["skipped_steps"], 2);
    skips.extend([
        ("max_skipped", json!(1)),
        ("output", json!(set.path("gives_up"))),
    ]);
    let outcome = run("finetune", &as_flags(&skips));
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
}
