//! Every method on the whole model: what is trained, what stays frozen, and
//! that the loss is the one that the logits have.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

mod every_method;
mod gradients;

use anneal_llama::{
    GenerateOptions, LlamaForCausalLM, LoadOptions, LoadedModel, Precision, generate, load_with,
};
use anneal_peft::{
    VeraConfig, adapter_gradients, adapter_tensors, add_adapter, attach, disabled, merge,
    set_active,
};
use anneal_testkit::{assert_close, device, fixture_path, max_difference};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use every_method::{IDS, PLACES, TARGETS, WEIGHTS, each, lora, names};
use gradients::base_gradients;

fn loss(loaded: &LoadedModel, model: &LlamaForCausalLM, device: &Device) -> Tensor<1> {
    let int = |values: [i64; 6]| Tensor::<1, Int>::from_data(values, device);
    let ids = Tensor::from_data(IDS, device);
    model.token_loss(ids, int(PLACES), int(TARGETS), &loaded.config)
}

/// The weighted sum of the places' losses, with label smoothing of 0.1.
fn weighted_loss(loaded: &LoadedModel, model: &LlamaForCausalLM, device: &Device) -> Tensor<1> {
    let int = |values: [i64; 6]| Tensor::<1, Int>::from_data(values, device);
    let ids = Tensor::from_data(IDS, device);
    let losses = model.token_losses(ids, int(PLACES), int(TARGETS), 0.1, &loaded.config);
    (losses * Tensor::from_data(WEIGHTS, device)).sum()
}

/// The same from the logits of every place.
fn loss_of_logits(loaded: &LoadedModel, model: &LlamaForCausalLM, device: &Device) -> Tensor<1> {
    let logits = model.forward(Tensor::from_data(IDS, device), &loaded.config);
    let [batch, length, vocabulary] = logits.dims();
    let rows = logits.reshape([batch * length, vocabulary]);
    let rows = rows.select(0, Tensor::from_data(PLACES, device));
    let targets = Tensor::<1, Int>::from_data(TARGETS, device).unsqueeze_dim(1);
    let surprise = log_softmax(rows, 1).neg();
    let chosen = surprise.clone().gather(1, targets);
    let losses = chosen * 0.9 + surprise.mean_dim(1) * 0.1;
    (losses.squeeze_dim(1) * Tensor::<1>::from_data(WEIGHTS, device)).sum()
}

#[test]
fn a_method_trains_all_of_its_own_and_nothing_else() {
    let device = device().autodiff();
    each(&device, Precision::F32, |name, loaded| {
        let gradients = loss(&loaded, &loaded.model, &device).backward();
        let found = adapter_gradients(&loaded.model, &gradients);
        let tensors = adapter_tensors(&loaded.model);
        assert!(!tensors.is_empty(), "{name}");
        for (key, tensor) in &tensors {
            let gradient = found.get(key).unwrap_or_else(|| panic!("{name}: {key}"));
            assert_eq!(gradient.shape(), tensor.shape(), "{name}: {key}");
            let some = gradient.iter::<f32>().any(|value| value != 0.0);
            let finite = gradient.iter::<f32>().all(f32::is_finite);
            assert!(some && finite, "{name}: {key}");
        }
        assert_eq!(found.len(), tensors.len(), "{name}");
        let base = base_gradients(&loaded.model, &gradients);
        assert!(base.len() >= 29, "{name}: {} parameters", base.len());
        for (path, gradient) in base {
            assert!(gradient.is_none(), "{name}: {path} has a gradient");
        }
    });
}

#[test]
fn the_loss_and_its_gradients_are_those_of_the_logits() {
    let device = device().autodiff();
    each(&device, Precision::F32, |name, loaded| {
        let model = &loaded.model;
        let (fused, plain) = (
            weighted_loss(&loaded, model, &device),
            loss_of_logits(&loaded, model, &device),
        );
        assert_close(fused.clone().inner(), plain.clone().inner(), 1e-5);
        let found = adapter_gradients(model, &fused.backward());
        for (key, expected) in adapter_gradients(model, &plain.backward()) {
            let flat = |data: &TensorData| {
                let values: Vec<f32> = data.iter::<f32>().collect();
                Tensor::<1>::from_floats(values.as_slice(), &anneal_testkit::device())
            };
            let (found, expected) = (flat(&found[&key]), flat(&expected));
            let largest = max_difference(expected.clone(), expected.zeros_like());
            let off = max_difference(found, expected) / largest;
            assert!(off <= 1e-4, "{name}: {key} is off by {off:e}");
        }
    });
}

#[test]
fn no_places_give_no_losses_and_gradients_of_zero() {
    let device = device().autodiff();
    each(&device, Precision::F32, |name, loaded| {
        let none = || Tensor::<1, Int>::from_data(TensorData::new(Vec::<i64>::new(), [0]), &device);
        let ids = Tensor::from_data(IDS, &device);
        let model = &loaded.model;
        let losses = model.token_losses(ids, none(), none(), 0.1, &loaded.config);
        assert_eq!(losses.dims(), [0], "{name}");
        let sum = losses.sum();
        assert!(sum.is_tracked(), "{name}");
        assert_eq!(sum.clone().into_scalar::<f32>(), 0.0, "{name}");
        for (key, gradient) in adapter_gradients(model, &sum.backward()) {
            assert!(gradient.iter::<f32>().all(|g| g == 0.0), "{name}: {key}");
        }
    });
}

