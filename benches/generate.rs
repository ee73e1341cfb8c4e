//! Reading a prompt and greedy decoding, on a model of SmolLM2-135M's shape
//! with random weights: the jobs of `peers/generate.py`. The allocator is that
//! of the examples.

use anneal_benches::VOCABULARY;
use anneal_examples::keep_freed_memory;
use anneal_llama::{GenerateOptions, LlamaConfig, LlamaForCausalLM, RandomWeights, generate};
use anneal_testkit::device;
use burn::tensor::{Tensor, TensorData};
use criterion::{Criterion, Throughput, criterion_group};

/// Tokens added to every prompt.
const NEW: usize = 64;

fn prompt(length: usize, row: usize) -> Vec<u32> {
    (0..length)
        .map(|i| ((row * 7_919 + i * 31 + 3) % VOCABULARY) as u32)
        .collect()
}

fn generation(criterion: &mut Criterion) {
    keep_freed_memory();
    let device = device();
    let config = LlamaConfig::smollm2_135m();
    let mut weights = RandomWeights::new(0.02, 0);
    let model = LlamaForCausalLM::from_source(&config, &mut weights, &device).expect("no files");
    let options = GenerateOptions {
        max_new_tokens: NEW,
        ..GenerateOptions::default()
    };
    let mut group = criterion.benchmark_group("generate");
    group.sample_size(10);

    let long: Vec<i64> = prompt(512, 0).into_iter().map(i64::from).collect();
    group.throughput(Throughput::Elements(512));
    group.bench_function("prefill_512", |b| {
        b.iter(|| {
            let ids = TensorData::new(long.clone(), [1, 512]);
            let states = model.hidden_states(Tensor::from_data(ids, &device), &config);
            model.logits(states.narrow(1, 511, 1)).into_data()
        })
    });
    let ragged: Vec<Vec<u32>> = (0..16).map(|row| prompt(16 + 8 * row, row)).collect();
    for (name, prompts) in [
        ("decode_1", vec![prompt(32, 0)]),
        ("decode_16_ragged", ragged),
    ] {
        group.throughput(Throughput::Elements((NEW * prompts.len()) as u64));
        group.bench_function(name, |b| {
            b.iter(|| generate(&model, &config, &prompts, &options, &device).expect("prompts fit"))
        });
    }
    group.finish();
}

criterion_group!(benches, generation);
anneal_benches::pool_main!(benches);
