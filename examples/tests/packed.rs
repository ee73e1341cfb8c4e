//! A packed step against the same step with one example a row: loss and gradients.
//!
//! The data path of `finetune` takes part as a whole: the drawn step, rows, targets
//! moved into them, micro-batches, the summed loss and its division.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeMap;

use anneal_data::{BatchConfig, Batches, Example, Step};
use anneal_examples::token_loss;
use anneal_llama::{LlamaConfig, LlamaForCausalLM, load};
use anneal_peft::{PromptTuningConfig, adapter_gradients, attach, load_adapter};
use anneal_testkit::{device, fixture_path};
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Each is a sum over the same few thousand f32 products in another order. One order
/// against another differs by about `√n · 2⁻²⁴` of the terms' size, 4e-6 for n = 4,096;
/// a segment that saw its neighbour changes the loss in its second digit.
const ROUNDING: f64 = 1e-5;

/// 19 examples of 2 to 41 tokens of the tiny model's vocabulary, about half of them trained.
fn examples() -> Vec<Example> {
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    let mut below = |n: u32| rng.next_u32() % n;
    let example = |_| {
        let length = 2 + below(40);
        let ids = (0..length).map(|_| below(131)).collect();
        let mut trained: Vec<bool> = (0..length).map(|_| below(2) == 0).collect();
        // The last is trained in all, and the first in many: nothing before it predicts it.
        trained[length as usize - 1] = true;
        Example::new(ids, trained).unwrap()
    };
    (0..19).map(example).collect()
}

/// The only step of an epoch of all examples.
fn step(capacity: Option<usize>, buckets: &[usize]) -> Step {
    let config = BatchConfig {
        batch_size: 19,
        micro_tokens: 256,
        buckets: buckets.to_vec(),
        capacity,
        pad_id: 7,
        ..BatchConfig::default()
    };
    let batches = Batches::new(examples(), config).unwrap();
    batches.steps(0).next().unwrap()
}

/// Most examples of any row.
fn most_segments(step: &Step) -> usize {
    let rows = step.micro_batches.iter().flat_map(|batch| &batch.segments);
    rows.map(Vec::len).max().unwrap()
}

/// Mean loss and its gradients, by parameter.
fn train(
    model: &LlamaForCausalLM,
    config: &LlamaConfig,
    step: &Step,
    device: &Device,
) -> (f64, BTreeMap<String, Vec<f64>>) {
    let scale = 1.0 / step.target_count() as f64;
    let (mut loss, mut sums) = (0.0, BTreeMap::<String, Vec<f64>>::new());
    for batch in &step.micro_batches {
        let mean = token_loss(model, batch, config, device).sum * scale;
        let value: f64 = mean.clone().inner().into_scalar();
        loss += value;
        for (name, values) in adapter_gradients(model, &mean.backward()) {
            let values = values.iter::<f64>().collect::<Vec<_>>();
            let total = sums.entry(name).or_insert_with(|| vec![0.0; values.len()]);
            total
                .iter_mut()
                .zip(values)
                .for_each(|(total, value)| *total += value);
        }
    }
    (loss, sums)
}

fn assert_same(model: &LlamaForCausalLM, config: &LlamaConfig, tensors: usize, device: &Device) {
    let plain = step(None, &[]);
    assert_eq!(most_segments(&plain), 1);
    let (loss, gradients) = train(model, config, &plain, device);
    assert_eq!(gradients.len(), tensors);
    for (capacity, buckets) in [(256, &[][..]), (100, &[]), (128, &[48, 64, 128])] {
        let packed = step(Some(capacity), buckets);
        assert!(most_segments(&packed) > 2, "{packed:?}");
        assert_eq!(packed.target_count(), plain.target_count());
        let (found, packed_gradients) = train(model, config, &packed, device);
        let off = (found - loss).abs() / loss;
        assert!(
            off < ROUNDING,
            "capacity {capacity}: {found} against {loss}"
        );
        for (name, expected) in &gradients {
            let found = &packed_gradients[name];
            let size = expected.iter().fold(0.0_f64, |most, g| most.max(g.abs()));
            assert!(size > 0.0, "{name} gets no gradient");
            let pairs = found.iter().zip(expected);
            let off = pairs.fold(0.0_f64, |most, (a, b)| most.max((a - b).abs())) / size;
            assert!(
                off < ROUNDING,
                "capacity {capacity}: {name} is off by {off:e}"
            );
        }
    }
}

#[test]
fn packed_and_unpacked_steps_have_one_loss_and_one_gradient() {
    let device = device().autodiff();
    let loaded = load(&fixture_path("tiny-llama"), &device).unwrap();
    // Alpha is not the rank, and no B is zero.
    let adapter = fixture_path("tiny-llama/adapter");
    let (model, _, report) = load_adapter(loaded.model, adapter).unwrap();
    assert!(!report.has_no_effect);
    assert_same(&model, &loaded.config, 42, &device);
}

#[test]
fn virtual_tokens_stand_before_every_segment() {
    let device = device().autodiff();
    let loaded = load(&fixture_path("tiny-llama"), &device).unwrap();
    let (model, _) = attach(loaded.model, PromptTuningConfig::new(3), 5).unwrap();
    assert_same(&model, &loaded.config, 1, &device);
}
