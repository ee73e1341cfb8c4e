//! Every option of PEFT on a tiny Llama against PEFT's own numbers:
//! `crates/testkit/fixtures/peft-options`.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

mod formula;

use std::collections::BTreeMap;
use std::path::Path;

use anneal_llama::{LlamaConfig, LlamaForCausalLM};
use anneal_peft::{
    AdapterConfig, Combination, adapter_gradients, adapter_tensors_of, attach, combine_adapters,
    load_adapter, load_adapter_as, merge, save_adapter, set_active,
};
use anneal_testkit::{
    PeftOption, assert_close, device, max_difference, peft_combination, vera_projections,
};
use burn::tensor::{Device, Int, Tensor, TensorData};
use safetensors::SafeTensors;
use tempfile::TempDir;

/// Those of a tied model that change the embedding or its head alone.
const ONE_SIDED: [(&str, &str); 4] = [
    ("tied_embedding", "model.embed_tokens"),
    ("tied_lm_head", "lm_head"),
    ("tied_modules_to_save_embedding", "model.embed_tokens"),
    ("tied_modules_to_save_head", "lm_head"),
];

/// PEFT's two files.
fn folder(option: &PeftOption) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    option.write(folder.path());
    folder
}

/// The adapted model, as it comes from PEFT's two files.
fn load(option: &PeftOption, device: &Device) -> (LlamaForCausalLM, LlamaConfig) {
    let (model, config) = formula::model(&option.base_config(), device);
    (
        load_adapter(model, folder(option).path()).unwrap().0,
        config,
    )
}

fn ids(device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(PeftOption::IDS.to_vec(), [1, 5]), device)
}

/// The logits `[2, 11]` of the last two tokens.
fn last_logits(model: &LlamaForCausalLM, config: &LlamaConfig, device: &Device) -> Tensor<2> {
    let logits = model.forward(ids(device), config).squeeze_dim::<2>(0);
    logits.narrow(0, 3, 2)
}

/// The logits are PEFT's within 1e-5.
fn near(model: &LlamaForCausalLM, config: &LlamaConfig, expected: Tensor<2>, what: &str) {
    let off = max_difference(last_logits(model, config, &device()), expected);
    assert!(off <= 1e-5, "{what} differ by {off:e}");
}

/// The gradients by PEFT's names and in its layout.
fn gradients(model: &LlamaForCausalLM, loss: &Tensor<1>) -> BTreeMap<String, Tensor<1>> {
    let found = adapter_gradients(model, &loss.backward()).into_iter();
    let flat = |grad: TensorData| {
        let count = grad.num_elements();
        Tensor::from_data(
            TensorData::new(grad.iter::<f32>().collect(), [count]),
            &device(),
        )
    };
    found.map(|(key, grad)| (key, flat(grad))).collect()
}

/// PEFT's gradients, as they are where a factor that the head shares with the
/// embedding is one parameter.
///
/// PEFT has two parameters there, of one storage, and each its own use's
/// gradient; the head's are transposed. The true one is the sum.
fn true_gradients(option: &PeftOption) -> BTreeMap<String, Vec<f32>> {
    let mut all = option.gradients();
    let mut shared = Vec::new();
    if option.base() == "tied" && all.keys().any(|key| key.ends_with("lora_embedding_A")) {
        let pairs = [
            ("lora_embedding_A", "lora_B"),
            ("lora_embedding_B", "lora_A"),
        ];
        for (of_embedding, of_head) in pairs {
            let head = format!("base_model.model.lm_head.{of_head}.weight");
            if let Some(head) = all.remove(&head) {
                shared.push((of_embedding, head));
            }
        }
    }
    for (of_embedding, ([rows, columns], head)) in shared
        .iter()
        .map(|(name, (shape, values))| (name, ([shape[0], shape[1]], values)))
    {
        let key = format!("base_model.model.model.embed_tokens.{of_embedding}");
        let (_, values) = all.get_mut(&key).unwrap();
        for (place, value) in values.iter_mut().enumerate() {
            let (row, column) = (place / rows, place % rows);
            *value += head[column * columns + row];
        }
    }
    let flat = all.into_iter().map(|(key, (_, values))| (key, values));
    flat.collect()
}

