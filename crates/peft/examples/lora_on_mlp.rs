//! Adapts a plain burn network that knows nothing of language models:
//! `cargo run --release --example lora_on_mlp`.
//!
//! A small network learns to tell the three arms of a spiral apart. Then the
//! spiral is turned, and the network is wrong about most points. Instead of
//! training all its weights again, an adapter of a few percent of their number
//! is trained beside them: the network stays as it was, and the adapter is a
//! small file that can be switched on, switched off, or merged.
//!
//! Everything is drawn from fixed seeds, takes seconds on a CPU, and is
//! checked: where something does not hold, the example says so and ends with
//! exit code 1.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use anneal_peft::{
    LinearExt, LoraConfig, LoraPlus, PeftError, TargetModules, adapters, add_adapter, attach,
    disabled, load_adapter_as, lora_plus_groups, merge, portability, save_adapter_as, set_active,
};
use burn::{
    module::Module,
    nn::{Linear, LinearConfig, loss::CrossEntropyLossConfig},
    optim::{AdamConfig, GradientsParams},
    tensor::{Device, Int, Tensor, TensorData},
};

/// What ends the example early.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An adapter could not be attached, saved, loaded or merged.
    #[error(transparent)]
    Peft(#[from] PeftError),
    /// The account could not be printed, or the folder not be made.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Something that this example promises does not hold.
    #[error("{0}")]
    Check(String),
}

/// The network: any module with `Linear` layers will do.
///
/// It calls [`LinearExt::forward_adapted`] in place of `Linear::forward`. That
/// is all it knows of adapters, and without one the two are the same.
#[derive(Module, Debug)]
struct Mlp {
    first: Linear,
    second: Linear,
    third: Linear,
}

impl Mlp {
    fn new(device: &Device) -> Self {
        Self {
            first: LinearConfig::new(2, 128).init(device),
            second: LinearConfig::new(128, 128).init(device),
            third: LinearConfig::new(128, ARMS).init(device),
        }
    }

    /// From points `[n, 2]` to scores of the arms `[n, 3]`.
    fn forward(&self, points: Tensor<2>) -> Tensor<2> {
        let hidden = self.first.forward_adapted(points).tanh();
        let hidden = self.second.forward_adapted(hidden).tanh();
        self.third.forward_adapted(hidden)
    }
}

const ARMS: usize = 3;
const POINTS_OF_AN_ARM: usize = 150;

/// A spiral of three arms: where its points lie, and on which arm.
struct Task {
    points: Tensor<2>,
    arms: Tensor<1, Int>,
}

impl Task {
    /// The spiral, turned by an angle in radians and perhaps seen in a mirror.
    fn spiral(turn: f64, mirrored: bool, device: &Device) -> Self {
        let (mut points, mut arms) = (Vec::new(), Vec::new());
        for arm in 0..ARMS {
            for step in 0..POINTS_OF_AN_ARM {
                let radius = (step as f64 + 1.0) / POINTS_OF_AN_ARM as f64;
                let start = std::f64::consts::TAU * arm as f64 / ARMS as f64;
                let angle = start + 4.0 * radius + turn;
                let side = if mirrored { -1.0 } else { 1.0 };
                points.extend([radius * angle.cos() * side, radius * angle.sin()]);
                arms.push(arm as i64);
            }
        }
        let count = arms.len();
        Self {
            points: Tensor::from_data(TensorData::new(points, [count, 2]), device),
            arms: Tensor::from_data(TensorData::new(arms, [count]), device),
        }
    }

    /// The cross-entropy that training brings down.
    fn loss(&self, net: &Mlp) -> Tensor<1> {
        let device = self.points.device();
        let loss = CrossEntropyLossConfig::new().init(&device);
        loss.forward(net.forward(self.points.clone()), self.arms.clone())
    }

    /// How the network does.
    fn measure(&self, net: &Mlp) -> Measured {
        let scores = net.forward(self.points.clone());
        let right = scores
            .argmax(1)
            .squeeze_dim::<1>(1)
            .equal(self.arms.clone());
        let right = right.int().sum().into_scalar::<i64>();
        Measured {
            loss: f64::from(self.loss(net).into_scalar::<f32>()),
            right: 100.0 * right as f64 / (ARMS * POINTS_OF_AN_ARM) as f64,
        }
    }
}

