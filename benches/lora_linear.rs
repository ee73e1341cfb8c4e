//! One linear layer with LoRA, forward and backward: ours beside burn's own,
//! beside the frozen layer alone and beside the trained one; time and bytes.
//!
//! `x` wants a gradient, as it does in a network whose earlier layers are
//! adapted too. The product with a frozen weight takes a multiply and an add
//! per weight and token, and `dx` as many: 4 operations. A gradient of the
//! weight takes 2 more, in full fine-tuning and in a LoRA that composes
//! `W + s·A·B` and gets the gradients of its factors from that of the sum.

use std::time::{Duration, Instant};

use anneal_benches::counted::{Counted, keep_freed_memory, peak_bytes};
use anneal_kernels::lora_linear;
use anneal_peft::{LinearExt, LoraConfig, TargetModules, attach};
use anneal_testkit::{device, random};
use burn::module::{Lora, Module, Param};
use burn::nn::Linear;
use burn::optim::GradientsParams;
use burn::tensor::{Gradients, Tensor};
use criterion::{BenchmarkGroup, Criterion, SamplingMode, measurement::WallTime};

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// Sequences of a micro-batch.
const ROWS: usize = 4;
/// Tokens of a sequence.
const LENGTH: usize = 128;
const TOKENS: usize = ROWS * LENGTH;
const RANK: usize = 16;
const ALPHA: f64 = 32.0;
/// Of criterion, each of as many passes as fit the time.
const SAMPLES: usize = 10;

/// Model, `d_input` and `d_output` of a layer.
const LAYERS: [(&str, usize, usize); 4] = [
    ("SmolLM2-135M up", 576, 1536),
    ("SmolLM2-135M down", 1536, 576),
    ("7B q", 4096, 4096),
    ("7B up", 4096, 11008),
];

#[derive(Module, Debug)]
struct Layer {
    proj: Linear,
}

/// What `lora_linear` takes, as a module.
#[derive(Module, Debug)]
struct Factors {
    weight: Param<Tensor<2>>,
    a: Param<Tensor<2>>,
    b: Param<Tensor<2>>,
}

/// A way to compute the layer.
struct Variant {
    name: &'static str,
    /// Floating-point operations per weight and token that it should take.
    operations: f64,
    pass: Box<dyn Fn() -> Gradients>,
    check: Box<dyn Fn()>,
}

impl Variant {
    /// The gradient of `y` is a dense tensor of ones. `check` panics if `x`
    /// gets no gradient or not exactly `trained` parameters get one: the bench
    /// would measure something else.
    fn new<M: Module + 'static>(
        name: &'static str,
        operations: f64,
        trained: usize,
        x: &Tensor<2>,
        module: M,
        forward: fn(&M, Tensor<2>) -> Tensor<2>,
    ) -> Self {
        let (x, wanted, checked) = (x.clone(), x.clone(), module.clone());
        Self {
            name,
            operations,
            pass: Box::new(move || forward(&module, x.clone()).backward()),
            check: Box::new(move || {
                let gradients = forward(&checked, wanted.clone()).backward();
                assert!(
                    wanted.grad(&gradients).is_some(),
                    "{name}: no gradient of x"
                );
                let found = GradientsParams::from_grads(gradients, &checked).len();
                assert_eq!(found, trained, "{name}: parameters with a gradient");
            }),
        }
    }
}

/// The ways, the frozen layer first. All take the tokens as one matrix and
/// the weight as burn's own layers store it, `[d_input, d_output]` row by row.
fn variants(d_input: usize, d_output: usize) -> Vec<Variant> {
    let device = device().autodiff();
    let x = random::<2>([TOKENS, d_input], 1.0, 2, &device).require_grad();
    let weight = random::<2>([d_input, d_output], 0.1, 1, &device);
    let layer = |trained| Layer {
        proj: Linear {
            weight: Param::from_tensor(weight.clone()).set_require_grad(trained),
            bias: None,
        },
    };
    let frozen = layer(false);
    let config = LoraConfig::new(TargetModules::names(["proj"]))
        .with_r(RANK)
        .with_lora_alpha(ALPHA);
    let ours = attach(frozen.clone(), &config, 0)
        .expect("a linear layer")
        .0;
    let factors = Factors {
        weight: frozen.proj.weight.clone(),
        a: Param::from_tensor(random([d_input, RANK], 0.1, 3, &device)),
        b: Param::from_tensor(random([RANK, d_output], 0.1, 4, &device)),
    };
    let burns = frozen.clone().apply_lora(Lora::new(RANK, ALPHA));

    let rank = RANK as f64;
    // Operations per weight and token of one product with A, and with B.
    let with_a = 2.0 * rank / d_output as f64;
    let with_b = 2.0 * rank / d_input as f64;
    // Each factor: its product, its gradient, and that of what it multiplies.
    let thin = 3.0 * (with_a + with_b);
    // Once for all tokens: A·B, dA and dB; the scale, the sum, the scale again.
    let dense = (3.0 * 2.0 * rank + 3.0) / TOKENS as f64;
    vec![
        Variant::new("frozen", 4.0, 0, &x, frozen, |layer, x| {
            layer.proj.forward(x)
        }),
        Variant::new("forward_adapted", 4.0 + thin, 2, &x, ours, |layer, x| {
            layer.proj.forward_adapted(x)
        }),
        // What anneal-llama calls. Its backward pass computes x·A once more.
        Variant::new(
            "kernel",
            4.0 + thin + with_a,
            2,
            &x,
            factors,
            |factors, x| {
                let (a, b) = (factors.a.val(), factors.b.val());
                lora_linear(
                    x,
                    None,
                    factors.weight.val(),
                    None,
                    [a, b],
                    ALPHA / RANK as f64,
                )
            },
        ),
        Variant::new(
            "burn_lora",
            6.0 + dense,
            2,
            &x,
            burns.clone(),
            |layer, x| layer.proj.forward(x),
        ),
        // As networks call it. burn gives every sequence a dense gradient of
        // its own and adds them: one operation per weight and sequence.
        Variant::new(
            "burn_lora_sequences",
            6.0 + dense + ROWS as f64 / TOKENS as f64,
            2,
            &x,
            burns,
            |layer, x| {
                let [_, d_input] = x.dims();
                let y = layer.proj.forward(x.reshape([ROWS, LENGTH, d_input]));
                y.flatten(0, 1)
            },
        ),
        Variant::new("trained", 6.0, 1, &x, layer(true), |layer, x| {
            layer.proj.forward(x)
        }),
    ]
}