#[test]
fn dropout_reaches_the_head_in_the_loss_and_in_training_alone() {
    let device = device().autodiff();
    for (fixture, config) in [
        ("tiny-llama-untied", lora(["lm_head"])),
        ("tiny-llama", lora(["lm_head"])),
        (
            "tiny-llama",
            lora(["lm_head"]).with_ensure_weight_tying(true),
        ),
    ] {
        let mut loaded =
            load_with(&fixture_path(fixture), &LoadOptions::default(), &device).unwrap();
        let config = config.with_lora_dropout(0.5);
        loaded.model = attach(loaded.model, &config, 7).unwrap().0;
        let draw = |model: &LlamaForCausalLM, device: &Device| {
            let loss = loss(&loaded, model, device);
            loss.into_scalar::<f32>()
        };
        let drawn: Vec<f32> = (0..4).map(|_| draw(&loaded.model, &device)).collect();
        assert!(drawn.windows(2).any(|two| two[0] != two[1]), "{drawn:?}");
        let (valid, plain) = (loaded.model.valid(), anneal_testkit::device());
        assert_eq!(draw(&valid, &plain), draw(&valid, &plain), "{fixture}");
    }
}

/// The same rounded weights in f32; adapters are so already.
struct Widen;

impl ModuleMapper for Widen {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|t| t.cast(DType::F32).detach().set_require_grad(false))
    }
}

/// How far a narrow model's logits stray from those of the same weights in
/// f32, as a share of them.
fn stray(model: &LlamaForCausalLM, loaded: &LoadedModel, exact: Tensor<3>) -> f64 {
    let logits = model.forward(Tensor::from_data(IDS, &device()), &loaded.config);
    assert_eq!(logits.dtype(), DType::F32);
    let norm = |t: Tensor<3>| f64::from(t.square().sum().into_scalar::<f32>()).sqrt();
    norm(logits - exact.clone()) / norm(exact)
}

#[test]
fn every_method_works_on_narrow_weights_and_stays_wide_itself() {
    each(&device(), Precision::Bf16, |name, loaded| {
        assert_eq!(loaded.model.dtype(), DType::BF16);
        let tensors = adapter_tensors(&loaded.model);
        assert!(tensors.values().all(|t| t.dtype() == DType::F32), "{name}");
        let ids = Tensor::<2, Int>::from_data(IDS, &device());
        let states = loaded.model.hidden_states(ids.clone(), &loaded.config);
        assert_eq!(states.dtype(), DType::BF16, "{name}");

        // The measure is the same model with the adapter merged, which rounds
        // in as many places; without its adapter where that can't be. The two
        // roundings fall this way or that: hence twice as much.
        let exact = |model: &LlamaForCausalLM| {
            let wide = model.clone().map(&mut Widen);
            wide.forward(ids.clone(), &loaded.config)
        };
        let adapted = exact(&loaded.model);
        let own = stray(&loaded.model, &loaded, adapted.clone());
        let measure = match merge(loaded.model.clone()) {
            Ok((merged, _)) => stray(&merged, &loaded, adapted),
            Err(_) => {
                let base = disabled(&loaded.model).unwrap();
                stray(&base, &loaded, exact(&base))
            }
        };
        assert!(own < 2.0 * measure, "{name}: {own:e} against {measure:e}");
        // It is bf16 that was computed.
        assert!(own > 1e-4, "{name}: {own:e}");

        let options = GenerateOptions {
            max_new_tokens: 3,
            ..GenerateOptions::default()
        };
        let prompts = [vec![5, 9, 2], vec![7]];
        let found = generate(&loaded.model, &loaded.config, &prompts, &options, &device());
        assert!(found.unwrap().iter().all(|row| row.token_ids.len() == 3));
    });
}

#[test]
fn what_can_be_merged_computes_the_same_merged() {
    each(&device(), Precision::F32, |name, loaded| {
        let ids = Tensor::<2, Int>::from_data(IDS, &device());
        let expected = loaded.model.forward(ids.clone(), &loaded.config);
        match merge(loaded.model) {
            Ok((merged, _)) => {
                let logits = merged.forward(ids, &loaded.config);
                assert_close(logits, expected, 1e-5);
            }
            Err(refused) => {
                let text = refused.to_string();
                let tied = name.starts_with("tiny-llama,") && text.contains("one matrix");
                assert!(tied || name.ends_with("prompt"), "{name}: {text}");
            }
        }
    });
}

#[test]
fn several_active_adapters_are_their_sum() {
    let loaded = load_with(
        &fixture_path("tiny-llama-untied"),
        &LoadOptions::default(),
        &device(),
    )
    .unwrap();
    let model = attach(loaded.model, lora(["q_proj", "lm_head"]), 1)
        .unwrap()
        .0;
    let second = VeraConfig {
        init_weights: false,
        ..VeraConfig::new(names(["q_proj", "down_proj"])).with_r(4)
    };
    let model = add_adapter(model, "second", second, 2).unwrap().0;
    let ids = Tensor::<2, Int>::from_data(IDS, &device());
    let logits = |names: &[&str]| {
        let model = set_active(model.clone(), names).unwrap();
        let logits = model.forward(ids.clone(), &loaded.config);
        let merged = merge(model).unwrap().0.forward(ids.clone(), &loaded.config);
        assert_close(merged, logits.clone(), 1e-5);
        logits
    };
    let (one, two) = (logits(&["default"]), logits(&["second"]));
    let both = logits(&["default", "second"]);
    for alone in [one, two] {
        assert!(max_difference(both.clone(), alone) > 0.01);
    }
    // In weight space it can be seen: W + Δ₁ + Δ₂.
    let weight = |names: &[&str]| {
        let model = set_active(model.clone(), names).unwrap();
        model.model.layers[0].self_attn.q_proj.weight.val()
    };
    let sum = weight(&["default"]) + weight(&["second"]) - weight(&[]);
    assert_close(weight(&["default", "second"]), sum, 1e-6);
}