/// How a network does on a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The mean cross-entropy; ln 3 = 1.0986 is what guessing gives.
    pub loss: f64,
    /// The points whose arm is found, in percent.
    pub right: f64,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "loss {:.4}, {:5.1}% right", self.loss, self.right)
    }
}

/// Trains all weights of the network.
fn train_whole(mut net: Mlp, task: &Task, steps: usize) -> Mlp {
    let mut adam = AdamConfig::new().init();
    for _ in 0..steps {
        let grads = task.loss(&net).backward();
        let grads = GradientsParams::from_grads(grads, &net);
        net = adam.step(3e-3, net, grads);
    }
    net
}

/// Trains the active adapter with LoRA+: a higher rate for `B` than for `A`.
///
/// The crate names the groups; the optimiser is burn's own.
fn train_adapter(mut net: Mlp, task: &Task, steps: usize) -> Mlp {
    let groups = lora_plus_groups(&net, &LoraPlus::new(3e-3, 4.0));
    let mut adam = AdamConfig::new().init();
    for _ in 0..steps {
        let mut grads = task.loss(&net).backward();
        for group in &groups {
            let of_group = GradientsParams::from_params(&mut grads, &net, &group.ids);
            net = adam.step(group.learning_rate, net, of_group);
        }
    }
    net
}

/// The largest difference of two networks' scores of a task's points, as a
/// part of the largest score.
fn difference(task: &Task, one: &Mlp, other: &Mlp) -> f32 {
    let largest = |scores: Tensor<2>| scores.abs().max().into_scalar::<f32>();
    let [one, other] = [one, other].map(|net| net.forward(task.points.clone()));
    largest(one.clone() - other) / largest(one)
}

/// Fails with `what` unless it holds.
fn check(holds: bool, what: impl Into<String>) -> Result<(), Failure> {
    if holds {
        Ok(())
    } else {
        Err(Failure::Check(what.into()))
    }
}

/// What the example found.
#[derive(Debug)]
pub struct Account {
    /// The network on the turned spiral before there was an adapter.
    pub before: Measured,
    /// With the LoRA adapter.
    pub after: Measured,
    /// On the mirrored spiral, with the DoRA adapter.
    pub mirrored: Measured,
    /// Largest difference of a score after saving and loading, as a part of the
    /// largest score.
    pub loaded: f32,
    /// The same after merging.
    pub merged: f32,
}

