//! Every option of PEFT on a tiny Llama against PEFT's own numbers:
//! `crates/testkit/fixtures/peft-options`.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

mod formula;

use std::collections::BTreeMap;

use anneal_llama::{LlamaConfig, LlamaForCausalLM};
use anneal_peft::{load_adapter, lora_gradients, merge};
use anneal_testkit::{PeftOption, assert_close, device, max_difference};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// What is compared.
const VARIANTS: [&str; 7] = [
    "lora_plain",
    "lora_second",
    "rslora_patterns",
    "regex",
    "layers_to_transform",
    "all_linear",
    "pissa_converted",
];

/// The adapted model, as it comes from PEFT's two files.
fn load(option: &PeftOption, device: &Device) -> (LlamaForCausalLM, LlamaConfig) {
    let folder = tempfile::tempdir().unwrap();
    option.write(folder.path());
    let (model, config) = formula::model(&option.base_config(), device);
    (load_adapter(model, folder.path()).unwrap().0, config)
}

fn ids(device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(PeftOption::IDS.to_vec(), [1, 5]), device)
}

/// The logits `[2, 11]` of the last two tokens.
fn last_logits(model: &LlamaForCausalLM, config: &LlamaConfig, device: &Device) -> Tensor<2> {
    let logits = model.forward(ids(device), config).squeeze_dim::<2>(0);
    logits.narrow(0, 3, 2)
}

/// The gradients by PEFT's names and in its layout.
fn gradients(model: &LlamaForCausalLM, loss: &Tensor<1>) -> BTreeMap<String, Tensor<1>> {
    let found = lora_gradients(model, &loss.backward()).into_iter();
    found.map(|(key, grad)| (key, grad.flatten(0, 1))).collect()
}

#[test]
fn logits_and_merged_logits_equal_those_of_peft() {
    let device = device();
    for name in VARIANTS {
        let option = PeftOption::open(name);
        let (model, config) = load(&option, &device);
        let near = |model: &LlamaForCausalLM, expected: Tensor<2>, what: &str| {
            let off = max_difference(last_logits(model, &config, &device), expected);
            assert!(off <= 1e-5, "{name}: {what} differ by {off:e}");
        };
        near(&model, option.logits(&device), "logits");
        near(
            &merge(model).unwrap(),
            option.merged_logits(&device),
            "merged logits",
        );
    }
}

#[test]
fn loss_and_gradients_equal_those_of_peft() {
    let device = device().autodiff();
    for option in VARIANTS.map(PeftOption::open) {
        let Some(expected) = option.loss_sum() else {
            continue;
        };
        let (model, config) = load(&option, &device);
        let int = |values: &[i64]| Tensor::<1, Int>::from_data(values, &device);
        let targets = int(&PeftOption::IDS[1..]);
        let loss = model.token_loss(ids(&device), int(&[0, 1, 2, 3]), targets, &config);
        assert_close(
            loss.clone().inner(),
            Tensor::from_floats([expected as f32], &anneal_testkit::device()),
            1e-5,
        );

        let mut found = gradients(&model, &loss);
        for (key, (_, values)) in option.gradients() {
            let expected = Tensor::<1>::from_floats(values.as_slice(), &anneal_testkit::device());
            let largest = max_difference(expected.clone(), expected.zeros_like());
            let found = found.remove(&key).unwrap();
            let relative = max_difference(found, expected) / largest;
            assert!(
                relative <= 1e-4,
                "{key} is off by {relative:e} of its largest"
            );
        }
        assert!(found.is_empty(), "PEFT doesn't train {:?}", found.keys());
    }
}

#[test]
fn every_variant_is_peft_s_to_the_byte() {
    let names = PeftOption::names();
    assert_eq!(names.len(), 26);
    for name in names {
        let folder = tempfile::tempdir().unwrap();
        PeftOption::open(&name).write(folder.path());
    }
}
