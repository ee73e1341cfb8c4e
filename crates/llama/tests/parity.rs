//! Logits, gradients and generation against transformers and PEFT, on the tiny
//! models of `crates/testkit/fixtures`.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_llama::{GenerateOptions, LoadedModel, generate, load};
use anneal_peft::{adapter_gradients, load_adapter};
use anneal_testkit::{
    Fixture, LOGIT_TOLERANCE, assert_close, device, fixture_path, max_difference, unpadded,
};
use burn::module::Module;
use burn::tensor::{Int, Tensor};

fn assert_logits(loaded: &LoadedModel, goldens: &str) {
    let fixture = Fixture::open(goldens);
    let ids = fixture.int::<2>("input_ids", &device());
    let (_, lengths) = fixture.ints("lengths");
    let expected = unpadded(&fixture.float::<3>("logits", &device()), &lengths);
    let logits = unpadded(&loaded.model.forward(ids, &loaded.config), &lengths);
    let difference = max_difference(logits, expected);
    assert!(
        difference < LOGIT_TOLERANCE,
        "{goldens}: logits differ by {difference:e}"
    );
}

#[test]
fn logits_equal_those_of_transformers() {
    for name in ["tiny-llama", "tiny-llama-untied"] {
        let loaded = load(&fixture_path(name), &device()).unwrap();
        assert_logits(&loaded, &format!("{name}/goldens.safetensors"));
    }
}

#[test]
fn logits_with_an_adapter_equal_those_of_peft() {
    for adapter in ["adapter", "adapter-qv"] {
        let mut loaded = load(&fixture_path("tiny-llama"), &device()).unwrap();
        let path = fixture_path(&format!("tiny-llama/{adapter}"));
        loaded.model = load_adapter(loaded.model, path).unwrap().0;
        assert_logits(
            &loaded,
            &format!("tiny-llama/goldens-{adapter}.safetensors"),
        );
    }
}

/// The flat places of the states that predict, and the labels that follow them.
fn targets(labels: &[i64], width: usize) -> (Vec<i64>, Vec<i64>) {
    let trained = labels
        .iter()
        .enumerate()
        .filter(|(at, label)| at % width > 0 && **label != -100);
    trained.map(|(at, &label)| (at as i64 - 1, label)).unzip()
}

#[test]
fn loss_and_adapter_gradients_equal_those_of_peft() {
    for adapter in ["adapter", "adapter-qv"] {
        let device = device().autodiff();
        let loaded = load(&fixture_path("tiny-llama"), &device).unwrap();
        let path = fixture_path(&format!("tiny-llama/{adapter}"));
        let (model, _, _) = load_adapter(loaded.model, path).unwrap();
        let fixture = Fixture::open(&format!("tiny-llama/gradients-{adapter}.safetensors"));
        let (shape, labels) = fixture.ints("labels");
        let (places, targets) = targets(&labels, shape[1]);
        assert_eq!(vec![targets.len() as i64], fixture.ints("trained_tokens").1);
        let int = |values: &[i64]| Tensor::<1, Int>::from_data(values, &device);
        let ids = fixture.int::<2>("input_ids", &device);
        let loss = model.token_loss(ids, int(&places), int(&targets), &loaded.config);
        let expected = fixture.float::<1>("loss_sum", &device);
        assert_close(loss.clone().inner(), expected.inner(), 1e-5);

        let gradients = adapter_gradients(&model, &loss.backward());
        let names = fixture
            .names()
            .into_iter()
            .filter(|name| name.contains("lora_"));
        let names: Vec<String> = names.collect();
        assert_eq!(names.len(), gradients.len());
        for name in names {
            let expected = fixture.float::<2>(&name, &device).inner();
            let largest = max_difference(expected.clone(), expected.zeros_like());
            let relative = max_difference(
                Tensor::from_data(gradients[&name].clone(), &expected.device()),
                expected,
            ) / largest;
            assert!(
                relative < 1e-4,
                "{adapter}: {name} is off by {relative:e} of its largest"
            );
        }
    }
}

#[test]
fn the_frozen_base_gets_no_gradient() {
    let device = device().autodiff();
    let loaded = load(&fixture_path("tiny-llama"), &device).unwrap();
    let (model, _, _) = load_adapter(loaded.model, fixture_path("tiny-llama/adapter")).unwrap();
    let int = |values: [i64; 2]| Tensor::<1, Int>::from_ints(values, &device);
    let ids = Tensor::<2, Int>::from_ints([[5, 6, 7]], &device);
    let loss = model.token_loss(ids, int([0, 1]), int([6, 7]), &loaded.config);
    let gradients = loss.backward();
    let layer = &model.model.layers[1];
    assert!(
        layer
            .self_attn
            .q_proj
            .weight
            .base()
            .grad(&gradients)
            .is_none()
    );
    assert!(
        layer
            .input_layernorm
            .weight
            .val()
            .grad(&gradients)
            .is_none()
    );
    assert!(
        model
            .model
            .embed_tokens
            .weight
            .val()
            .grad(&gradients)
            .is_none()
    );
}