#[test]
fn logits_equal_those_of_peft() {
    for name in PeftOption::names() {
        let option = PeftOption::open(&name);
        let (model, config) = load(&option, &device());
        near(&model, &config, option.logits(&device()), &name);
    }
}

#[test]
fn loss_and_gradients_equal_those_of_peft() {
    let device = device().autodiff();
    let plain = anneal_testkit::device();
    let mut compared = 0;
    for name in PeftOption::names() {
        let option = PeftOption::open(&name);
        let Some(expected) = option.loss_sum() else {
            continue;
        };
        let (model, config) = load(&option, &device);
        let int = |values: &[i64]| Tensor::<1, Int>::from_data(values, &device);
        let targets = int(&PeftOption::IDS[1..]);
        let loss = model.token_loss(ids(&device), int(&[0, 1, 2, 3]), targets, &config);
        assert_close(
            loss.clone().inner(),
            Tensor::from_floats([expected as f32], &plain),
            1e-5,
        );

        let mut found = gradients(&model, &loss);
        for (key, values) in true_gradients(&option) {
            let expected = Tensor::<1>::from_floats(values.as_slice(), &plain);
            let largest = max_difference(expected.clone(), expected.zeros_like());
            let found = found.remove(&key);
            let found = found.unwrap_or_else(|| panic!("{name}: {key} has no gradient"));
            let relative = max_difference(found, expected) / largest;
            assert!(
                relative <= 1e-4,
                "{name}: {key} is off by {relative:e} of its largest"
            );
            compared += 1;
        }
        let more = found.keys();
        assert!(found.is_empty(), "{name}: PEFT doesn't train {more:?}");
    }
    assert!(compared > 100, "{compared} gradients");
}

#[test]
fn merged_logits_equal_those_of_peft() {
    let mut merged = 0;
    for name in PeftOption::names() {
        let option = PeftOption::open(&name);
        let (model, config) = load(&option, &device());
        if ONE_SIDED.iter().any(|(other, _)| *other == name) || name == "prompt_tuning" {
            continue;
        }
        // PEFT adds a shared update to the one matrix twice.
        let expected = match name.as_str() {
            "tied_embedding_ensure" => option.logits(&device()),
            _ => option.merged_logits(&device()),
        };
        near(&merge(model).unwrap().0, &config, expected, &name);
        merged += 1;
    }
    assert_eq!(merged, 26 - 4 - 1);
}

#[test]
fn half_of_a_tied_pair_is_not_merged() {
    for (name, module) in ONE_SIDED {
        let (model, _) = load(&PeftOption::open(name), &device());
        let refused = merge(model).unwrap_err().to_string();
        let expected = format!(
            "the adapter \"default\" changes {module} alone, but lm_head and \
             model.embed_tokens.weight are one matrix, so merging it would change both; keep the \
             adapter beside the model, give the model a head of its own before the adapter is \
             loaded (`untie` in anneal-llama, `convert --untie`), or train it with \
             ensure_weight_tying"
        );
        assert_eq!(refused, expected, "{name}");
    }
}

#[test]
fn virtual_tokens_are_not_merged() {
    let (model, _) = load(&PeftOption::open("prompt_tuning"), &device());
    assert_eq!(
        merge(model).unwrap_err().to_string(),
        "the adapter \"default\" is a prompt of virtual tokens, which no weight can hold; keep it \
         beside the model, or switch it off before merging"
    );
}

/// A tied base model that was given a head of its own.
fn untied(option: &PeftOption) -> (LlamaForCausalLM, LlamaConfig) {
    let (model, mut config) = formula::model(&option.base_config(), &device());
    config.tie_word_embeddings = false;
    (model.untie().unwrap(), config)
}

