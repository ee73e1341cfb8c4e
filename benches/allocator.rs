//! Training steps of a program that chooses no allocator: what a user of the
//! libraries gets. `allocator.sh` runs it beside `step`, which has the examples'.
//!
//! It must not name `anneal-examples`, which brings their allocator with it.

use std::error::Error;
use std::io::Write;
use std::time::Instant;

use anneal_llama::{LlamaConfig, LlamaForCausalLM, RandomWeights};
use anneal_peft::{LoraConfig, attach};
use anneal_train::{Budget, TokenLoss, Trainer, TrainerConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use clap::Parser;

/// Times training steps on random weights of SmolLM2-135M's shape, LoRA of rank
/// 16 on all linear layers, with the system's allocator.
#[derive(Parser)]
struct Flags {
    /// Sequences of a step
    #[arg(long, default_value_t = 4)]
    batch: usize,
    /// Tokens of a sequence
    #[arg(long, default_value_t = 128)]
    length: usize,
    /// Steps, the first included, which is not counted
    #[arg(long, default_value_t = 6)]
    steps: usize,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let flags = Flags::parse();
    let mut result = Ok(());
    rayon::scope(|_| result = run(&flags));
    result
}

fn run(flags: &Flags) -> Result<(), Box<dyn Error + Send + Sync>> {
    let device = Device::flex().autodiff();
    let config = LlamaConfig::smollm2_135m();
    let model = LlamaForCausalLM::from_source(&config, &mut RandomWeights::new(0.02, 0), &device)?;
    let lora = LoraConfig::default().with_r(16).with_lora_alpha(32.0);
    let mut model = attach(model, &lora, 0)?.0;
    let budget = Budget {
        max_steps: Some(1_000_000),
        ..Budget::default()
    };
    let settings = TrainerConfig {
        budget,
        ..TrainerConfig::default()
    };
    let mut trainer = Trainer::new(&settings, 1_000_000)?;
    let tokens = flags.batch * flags.length;
    let ids: Vec<i64> = (0..tokens)
        .map(|i| ((i * 7_919 + 31) % config.vocab_size) as i64)
        .collect();
    let places: Vec<i64> = (0..tokens)
        .filter(|i| (i + 1) % flags.length != 0)
        .map(|i| i as i64)
        .collect();
    let targets: Vec<i64> = places.iter().map(|&at| ids[at as usize + 1]).collect();
    let int = |values: &[i64]| Tensor::<1, Int>::from_data(values, &device);
    let mut seconds = Vec::new();
    for _ in 0..flags.steps.max(1) {
        let start = Instant::now();
        let data = TensorData::new(ids.clone(), [flags.batch, flags.length]);
        let ids = Tensor::from_data(data, &device);
        let sum = model.token_loss(ids, int(&places), int(&targets), &config);
        let mut step = trainer.begin();
        step.backward(&model, TokenLoss::new(sum, targets.len()))?;
        trainer.apply(&mut model, step)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    let mut counted = seconds.split_off(1.min(seconds.len() - 1));
    counted.sort_by(f64::total_cmp);
    let rate = tokens as f64 / counted[counted.len() / 2];
    writeln!(std::io::stdout(), "tokens_per_second {rate:.1}")?;
    Ok(())
}
