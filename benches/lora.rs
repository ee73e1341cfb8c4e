//! An adapted linear layer in activation space, beside the frozen layer alone
//! and beside the composed weight, which is what burn's own LoRA computes.

use anneal_benches::{BATCH, HIDDEN, INNER, LENGTH, forward_backward};
use anneal_peft::{LinearExt, LoraConfig, TargetModules, attach};
use anneal_testkit::{device, random};
use burn::module::{Module, Param};
use burn::nn::Linear;
use criterion::{Criterion, criterion_group, criterion_main};

#[derive(Module, Debug)]
struct Layer {
    proj: Linear,
}

fn lora(criterion: &mut Criterion) {
    let device = device().autodiff();
    for (name, from, to) in [
        ("576_to_1536", HIDDEN, INNER),
        ("1536_to_576", INNER, HIDDEN),
    ] {
        // As checkpoints are loaded: a transposed view.
        let weight = random::<2>([to, from], 0.1, 1, &device).transpose();
        let layer = Layer {
            proj: Linear {
                weight: Param::from_tensor(weight).set_require_grad(false),
                bias: None,
            },
        };
        let config = LoraConfig::new(TargetModules::names(["proj"])).with_r(16);
        let adapted = attach(layer.clone(), &config, 0).expect("a linear layer").0;
        let inputs = [random::<3>([BATCH, LENGTH, from], 1.0, 2, &device)];
        let mut group = criterion.benchmark_group(format!("lora_{name}"));
        group.sample_size(20);
        group.bench_function("frozen", |b| {
            b.iter(|| forward_backward(&inputs, |[x]| layer.proj.forward_adapted(x)))
        });
        group.bench_function("activation_space", |b| {
            b.iter(|| forward_backward(&inputs, |[x]| adapted.proj.forward_adapted(x)))
        });
        group.bench_function("weight_space", |b| {
            b.iter(|| forward_backward(&inputs, |[x]| adapted.proj.forward(x)))
        });
        group.finish();
    }
}

criterion_group!(benches, lora);
criterion_main!(benches);