#[test]
fn an_untied_model_merges_what_changes_half_of_a_tied_pair() {
    for (name, _) in ONE_SIDED {
        let option = PeftOption::open(name);
        let (base, tied) = formula::model(&option.base_config(), &device());
        let (model, config) = untied(&option);
        near(&model, &config, last_logits(&base, &tied, &device()), name);
        let (model, _, _) = load_adapter(model, folder(&option).path()).unwrap();
        near(&model, &config, option.logits(&device()), name);
        let merged = merge(model).unwrap().0;
        near(&merged, &config, option.logits(&device()), name);
    }
}

#[test]
fn a_shared_adapter_does_not_fit_a_model_without_tied_weights() {
    // Nor does it need one: it is merged where it was trained.
    let option = PeftOption::open("tied_embedding_ensure");
    let refused = load_adapter(untied(&option).0, folder(&option).path()).unwrap_err();
    let text = refused.to_string();
    for name in ["lora_A", "lora_B"] {
        let tensor = format!("base_model.model.lm_head.{name}.weight");
        assert!(
            text.contains(&tensor) && text.contains("unexpected"),
            "{text}"
        );
    }
}

#[test]
fn only_a_model_without_adapters_is_untied() {
    let (model, _) = load(&PeftOption::open("tied_lm_head"), &device());
    assert_eq!(
        model.untie().unwrap_err().to_string(),
        "model.embed_tokens.weight carries an adapter; untie the head first, then attach or load \
         the adapter"
    );
    let (model, _) = formula::model(&PeftOption::open("dora").base_config(), &device());
    let id = model.lm_head.as_ref().unwrap().weight.id;
    let same = model.untie().unwrap();
    assert_eq!(same.lm_head.unwrap().weight.id, id);
}

/// Name to shape and bytes.
fn stored(folder: &Path) -> BTreeMap<String, (Vec<usize>, Vec<u8>)> {
    let bytes = std::fs::read(folder.join("adapter_model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = file.iter().map(|(name, view)| {
        let tensor = (view.shape().to_vec(), view.data().to_vec());
        (name.to_owned(), tensor)
    });
    tensors.collect()
}

#[test]
fn what_is_loaded_is_saved_again_to_the_bit() {
    for name in PeftOption::names() {
        let option = PeftOption::open(&name);
        let (model, config) = load(&option, &device());
        let again = tempfile::tempdir().unwrap();
        save_adapter(&model, again.path()).unwrap();

        let given = folder(&option);
        // PiSSA and OLoRA become plain LoRA of twice the rank; PEFT's own
        // conversion is a variant.
        let converted = ["pissa", "olora"].contains(&name.as_str());
        if !converted {
            let mut expected = stored(given.path());
            // Copies of the base are no part of an adapter.
            expected.retain(|key, _| !key.ends_with(".base_layer.weight"));
            let (found, expected) = (stored(again.path()), expected);
            assert_eq!(
                found.keys().collect::<Vec<_>>(),
                expected.keys().collect::<Vec<_>>(),
                "{name}"
            );
            for (key, tensor) in found {
                assert!(tensor == expected[&key], "{name}: {key} is another tensor");
            }
            let read = |folder: &Path| AdapterConfig::from_dir(folder).unwrap();
            assert_eq!(read(again.path()), read(given.path()), "{name}");
        }
        let (base, _) = formula::model(&option.base_config(), &device());
        let reloaded = load_adapter(base, again.path()).unwrap().0;
        if converted {
            near(&reloaded, &config, option.logits(&device()), &name);
        } else {
            assert_eq!(
                last_logits(&reloaded, &config, &device()).to_data(),
                last_logits(&model, &config, &device()).to_data(),
                "{name}"
            );
        }
    }
}

