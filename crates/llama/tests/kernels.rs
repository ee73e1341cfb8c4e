//! A model computes the same whichever kernels are on.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_kernels::{Kernel, KernelSet, with_kernels};
use anneal_llama::{LoadedModel, load};
use anneal_peft::{InitLoraWeights, LoraConfig, TargetModules, adapter_gradients, attach};
use anneal_testkit::{assert_close, device, fixture_path};
use burn::tensor::{Int, Tensor};

/// Rounding of f32 sums taken in another order, through three layers.
const TOLERANCE: f64 = 2e-5;

/// Logits, the loss, and the gradients of all factors by name.
fn run() -> (Tensor<3>, Tensor<1>, Vec<(String, Tensor<1>)>) {
    let device = device().autodiff();
    let LoadedModel { model, config, .. } = load(&fixture_path("tiny-llama"), &device).unwrap();
    let names = [
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    ];
    let lora = LoraConfig::new(TargetModules::names(names))
        .with_r(2)
        .with_init_lora_weights(InitLoraWeights::Random);
    let model = attach(model, &lora, 3).unwrap().0;
    let ids = Tensor::<2, Int>::from_ints([[5, 6, 7, 8, 9], [10, 4, 3, 2, 11]], &device);
    let logits = model.forward(ids.clone(), &config).inner();
    let int = |values: [i64; 4]| Tensor::<1, Int>::from_ints(values, &device);
    let loss = model.token_loss(ids, int([0, 2, 5, 8]), int([6, 8, 4, 11]), &config);
    let gradients = adapter_gradients(&model, &loss.clone().backward());
    let plain = anneal_testkit::device();
    let gradients = gradients.into_iter().map(|(name, data)| {
        let values: Vec<f32> = data.iter::<f32>().collect();
        (name, Tensor::<1>::from_floats(values.as_slice(), &plain))
    });
    (logits, loss.inner(), gradients.collect())
}

#[test]
fn logits_loss_and_gradients_are_the_same_with_and_without_each_kernel() {
    let (logits, loss, gradients) = with_kernels(KernelSet::NONE, run);
    assert_eq!(gradients.len(), 3 * 7 * 2);
    let without = Kernel::ALL.map(|kernel| KernelSet::ALL.without(kernel));
    for set in without.into_iter().chain([KernelSet::ALL]) {
        let (found, found_loss, found_gradients) = with_kernels(set, run);
        assert_close(found, logits.clone(), TOLERANCE);
        assert_close(found_loss, loss.clone(), TOLERANCE);
        for ((name, found), (expected_name, expected)) in
            found_gradients.into_iter().zip(gradients.clone())
        {
            assert_eq!(name, expected_name);
            assert_close(found, expected, TOLERANCE);
        }
    }
}
