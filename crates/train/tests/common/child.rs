//! A training run in a process of its own, to be killed.
//!
//! The test program runs itself with the name of one test and these variables: `OUTPUT` the folder,
//! `STEPS`, `STOP_AT` a step after which the run stops itself, `STEP_MS` and `STEP_FROM` how long a
//! step takes from which step on.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anneal_train::{
    Ended, ManualClock, RunConfig, Start, StopSignal, TokenLoss, TrainError, Trainer, TrainingRun,
    Validation,
};
use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Distribution, Tensor};

use super::feed::{Numbered, Steps};
use super::{Batch, Random, config, micro_batches};

/// 5 → 400 → 3: checkpoints of 44 KiB.
#[derive(Module, Debug)]
struct Wide {
    up: Linear,
    down: Linear,
}

impl Wide {
    fn new(device: &Device) -> Self {
        let mut random = Random(1);
        let mut linear = |i, o| Linear {
            weight: Param::from_tensor(random.matrix([i, o], device)),
            bias: Some(Param::from_tensor(random.matrix([o], device))),
        };
        Self {
            up: linear(5, 400),
            down: linear(400, 3),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.down.forward(self.up.forward(x).tanh())
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(format!("ANNEAL_CHILD_{name}"))
        .ok()
        .map(|text| text.parse().unwrap())
}

/// The run, where this process is a child; ends the process.
pub fn run_if_child() {
    let Ok(output) = std::env::var("ANNEAL_CHILD_OUTPUT") else {
        return;
    };
    let code = match run(Path::new(&output)) {
        Ok(ended) => {
            print(&format!("{ended:?}"));
            0
        }
        Err(error) => {
            print(&error.to_string());
            3
        }
    };
    std::process::exit(code);
}

#[allow(clippy::print_stderr, reason = "the parent reads it")]
fn print(line: &str) {
    eprintln!("{line}");
}

fn run(output: &Path) -> Result<Ended, TrainError> {
    let device = anneal_testkit::device();
    let mut model = Wide::new(&device.clone().autodiff());
    let trainer = Trainer::new(&config(number("STEPS").unwrap()), 5)?;
    let run_config = RunConfig {
        checkpoint_every: 4,
        validate_every: Some(5),
        start: Start::ResumeOrNew,
        seed: 3,
        ..RunConfig::new(output)
    };
    let stop = StopSignal::listen()?;
    let own = stop.clone();
    let (step_ms, step_from) = (
        number("STEP_MS").unwrap_or(0),
        number("STEP_FROM").unwrap_or(0),
    );
    let objective = |model: &Wide, batch: &Numbered| -> TokenLoss {
        if batch.rows[0] >= 10 * step_from {
            std::thread::sleep(Duration::from_millis(step_ms));
        }
        // Dropout of the input: what it draws must be drawn again after a resume.
        let Batch { x, y } = batch.batch.clone();
        let kept = Tensor::random(x.shape(), Distribution::Bernoulli(0.8), &x.device());
        let error = model.forward(x * kept) - y;
        let rows = batch.rows.len();
        TokenLoss::new(error.square().sum(), rows)
    };
    let mut feed = Steps::new(&device);
    TrainingRun::new(run_config, trainer.with_clock(ManualClock::default()))
        .with_validation(|model: &Wide, step| {
            let held_out = Batch::join(&micro_batches(100_000, &anneal_testkit::device()));
            let error = model.clone().valid().forward(held_out.x) - held_out.y;
            let loss: f64 = error.square().mean().into_scalar();
            if Some(step) == number("STOP_AT") {
                own.raise();
            }
            Ok::<_, TrainError>(Validation::default().with_loss(loss))
        })
        .with_stop(stop)
        .run(&mut model, &objective, &mut feed)
        .map(|summary| summary.ended)
}

/// How to start a child.
pub struct Launch {
    pub test: &'static str,
    pub output: PathBuf,
    pub variables: Vec<(&'static str, u64)>,
}

impl Launch {
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("ANNEAL_CHILD_OUTPUT", &self.output)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        for (name, value) in &self.variables {
            command.env(format!("ANNEAL_CHILD_{name}"), value.to_string());
        }
        command
    }

    fn arguments(&self) -> [&str; 3] {
        [self.test, "--exact", "--nocapture"]
    }

    pub fn spawn(&self) -> Child {
        let program = std::env::current_exe().unwrap();
        let mut command = self.command(program);
        command.args(self.arguments()).spawn().unwrap()
    }

    /// With a limit on the size of each file, in blocks of 512 bytes; a write beyond it fails as on a
    /// full disk.
    pub fn spawn_with_limit(&self, blocks: u32) -> Child {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let program = std::env::current_exe().unwrap();
        let mut command = self.command("sh");
        command.arg("-c").arg(script).arg(program);
        command.args(self.arguments()).spawn().unwrap()
    }

    pub fn metrics_lines(&self) -> usize {
        let bytes = std::fs::read(self.output.join("metrics.jsonl")).unwrap_or_default();
        bytes.iter().filter(|&&byte| byte == b'\n').count()
    }

    /// Waits until the metrics have so many lines, for a minute at most; whether they have.
    pub fn wait_for_lines(&self, child: &mut Child, lines: usize) -> bool {
        let begun = Instant::now();
        while self.metrics_lines() < lines {
            if child.try_wait().unwrap().is_some() || begun.elapsed() > Duration::from_secs(60) {
                return false;
            }
            std::thread::sleep(Duration::from_micros(300));
        }
        true
    }
}

/// The exit code and what was written to standard error.
pub fn end(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), text)
}