/// Two of the variants on one model, under their own names.
fn both(first: &str, second: &str) -> (LlamaForCausalLM, LlamaConfig) {
    let [one, two] = [first, second].map(PeftOption::open);
    let (model, config) = formula::model(&one.base_config(), &device());
    let model = load_adapter_as(model, first, folder(&one).path())
        .unwrap()
        .0;
    let model = load_adapter_as(model, second, folder(&two).path())
        .unwrap()
        .0;
    (model, config)
}

#[test]
fn adapters_that_are_active_together_equal_those_of_peft() {
    let names = ["lora_plain", "rslora_patterns"];
    let (model, config) = both(names[0], names[1]);
    let expected = peft_combination("together", &device());
    let model = set_active(model, &names).unwrap();
    near(&model, &config, expected.clone(), "together");
    near(
        &merge(model.clone()).unwrap().0,
        &config,
        expected,
        "merged",
    );
    for name in names {
        let alone = set_active(model.clone(), &[name]).unwrap();
        let expected = PeftOption::open(name).logits(&device());
        near(&alone, &config, expected, name);
    }
    let (base, _) = formula::model(&PeftOption::open(names[0]).base_config(), &device());
    let none = set_active(model, &[]).unwrap();
    assert_eq!(
        last_logits(&none, &config, &device()).to_data(),
        last_logits(&base, &config, &device()).to_data()
    );
}

#[test]
fn combined_adapters_equal_those_of_peft() {
    let names = ["lora_plain", "lora_second"];
    for (how, case) in [
        (Combination::Linear, "combined_linear"),
        (Combination::Cat, "combined_cat"),
        (Combination::Svd { rank: 3 }, "combined_svd"),
    ] {
        let (model, config) = both(names[0], names[1]);
        let parts = [(names[0], 0.75), (names[1], -0.5)];
        let model = combine_adapters(model, "sum", &parts, how).unwrap();
        let model = set_active(model, &["sum"]).unwrap();
        near(&model, &config, peft_combination(case, &device()), case);
    }
}

#[test]
fn projections_drawn_from_the_key_are_those_of_peft() {
    let option = PeftOption::open("vera_unsaved");
    let config = AdapterConfig::from_dir(folder(&option).path()).unwrap();
    let AdapterConfig::Vera(mut vera) = config else {
        panic!("vera_unsaved is a VeRA adapter");
    };
    // A fresh adapter of these settings that is asked to write them.
    assert!(!vera.save_projection);
    vera.save_projection = true;
    let (base, _) = formula::model(&option.base_config(), &device());
    let model = attach(base, &vera, 1).unwrap().0;
    let folder = tempfile::tempdir().unwrap();
    save_adapter(&model, folder.path()).unwrap();
    let tensors = stored(folder.path());
    let names = ["vera_A", "vera_B"].into_iter();
    for (name, expected) in names.zip(vera_projections(&device())) {
        let (shape, bytes) = &tensors[&format!("base_model.{name}")];
        assert_eq!(shape.as_slice(), expected.dims().as_slice());
        let (numbers, _) = bytes.as_chunks::<4>();
        let values: Vec<f32> = numbers.iter().map(|&b| f32::from_le_bytes(b)).collect();
        let found = Tensor::from_data(TensorData::new(values, expected.dims()), &device());
        let off = max_difference(found, expected);
        assert!(off <= 1e-6, "{name} is off by {off:e}");
    }
}

#[test]
fn an_active_prompt_acts_and_an_inactive_one_does_not() {
    let (model, config) = both("prompt_tuning", "lora_plain");
    assert_eq!(adapter_tensors_of(&model, "prompt_tuning").len(), 1);
    for name in ["lora_plain", "prompt_tuning"] {
        let alone = set_active(model.clone(), &[name]).unwrap();
        let expected = PeftOption::open(name).logits(&device());
        near(&alone, &config, expected, name);
    }
}

#[test]
fn every_variant_is_peft_s_to_the_byte() {
    let names = PeftOption::names();
    assert_eq!(names.len(), 26);
    for name in names {
        folder(&PeftOption::open(&name));
    }
}
