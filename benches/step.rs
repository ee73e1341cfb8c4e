//! One optimiser step of LoRA training, timed in a process of its own: ours of
//! `../shared/peers/torch_lora_step.py`. `cargo run --release --example step -- --help`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anneal_examples::device::Compute;
use anneal_examples::{
    ExampleError, finish, keep_freed_memory, on_pool, open_model, peak_memory_bytes, print,
};
use anneal_kernels::{MatmulPrecision, set_float32_matmul_precision};
use anneal_llama::{LlamaConfig, LlamaForCausalLM, LoadOptions, Precision, RandomWeights};
use anneal_peft::{LoraConfig, attach};
use anneal_train::{Accumulator, Budget, TokenLoss, TrainError, Trainer, TrainerConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use clap::{Parser, ValueEnum};
use serde::Serialize;

/// Times training steps: random tokens, LoRA of rank 16 on all seven linear layers, AdamW.
///
/// Prints tokens per second (median, the first step left out) and the peak of
/// resident memory. RAYON_NUM_THREADS sets the threads.
#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    weights: Weights,
    /// Decoder layers, in place of the shape's own; with --shape alone
    #[arg(long, conflicts_with = "model")]
    layers: Option<usize>,
    /// Sequences of a step
    #[arg(long, default_value_t = 4)]
    batch: usize,
    /// Tokens of a sequence
    #[arg(long, default_value_t = 128)]
    length: usize,
    /// Steps, the first included, which is not counted if there are more
    #[arg(long, default_value_t = 6)]
    steps: usize,
    /// Positions of a sequence that are trained, from its end; all but the last where not given
    #[arg(long)]
    supervised: Option<usize>,
    /// Send at most so many tokens through the model at once, and add up the gradients
    #[arg(long)]
    micro_tokens: Option<usize>,
    /// Keep only the inputs of the decoder layers, and compute each layer once more on the way back
    #[arg(long)]
    recompute: bool,
    /// Let the allocator give freed memory back to the system, as it does unless told otherwise
    #[arg(long)]
    give_back: bool,
    /// Operands of large f32 products with frozen weights: highest, or medium, which rounds them to bf16
    #[arg(long, default_value_t)]
    precision: MatmulPrecision,
    #[command(flatten)]
    compute: Compute,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Weights {
    /// A GGUF file, a Hugging Face folder, or a Hub id
    #[arg(long)]
    model: Option<PathBuf>,
    /// Random weights of this shape
    #[arg(long)]
    shape: Option<Shape>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shape {
    #[value(name = "smollm2-135m")]
    SmolLm2,
    #[value(name = "llama-3.2-1b")]
    Llama3,
    #[value(name = "llama-2-7b")]
    Llama2,
}

#[derive(Serialize)]
struct Output {
    tokens_per_second: f64,
    milliseconds: f64,
    peak_mib: Option<f64>,
    threads: usize,
    precision: String,
    recompute: bool,
    batch: usize,
    length: usize,
    layers: usize,
    /// Tokens that go through the model at once.
    micro_tokens: usize,
    /// Of every step.
    seconds: Vec<f64>,
    losses: Vec<f64>,
    /// What a device with memory pools says of them.
    device_memory: Option<String>,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    if !flags.give_back {
        keep_freed_memory();
    }
    finish(on_pool(|| run(&flags)))
}

fn run(flags: &Flags) -> Result<(), ExampleError> {
    set_float32_matmul_precision(flags.precision);
    let (device, precision) = flags.compute.open()?;
    let device = device.autodiff();
    let (model, config) = load(flags, precision, &device)?;
    // All linear layers are the default.
    let lora = LoraConfig::default().with_r(16).with_lora_alpha(32.0);
    let mut model = attach(model, &lora, 0)?.0;
    let settings = TrainerConfig {
        budget: Budget {
            max_steps: Some(1_000_000),
            ..Budget::default()
        },
        ..TrainerConfig::default()
    };
    let mut trainer = Trainer::new(&settings, 1_000_000)?;
    let batch = Batch::new(flags, config.vocab_size);
    let (mut seconds, mut losses) = (Vec::new(), Vec::new());
    for step in 0..flags.steps.max(1) {
        let start = Instant::now();
        let mut accumulator = trainer.begin();
        for rows in batch.parts() {
            batch.add_gradients(&rows, &model, &config, &device, &mut accumulator)?;
        }
        let report = trainer.apply(&mut model, accumulator)?;
        device.sync().map_err(|error| ExampleError::Setting {
            setting: "device",
            found: error.to_string(),
            expected: "a device that lives".to_owned(),
        })?;
        seconds.push(start.elapsed().as_secs_f64());
        losses.push(report.loss);
        let (loss, seconds) = (report.loss, seconds[step]);
        let line = format!("step {step} loss {loss:.4} seconds {seconds:.3}");
        // The line is for whoever waits.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    let middle = median(&seconds);
    let output = Output {
        tokens_per_second: (flags.batch * flags.length) as f64 / middle,
        milliseconds: middle * 1e3,
        peak_mib: peak_memory_bytes().map(|bytes| bytes as f64 / f64::from(1 << 20)),
        threads: rayon::current_num_threads(),
        precision: flags.precision.to_string(),
        recompute: flags.recompute,
        batch: flags.batch,
        length: flags.length,
        layers: config.num_hidden_layers,
        micro_tokens: batch.rows_at_once * flags.length,
        seconds,
        losses,
        device_memory: device.memory_pool_usage().map(|usage| format!("{usage:?}")),
    };
    if flags.json {
        let json = serde_json::to_string(&output).map_err(ExampleError::json("standard output"))?;
        return print(&format!("{json}\n"));
    }
    print(&format!(
        "tokens_per_second {:.1} peak_mb {:.0}\n",
        output.tokens_per_second,
        output.peak_mib.unwrap_or(f64::NAN)
    ))
}

/// The model, frozen; its tokenizer is not kept, as the peer has none.
fn load(
    flags: &Flags,
    precision: Precision,
    device: &Device,
) -> Result<(LlamaForCausalLM, LlamaConfig), ExampleError> {
    if let Some(path) = &flags.weights.model {
        let options = LoadOptions::default().with_precision(precision);
        let loaded = open_model(path, [], &options, device)?;
        return Ok((loaded.model, loaded.config));
    }
    let mut config = match flags.weights.shape {
        Some(Shape::Llama3) => LlamaConfig::llama3_2_1b(),
        Some(Shape::Llama2) => LlamaConfig::llama2_7b(),
        Some(Shape::SmolLm2) | None => LlamaConfig::smollm2_135m(),
    };
    config.num_hidden_layers = flags.layers.unwrap_or(config.num_hidden_layers);
    let mut weights = RandomWeights::new(0.02, 0);
    let model = LlamaForCausalLM::from_source_with(&config, &mut weights, precision, device)?;
    Ok((model, config))
}

/// The median as the peer takes it, without the first, which pays for what is made once.
fn median(seconds: &[f64]) -> f64 {
    let mut rest = seconds.get(1..).unwrap_or_default().to_vec();
    if rest.is_empty() {
        rest = seconds.to_vec();
    }
    rest.sort_by(f64::total_cmp);
    rest[rest.len() / 2]
}

/// Rows of random tokens, the same in every step.
struct Batch {
    ids: Vec<i64>,
    length: usize,
    /// The first position of a row that is trained.
    from: usize,
    rows_at_once: usize,
    recompute: bool,
}

impl Batch {
    fn new(flags: &Flags, vocabulary: usize) -> Self {
        let (batch, length) = (flags.batch.max(1), flags.length.max(2));
        let trained = flags.supervised.unwrap_or(length).clamp(1, length - 1);
        let ids = (0..batch * length).map(|i| ((i * 7_919 + 31) % vocabulary) as i64);
        let at_once = flags.micro_tokens.map_or(batch, |tokens| tokens / length);
        Self {
            ids: ids.collect(),
            length,
            from: length - 1 - trained,
            rows_at_once: at_once.clamp(1, batch),
            recompute: flags.recompute,
        }
    }

    /// The rows of each micro-batch, one after another.
    fn parts(&self) -> Vec<Vec<i64>> {
        let tokens = self.rows_at_once * self.length;
        self.ids.chunks(tokens).map(<[i64]>::to_vec).collect()
    }

    /// Forward, loss and backward of a micro-batch. Another way to the same gradients comes in here.
    fn add_gradients(
        &self,
        ids: &[i64],
        model: &LlamaForCausalLM,
        config: &LlamaConfig,
        device: &Device,
        accumulator: &mut Accumulator,
    ) -> Result<(), TrainError> {
        // A row's last position has no token to predict.
        let predicts = |at: &usize| (self.from..self.length - 1).contains(&(at % self.length));
        let places: Vec<usize> = (0..ids.len()).filter(predicts).collect();
        let targets: Vec<i64> = places.iter().map(|&at| ids[at + 1]).collect();
        let places: Vec<i64> = places.into_iter().map(|at| at as i64).collect();
        let flat = |values: &[i64]| Tensor::<1, Int>::from_data(values, device);
        let data = TensorData::new(ids.to_vec(), [ids.len() / self.length, self.length]);
        let ids = Tensor::from_data(data, device);
        let (places, count) = (flat(&places), targets.len());
        let targets = flat(&targets);
        if self.recompute {
            let (losses, tape) = model.token_losses_taped(ids, None, places, targets, 0.0, config);
            let loss = TokenLoss::new(losses.sum(), count);
            return accumulator.backward_through(model, loss, |gradients, each| {
                tape.backward(model, gradients, each);
            });
        }
        let sum = model.token_loss(ids, places, targets, config);
        accumulator.backward(model, TokenLoss::new(sum, count))
    }
}
