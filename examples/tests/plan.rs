//! The memory that a plan expects is what a run takes.
//!
//! Each case runs in a process of its own: the peak of a process is that of all its tests, and the allocator keeps
//! what it had. The child is this program, told by the environment what to train.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::io::Write;
use std::path::Path;
use std::process::Command;

use anneal_data::{BatchConfig, Batches, Example};
use anneal_examples::plan::{Plan, PlanInput};
use anneal_examples::settings::GradientCheckpointing;
use anneal_examples::{
    device, keep_freed_memory, peak_memory_bytes, token_loss, token_losses_taped,
};
use anneal_llama::{LlamaConfig, LlamaForCausalLM, RandomWeights};
use anneal_peft::{InitLoraWeights, LoraConfig, TargetModules, attach};
use anneal_train::{Budget, TokenLoss, Trainer, TrainerConfig, trained_parameters};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;

const CASE: &str = "ANNEAL_PLAN_CASE";

/// 21.0 M weights, 84 MB: the model's and the graph's memory outweigh the program's.
fn config() -> LlamaConfig {
    let mut config = LlamaConfig::smollm2_135m();
    config.vocab_size = 4_096;
    (
        config.hidden_size,
        config.intermediate_size,
        config.num_hidden_layers,
    ) = (512, 1_536, 6);
    (
        config.num_attention_heads,
        config.num_key_value_heads,
        config.head_dim,
    ) = (8, 4, 64);
    config
}

/// Every example is 128 tokens long and trained on its last 45.
fn batches(micro_tokens: usize) -> Batches {
    let example = |seed: u32| {
        let ids = (0..128).map(|t| (seed * 977 + t * 31) % 4_096).collect();
        Example::new(ids, (0..128).map(|t| t >= 83).collect()).unwrap()
    };
    let config = BatchConfig {
        batch_size: 16,
        micro_tokens,
        ..BatchConfig::default()
    };
    Batches::new((0..32).map(example).collect(), config).unwrap()
}

/// Trains vectors alone, which are a Llama's norms.
struct Vectors;

impl ModuleMapper for Vectors {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.set_require_grad(D == 1)
    }
}

/// Two steps as `method:micro_tokens` says, with recomputed blocks where the method ends in `+`; prints what was expected and what was taken.
fn train(case: &str) {
    keep_freed_memory();
    let (method, micro_tokens) = case.split_once(':').unwrap();
    let recompute = method.ends_with('+');
    let method = method.trim_end_matches('+');
    let device = device::parse("cpu").unwrap().autodiff();
    let config = config();
    let model =
        LlamaForCausalLM::from_source(&config, &mut RandomWeights::new(0.05, 7), &device).unwrap();
    let lora = LoraConfig::new(TargetModules::all_linear())
        .with_r(16)
        .with_init_lora_weights(InitLoraWeights::Random);
    let mut model = match method {
        "lora" => attach(model, &lora, 3).unwrap().0,
        "full" => model.unfreeze(),
        _ => model.map(&mut Vectors),
    };
    let batches = batches(micro_tokens.parse().unwrap());
    let settings = TrainerConfig {
        budget: Budget {
            max_steps: Some(2),
            ..Budget::default()
        },
        ..TrainerConfig::default()
    };
    let plan = Plan::new(PlanInput {
        config: &config,
        device: "cpu",
        weight_bytes: 4,
        trained: &trained_parameters(&model),
        all_parameters: model.num_params(),
        dropout: false,
        gradient_checkpointing: match recompute {
            true => GradientCheckpointing::On,
            false => GradientCheckpointing::Off,
        },
        batches: &batches,
        budget: &settings.budget,
        checkpoints: 2,
        output: Path::new("."),
    });
    let mut trainer = Trainer::new(&settings, batches.steps_per_epoch() as u64).unwrap();
    for step in batches.steps(0) {
        let mut accumulator = trainer.begin();
        for batch in &step.micro_batches {
            if !recompute {
                let loss = token_loss(&model, batch, &config, &device);
                accumulator.backward(&model, loss).unwrap();
                continue;
            }
            let (losses, tape) = token_losses_taped(&model, batch, 0.0, &config, &device);
            let loss = TokenLoss::new(losses.sum(), batch.targets.ids.len());
            let back = accumulator.backward_through(&model, loss, |gradients, each| {
                tape.backward(&model, gradients, each);
            });
            back.unwrap();
        }
        trainer.apply(&mut model, accumulator).unwrap();
    }
    let peak = peak_memory_bytes().unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "\n{plan}\nMEASURED {} {peak}", plan.memory.peak_bytes).unwrap();
}

/// What the children run; alone it does nothing.
#[test]
fn child() {
    if let Ok(case) = std::env::var(CASE) {
        train(&case);
    }
}

/// Runs each case in a child; whatever is not within 15 % fails the test.
#[cfg(target_os = "linux")]
#[allow(clippy::print_stdout, reason = "the figures, for --nocapture")]
fn compare(cases: &[&str]) {
    let mut missed = Vec::new();
    for &case in cases {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "child", "--nocapture"])
            .env(CASE, case);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("MEASURED "));
        let said = String::from_utf8_lossy(&output.stderr);
        let line = line.unwrap_or_else(|| panic!("{case}: {text}{said}"));
        let (expected, real) = line.split_once(' ').unwrap();
        let (expected, real): (f64, f64) = (expected.parse().unwrap(), real.parse().unwrap());
        let error = expected / real - 1.0;
        let row = format!(
            "{case}: expected {:.0} MB, took {:.0} MB, {:+.1} %",
            expected / 1e6,
            real / 1e6,
            100.0 * error
        );
        println!("{row}");
        if error.abs() > 0.15 {
            missed.push(format!("{row}\n{text}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
#[cfg(target_os = "linux")]
fn the_expected_peak_with_lora_is_within_15_per_cent_of_the_real_one() {
    compare(&["lora:512", "lora:1024"]);
}

#[test]
#[cfg(target_os = "linux")]
fn the_expected_peak_without_adapters_is_within_15_per_cent_of_the_real_one() {
    compare(&["full:512", "full:1024", "norms:512", "norms:1024"]);
}

#[test]
#[cfg(target_os = "linux")]
fn the_expected_peak_with_recomputed_blocks_is_within_15_per_cent_of_the_real_one() {
    compare(&["lora+:1024", "lora+:2048", "full+:1024"]);
}