/// Passes timed one behind the other.
struct Sample {
    /// Seconds of one pass, their mean.
    seconds: f64,
    peak_bytes: usize,
}

/// Lets criterion measure; its last samples, after those of the warm-up. None
/// where the command line asks for other benches.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, variant: &Variant) -> Vec<Sample> {
    let mut samples = Vec::new();
    group.bench_function(variant.name, |bencher| {
        if samples.is_empty() {
            (variant.check)();
        }
        bencher.iter_custom(|passes| {
            let mut time = Duration::ZERO;
            let peak_bytes = peak_bytes(|| {
                let start = Instant::now();
                for _ in 0..passes {
                    drop((variant.pass)());
                }
                time = start.elapsed();
            });
            let seconds = time.as_secs_f64() / passes as f64;
            samples.push(Sample {
                seconds,
                peak_bytes,
            });
            time
        });
    });
    samples.split_off(samples.len().saturating_sub(SAMPLES))
}

/// Rows of the table: the median time and the greatest peak of each variant.
fn rows(weights: usize, measured: &[(Variant, Vec<Sample>)]) -> Vec<String> {
    let median = |samples: &[Sample]| {
        let mut seconds: Vec<f64> = samples.iter().map(|sample| sample.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        (seconds[(seconds.len() - 1) / 2] + seconds[seconds.len() / 2]) / 2.0
    };
    let first = measured.first().map(|(_, samples)| median(samples));
    let row = |(variant, samples): &(Variant, Vec<Sample>)| {
        let seconds = median(samples);
        let operations = variant.operations * (weights * TOKENS) as f64;
        let peak = samples.iter().map(|sample| sample.peak_bytes).max();
        format!(
            "| {:<19} | {:>6.2} | {:>6.1} | {:>7.1} | {:>5.2} | {:>4.0} | {:>7.1} |",
            variant.name,
            variant.operations,
            operations / 1e9,
            seconds * 1e3,
            seconds / first.unwrap_or(seconds),
            operations / seconds / 1e9,
            peak.unwrap_or(0) as f64 / f64::from(1 << 20),
        )
    };
    measured.iter().map(row).collect()
}

#[expect(clippy::print_stdout, reason = "the table is for the terminal")]
fn main() {
    keep_freed_memory();
    let mut criterion = Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut table = Vec::new();
    for (layer, d_input, d_output) in LAYERS {
        let mut group = criterion.benchmark_group(format!("lora_linear/{d_input}_to_{d_output}"));
        group.sampling_mode(SamplingMode::Flat);
        let mut measured = Vec::new();
        for variant in variants(d_input, d_output) {
            let samples = measure(&mut group, &variant);
            if !samples.is_empty() {
                measured.push((variant, samples));
            }
        }
        group.finish();
        let rows = rows(d_input * d_output, &measured);
        if !rows.is_empty() {
            table.push(format!(
                "\n{layer}: {d_input} -> {d_output}, {TOKENS} tokens, rank {RANK}"
            ));
            table.push(
                "| forward + backward  | op/w/t |  GFLOP |      ms | ratio | GF/s | peakMiB |"
                    .into(),
            );
            table.push("|---|---|---|---|---|---|---|".into());
            table.extend(rows);
        }
    }
    criterion.final_summary();
    if !table.is_empty() {
        println!("{}", table.join("\n"));
        println!(
            "\nop/w/t: operations per weight and token, as predicted; a multiply-add is two.\n\
             ratio: the time over that of the first row. GF/s: predicted operations over time.\n\
             peakMiB: above what lives before the pass."
        );
    }
}
