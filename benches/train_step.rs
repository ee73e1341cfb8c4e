//! One optimiser step of LoRA training on random weights: forward, loss of every position, backward,
//! AdamW. The job of `peers/train_step.py`.
//!
//! Rank 16 on all seven linear layers, adapters in f32. The device is `ANNEAL_TEST_DEVICE`'s (default
//! cpu). What is measured is `ANNEAL_BENCH_STEPS`, a list of `SHAPE:BATCHxLENGTH:DTYPE` with the shapes
//! smollm2-135m, llama-3.2-1b and llama-2-7b; the default is `smollm2-135m:4x128:f32`.

use std::io::Write;

use anneal_examples::keep_freed_memory;
use anneal_llama::{LlamaConfig, LlamaForCausalLM, Precision, RandomWeights};
use anneal_peft::{LoraConfig, attach};
use anneal_testkit::device;
use anneal_train::{Budget, TokenLoss, Trainer, TrainerConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use criterion::{Criterion, Throughput, criterion_group};

/// What a step is made of.
struct Job {
    name: String,
    config: LlamaConfig,
    batch: usize,
    length: usize,
    precision: Precision,
}

impl Job {
    /// Reads `SHAPE:BATCHxLENGTH:DTYPE`.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let config = match parts.next()? {
            "smollm2-135m" => LlamaConfig::smollm2_135m(),
            "llama-3.2-1b" => LlamaConfig::llama3_2_1b(),
            "llama-2-7b" => LlamaConfig::llama2_7b(),
            _ => return None,
        };
        let (batch, length) = parts.next()?.split_once('x')?;
        Some(Self {
            name: text.replace(':', "_"),
            config,
            batch: batch.parse().ok()?,
            length: length.parse().ok()?,
            precision: parts.next()?.parse().ok()?,
        })
    }

    fn run(&self, criterion: &mut Criterion, device: &Device) {
        let mut weights = RandomWeights::new(0.02, 0);
        let model =
            LlamaForCausalLM::from_source_with(&self.config, &mut weights, self.precision, device)
                .expect("a device that computes in this type");
        // All linear layers are the default.
        let lora = LoraConfig::default().with_r(16).with_lora_alpha(32.0);
        let mut model = attach(model, &lora, 0).expect("linear layers").0;
        let budget = Budget {
            max_steps: Some(1_000_000),
            ..Budget::default()
        };
        let settings = TrainerConfig {
            budget,
            ..TrainerConfig::default()
        };
        let mut trainer = Trainer::new(&settings, 1_000_000).expect("settings in range");
        let tokens = self.batch * self.length;
        let ids: Vec<i64> = (0..tokens)
            .map(|i| ((i * 7_919 + 31) % self.config.vocab_size) as i64)
            .collect();
        // Every position but a row's last predicts the next token.
        let places: Vec<i64> = (0..tokens)
            .filter(|i| (i + 1) % self.length != 0)
            .map(|i| i as i64)
            .collect();
        let targets: Vec<i64> = places.iter().map(|&at| ids[at as usize + 1]).collect();
        let mut group = criterion.benchmark_group("train_step");
        group.sample_size(10);
        group.throughput(Throughput::Elements(tokens as u64));
        group.bench_function(&self.name, |b| {
            b.iter(|| {
                let int = |values: &[i64]| Tensor::<1, Int>::from_data(values, device);
                let data = TensorData::new(ids.clone(), [self.batch, self.length]);
                let sum = model.token_loss(
                    Tensor::from_data(data, device),
                    int(&places),
                    int(&targets),
                    &self.config,
                );
                let mut accumulator = trainer.begin();
                let loss = TokenLoss::new(sum, targets.len());
                accumulator.backward(&model, loss).expect("a finite loss");
                trainer
                    .apply(&mut model, accumulator)
                    .expect("finite gradients");
                device.sync().expect("the device lives");
            })
        });
        group.finish();
        if let Some(usage) = device.memory_pool_usage() {
            // Only devices with pools tell; the CPU's memory is the process's.
            let _ = writeln!(std::io::stderr(), "{}: {usage:?}", self.name);
        }
    }
}

fn train_step(criterion: &mut Criterion) {
    keep_freed_memory();
    let device = device().autodiff();
    let jobs = std::env::var("ANNEAL_BENCH_STEPS");
    for text in jobs
        .as_deref()
        .unwrap_or("smollm2-135m:4x128:f32")
        .split(',')
    {
        let job = Job::parse(text).unwrap_or_else(|| panic!("`{text}`: SHAPE:BATCHxLENGTH:DTYPE"));
        job.run(criterion, &device);
        device.memory_cleanup();
    }
}

criterion_group!(benches, train_step);
anneal_benches::pool_main!(benches);
