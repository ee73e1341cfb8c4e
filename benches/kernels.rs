//! The CPU kernels beside their plain twins, forward and backward.

use anneal_benches::{
    BATCH, HEAD_DIM, HEADS, HIDDEN, INNER, KV_HEADS, LENGTH, VOCABULARY, forward_backward,
};
use anneal_kernels::{
    AttentionMask, FirstKeys, KernelSet, attention, linear, linear_cross_entropy_rows, lora_linear,
    reference, rms_norm, rotary, swiglu, with_kernels,
};
use anneal_testkit::{device, random};
use burn::tensor::{Int, Tensor};
use criterion::{Criterion, criterion_group};

/// Of the adapters.
const RANK: usize = 16;

/// Measures a kernel and its twin on the same leaves.
macro_rules! pair {
    ($criterion:ident, $name:literal, $inputs:expr, $kernel:expr, $twin:expr) => {
        let inputs = $inputs;
        let mut group = $criterion.benchmark_group($name);
        group.bench_function("kernel", |b| b.iter(|| forward_backward(&inputs, $kernel)));
        group.bench_function("twin", |b| b.iter(|| forward_backward(&inputs, $twin)));
        group.finish();
    };
}

fn kernels(criterion: &mut Criterion) {
    let device = device().autodiff();
    let states = |width, seed| random::<3>([BATCH, LENGTH, width], 1.0, seed, &device);
    let weight = random::<1>([HIDDEN], 1.0, 1, &device);
    pair!(
        criterion,
        "rms_norm",
        [states(HIDDEN, 2)],
        |[x]| rms_norm(x, weight.clone(), 1e-5),
        |[x]| reference::rms_norm(x, weight.clone(), 1e-5)
    );
    pair!(
        criterion,
        "swiglu",
        [states(INNER, 3), states(INNER, 4)],
        |[gate, up]| swiglu(gate, up),
        |[gate, up]| reference::swiglu(gate, up)
    );
    let angles = random::<3>([1, LENGTH, HEAD_DIM / 2], 3.0, 5, &device);
    let (cos, sin) = (angles.clone().cos(), angles.sin());
    let heads = |count, seed| random::<4>([BATCH, count, LENGTH, HEAD_DIM], 1.0, seed, &device);
    pair!(
        criterion,
        "rotary",
        [heads(HEADS, 6)],
        |[x]| rotary(x, cos.clone(), sin.clone()),
        |[x]| reference::rotary(x, cos.clone(), sin.clone())
    );
    pair!(
        criterion,
        "causal_attention",
        [heads(HEADS, 7), heads(KV_HEADS, 8), heads(KV_HEADS, 9)],
        |[q, k, v]| attention(q, k, v, &AttentionMask::Causal),
        |[q, k, v]| reference::attention(q, k, v, &AttentionMask::Causal)
    );
    // One row of as many tokens, eight examples in it.
    let packed =
        AttentionMask::CausalFrom(FirstKeys::segments(&[vec![LENGTH; BATCH]], BATCH * LENGTH));
    let long = |count, seed| random::<4>([1, count, BATCH * LENGTH, HEAD_DIM], 1.0, seed, &device);
    pair!(
        criterion,
        "packed_attention",
        [long(HEADS, 7), long(KV_HEADS, 8), long(KV_HEADS, 9)],
        |[q, k, v]| attention(q, k, v, &packed),
        |[q, k, v]| reference::attention(q, k, v, &packed)
    );
}

/// The adapted layers: the input and both factors get gradients, the weight none.
fn adapted(criterion: &mut Criterion) {
    let device = device().autodiff();
    for (from, to) in [(HIDDEN, HIDDEN), (HIDDEN, INNER), (INNER, HIDDEN)] {
        // As checkpoints are loaded: a transposed view.
        let weight = random::<2>([to, from], 0.1, 12, &device).transpose();
        let inputs = [
            random::<2>([BATCH * LENGTH, from], 1.0, 13, &device),
            random::<2>([from, RANK], 0.1, 14, &device),
            random::<2>([RANK, to], 0.1, 15, &device),
        ];
        let mut group = criterion.benchmark_group(format!("lora_linear_{from}_to_{to}"));
        for (name, kernels) in [("kernel", KernelSet::ALL), ("twin", KernelSet::NONE)] {
            group.bench_function(name, |b| {
                b.iter(|| {
                    with_kernels(kernels, || {
                        forward_backward(&inputs, |[x, a, b]| {
                            lora_linear(x, None, weight.clone(), None, [a, b], 2.0)
                        })
                    })
                })
            });
        }
        group.finish();
    }
}

fn head(criterion: &mut Criterion) {
    let device = device().autodiff();
    // A third of the tokens is trained, as on Spider.
    let trained = BATCH * LENGTH / 3;
    let weight = random::<2>([VOCABULARY, HIDDEN], 0.1, 10, &device);
    let targets: Vec<i64> = (0..trained).map(|i| (i * 97 % VOCABULARY) as i64).collect();
    let targets = Tensor::<1, Int>::from_data(targets.as_slice(), &device);
    let states = [random::<2>([trained, HIDDEN], 1.0, 11, &device)];
    let mut group = criterion.benchmark_group("linear_cross_entropy");
    group.sample_size(10);
    type Rows = fn(Tensor<2>, Tensor<2>, Tensor<1, Int>, f64) -> Tensor<1>;
    let sides: [(&str, Rows); 2] = [
        ("kernel", linear_cross_entropy_rows),
        ("twin", reference::linear_cross_entropy_rows),
    ];
    for (name, rows) in sides {
        for (smoothing, what) in [(0.0, ""), (0.1, "_smoothed")] {
            group.bench_function(format!("{name}{what}"), |b| {
                b.iter(|| {
                    forward_backward(&states, |[x]| {
                        rows(x, weight.clone(), targets.clone(), smoothing)
                    })
                })
            });
        }
        // The head is trained too.
        let both = [states[0].clone(), weight.clone()];
        group.bench_function(format!("{name}_trained"), |b| {
            b.iter(|| forward_backward(&both, |[x, weight]| rows(x, weight, targets.clone(), 0.0)))
        });
    }
    group.finish();
}

/// Weights in turn, so that each comes from memory, as in generation.
const WEIGHTS: usize = 40;

/// The products of generation: one row, and sixteen. Times are of all weights.
fn few_rows(criterion: &mut Criterion) {
    let device = device();
    for (from, to) in [(HIDDEN, HIDDEN), (HIDDEN, INNER), (INNER, HIDDEN)] {
        // As checkpoints are loaded: a transposed view.
        let weight = |seed| random::<2>([to, from], 0.1, seed, &device).transpose();
        let weights: Vec<_> = (0..WEIGHTS as u64).map(weight).collect();
        for rows in [1, 16] {
            let x = random::<2>([rows, from], 1.0, 99, &device);
            let mut group = criterion.benchmark_group(format!("linear_{from}_to_{to}_rows_{rows}"));
            for (name, product) in [
                ("kernel", linear as fn(_, _, _) -> _),
                ("twin", reference::linear),
            ] {
                group.bench_function(name, |b| {
                    b.iter(|| -> Vec<Tensor<2>> {
                        let products = weights.iter();
                        products
                            .map(|weight| product(x.clone(), weight.clone(), None))
                            .collect()
                    })
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, kernels, adapted, head, few_rows);
anneal_benches::pool_main!(benches);