#[test]
fn paths_are_hugging_faces() {
    let loaded = load(&fixture_path("tiny-llama-untied"), &device()).unwrap();
    let mut paths = Paths::default();
    loaded.model.visit(&mut paths);
    for path in [
        "model.embed_tokens.weight",
        "model.layers.1.self_attn.o_proj.bias",
        "model.layers.0.post_attention_layernorm.weight",
        "model.norm.weight",
        "lm_head.weight",
    ] {
        assert!(
            paths.found.iter().any(|found| found == path),
            "no {path} in {:?}",
            paths.found
        );
    }
}

#[derive(Default)]
struct Paths {
    stack: Vec<String>,
    found: Vec<String>,
}

impl burn::module::ModuleVisitor for Paths {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.stack.push(name.to_owned());
    }
    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.stack.pop();
    }
    fn visit_float<const D: usize>(&mut self, _param: &burn::module::Param<Tensor<D>>) {
        self.found.push(self.stack.join("."));
    }
}

/// The rows of a padded fixture.
fn rows(fixture: &Fixture, ids: &str, lengths: &str) -> Vec<Vec<u32>> {
    let (shape, values) = fixture.ints(ids);
    let (_, lengths) = fixture.ints(lengths);
    let rows = values.chunks(shape[1]).zip(lengths);
    rows.map(|(row, n)| row[..n as usize].iter().map(|&id| id as u32).collect())
        .collect()
}

#[test]
fn a_batch_of_unequal_prompts_continues_as_each_would_alone() {
    for name in ["tiny-llama", "tiny-llama-untied"] {
        let loaded = load(&fixture_path(name), &device()).unwrap();
        let fixture = Fixture::open(&format!("{name}/goldens.safetensors"));
        let prompts = rows(&fixture, "prompt_ids", "prompt_lengths");
        let options = GenerateOptions {
            max_new_tokens: 12,
            ..GenerateOptions::default()
        };
        let found = generate(&loaded.model, &loaded.config, &prompts, &options, &device()).unwrap();
        let (_, expected) = fixture.ints("generated_ids");
        for (row, expected) in found.iter().zip(expected.chunks(12)) {
            let ids: Vec<i64> = row.token_ids.iter().map(|&id| id.into()).collect();
            assert_eq!(ids, expected, "{name}");
        }
        let logprobs: Vec<f32> = found.iter().flat_map(|row| row.logprobs.clone()).collect();
        let logprobs = Tensor::<1>::from_floats(logprobs.as_slice(), &device()).reshape([3, 12]);
        assert_close(
            logprobs,
            fixture.float::<2>("generated_logprobs", &device()),
            1e-4,
        );
    }
}

#[test]
fn an_end_token_ends_its_own_row_alone() {
    for name in ["tiny-llama", "tiny-llama-untied"] {
        let loaded = load(&fixture_path(name), &device()).unwrap();
        let fixture = Fixture::open(&format!("{name}/goldens.safetensors"));
        let prompts = rows(&fixture, "prompt_ids", "prompt_lengths");
        let end_ids = fixture
            .ints("eos_token_id")
            .1
            .iter()
            .map(|&id| id as u32)
            .collect();
        let options = GenerateOptions {
            max_new_tokens: 12,
            end_ids,
            ..GenerateOptions::default()
        };
        let found = generate(&loaded.model, &loaded.config, &prompts, &options, &device()).unwrap();
        let found: Vec<_> = found.into_iter().map(|row| row.token_ids).collect();
        assert_eq!(
            found,
            rows(&fixture, "eos_generated_ids", "eos_generated_lengths"),
            "{name}"
        );
        assert!(found.iter().any(|row| row.len() < 12));
    }
}

#[test]
fn prompts_that_cannot_run_are_refused() {
    let loaded = load(&fixture_path("tiny-llama"), &device()).unwrap();
    let options = GenerateOptions {
        max_new_tokens: 4,
        ..GenerateOptions::default()
    };
    let refused = |prompts: &[Vec<u32>]| {
        generate(&loaded.model, &loaded.config, prompts, &options, &device())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(&[vec![1], vec![]]),
        "prompt 1 is empty; a prompt needs at least one token"
    );
    assert_eq!(
        refused(&[vec![1, 131]]),
        "prompt 0 holds token id 131, but the vocabulary ends at 130"
    );
    assert!(refused(&[vec![1; 4096]]).contains("the model has"));
}
