//! A whole model of SmolLM2-135M's shape with random weights: one micro-batch
//! forward and backward.

use anneal_benches::{BATCH, LENGTH, VOCABULARY};
use anneal_llama::{LlamaConfig, LlamaForCausalLM, RandomWeights};
use anneal_peft::{LoraConfig, attach};
use anneal_testkit::device;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use criterion::{Criterion, Throughput, criterion_group};

fn model(criterion: &mut Criterion) {
    let device = device().autodiff();
    let config = LlamaConfig::smollm2_135m();
    let mut weights = RandomWeights::new(0.02, 0);
    let model = LlamaForCausalLM::from_source(&config, &mut weights, &device).expect("no files");
    let lora = LoraConfig::default().with_r(16).with_lora_alpha(32.0);
    let model = attach(model, &lora, 0).expect("linear layers").0;

    let ids: Vec<i64> = (0..BATCH * LENGTH)
        .map(|i| (i * 31 % VOCABULARY) as i64)
        .collect();
    // Every third token is trained.
    let places: Vec<i64> = (0..(BATCH * LENGTH) as i64).step_by(3).collect();
    let targets: Vec<i64> = places
        .iter()
        .map(|place| place * 7 % VOCABULARY as i64)
        .collect();
    let mut group = criterion.benchmark_group("smollm2_135m");
    group.sample_size(10);
    group.throughput(Throughput::Elements((BATCH * LENGTH) as u64));
    let loss = |model: &LlamaForCausalLM, device: &Device| {
        let int = |values: &[i64]| Tensor::<1, Int>::from_data(values, device);
        let ids = Tensor::from_data(TensorData::new(ids.clone(), [BATCH, LENGTH]), device);
        model.token_loss(ids, int(&places), int(&targets), &config)
    };
    // Without gradients for the first two: a graph that nobody runs backward
    // stays in burn's memory.
    let plain = model.clone().valid();
    let inner = device.clone().inner();
    group.bench_function("forward", |b| {
        b.iter(|| {
            let ids = TensorData::new(ids.clone(), [BATCH, LENGTH]);
            let states = plain.hidden_states(Tensor::from_data(ids, &inner), &config);
            inner.sync().expect("the device lives");
            states
        })
    });
    group.bench_function("forward_head", |b| {
        b.iter(|| loss(&plain, &inner).into_data())
    });
    group.bench_function("forward_head_backward", |b| {
        b.iter(|| {
            let gradients = loss(&model, &device).backward();
            // A GPU is asked and not waited for; the CPU is done already.
            device.sync().expect("the device lives");
            gradients
        })
    });
    group.finish();
}

criterion_group!(benches, model);
anneal_benches::pool_main!(benches);