/// Runs the example and prints its account; `folder` takes the adapter's files.
pub fn run(out: &mut impl Write, folder: &Path) -> Result<Account, Failure> {
    // The autodiff device records what a backward pass needs.
    let device = Device::default().autodiff();
    device.seed(7);
    let upright = Task::spiral(0.0, false, &device);
    let turned = Task::spiral(0.8, false, &device);
    let mirror = Task::spiral(0.0, true, &device);

    writeln!(out, "1. A network learns the arms of a spiral.")?;
    let base = train_whole(Mlp::new(&device), &upright, 400);
    let learned = upright.measure(&base);
    let before = turned.measure(&base);
    writeln!(out, "   upright spiral: {learned}")?;
    writeln!(out, "   turned spiral:  {before}")?;
    check(learned.right > 95.0, "the network did not learn its task")?;

    writeln!(
        out,
        "\n2. LoRA learns the turned spiral; the network is frozen."
    )?;
    let targets = TargetModules::names(["first", "second", "third"]);
    let lora = LoraConfig {
        // PEFT's word for what a language model is wrapped in; here there is none.
        task_type: None,
        ..LoraConfig::new(targets)
    };
    let lora = lora
        .with_r(2)
        .with_lora_alpha(4.0)
        .with_base_model("spiral-mlp");
    let (net, report) = attach(base.clone(), &lora, 1)?;
    writeln!(out, "   {report}")?;
    let whole = base.num_params();
    writeln!(out, "   full fine-tuning would train {whole} parameters")?;
    check(
        turned.measure(&net) == before,
        "a fresh adapter changed what the network computes",
    )?;
    let net = train_adapter(net, &turned, 400);
    let after = turned.measure(&net);
    writeln!(out, "   turned spiral:  {before}  before")?;
    writeln!(out, "                   {after}  after")?;
    check(
        after.loss < 0.2 * before.loss && after.right > 95.0,
        format!("the adapter did not learn: {before} became {after}"),
    )?;

    writeln!(
        out,
        "\n3. DoRA, a second adapter by the name \"mirror\", learns the mirrored one."
    )?;
    let (net, report) = add_adapter(net, "mirror", lora.clone().with_use_dora(true), 2)?;
    writeln!(out, "   {report}")?;
    let net = train_adapter(set_active(net, &["mirror"])?, &mirror, 400);
    let mirrored = mirror.measure(&net);
    check(
        mirrored.right > 95.0,
        format!("DoRA did not learn: {mirrored}"),
    )?;

    writeln!(out, "\n4. One network, three behaviours:")?;
    let tasks = ["upright spiral", "turned spiral", "mirrored spiral"];
    let row = |first: &str, cells: [String; 3]| {
        let cells = cells.map(|cell| format!("  {cell:<25}")).concat();
        format!("   {first:<8}{cells}").trim_end().to_owned()
    };
    writeln!(out, "{}", row("active", tasks.map(String::from)))?;
    let turning = set_active(net.clone(), &["default"])?;
    let reference = disabled(&net)?;
    for (name, net) in [
        ("none", &reference),
        ("default", &turning),
        ("mirror", &net),
    ] {
        let cells = [&upright, &turned, &mirror].map(|task| task.measure(net).to_string());
        writeln!(out, "{}", row(name, cells))?;
    }
    check(
        difference(&upright, &reference, &base) == 0.0,
        "without its adapters the network is not what it was",
    )?;
    check(
        turned.measure(&turning) == after,
        "switching back to the first adapter gave another network",
    )?;

    writeln!(
        out,
        "\n5. Saved as PEFT's two files, and loaded onto a fresh copy of the network."
    )?;
    for adapter in adapters(&turning) {
        let folder = folder.join(&adapter.name);
        save_adapter_as(&turning, &adapter.name, &folder)?;
        writeln!(out, "   {}: {}", adapter.name, file_sizes(&folder)?)?;
    }
    let (fresh, _, _) = load_adapter_as(base.clone(), "turned", folder.join("default"))?;
    let loaded = difference(&turned, &fresh, &turning);
    writeln!(out, "   largest difference of a score: {loaded}")?;
    check(loaded == 0.0, "the loaded adapter computes something else")?;

    writeln!(
        out,
        "\n6. Merged: a plain network again, that needs nothing of this crate."
    )?;
    let (plain, report) = merge(turning.clone())?;
    let on_cpu = Task::spiral(0.8, false, &Device::default());
    let merged = difference(&on_cpu, &plain, &turning.valid());
    writeln!(out, "   {report}")?;
    writeln!(
        out,
        "   largest difference of a score: {merged:.1e} of the largest"
    )?;
    check(merged <= 1e-5, "the merged network computes something else")?;

    writeln!(
        out,
        "\n7. What programs that read such files make of their settings:"
    )?;
    for name in ["default", "mirror"] {
        writeln!(out, "   {name}:")?;
        for line in portability(&net, name)?.to_string().lines() {
            writeln!(out, "     {line}")?;
        }
    }
    Ok(Account {
        before,
        after,
        mirrored,
        loaded,
        merged,
    })
}

/// The files of a folder with their sizes.
fn file_sizes(folder: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push(format!("{name} ({} bytes)", entry.metadata()?.len()));
    }
    files.sort();
    Ok(files.join(", "))
}

fn main() -> ExitCode {
    // The folder goes away with its files when it is dropped.
    let result = tempfile::tempdir()
        .map_err(Failure::from)
        .and_then(|folder| run(&mut io::stdout().lock(), folder.path()));
    match result {
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => {
            // A closed standard error can't be told about; the code remains.
            let _ = writeln!(io::stderr(), "error: {failure}");
            ExitCode::from(1)
        }
    }
}
