//! Recompute by block against the graph of the whole: every method, every
//! layout of a batch, and what is trained in some places alone.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

mod every_method;
mod gradients;

use anneal_llama::{
    BlockTape, LlamaForCausalLM, LoadOptions, LoadedModel, Precision, Segments, load, load_with,
};
use anneal_peft::{PromptTuningConfig, add_adapter, attach, set_active};
use anneal_testkit::{assert_close, device, fixture_path};
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use every_method::{IDS, PLACES, TARGETS, WEIGHTS, each, lora};
use gradients::Parts;

fn ints<const N: usize>(values: [i64; N], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(values, device)
}

/// The places of the batch lie within these.
fn segments() -> Segments {
    Segments::new(&[vec![2, 4], vec![4]], 6)
}

fn weigh(losses: Tensor<1>) -> Tensor<1> {
    let weights = Tensor::from_data(WEIGHTS, &losses.device());
    (losses * weights).sum()
}

fn whole(
    model: &LlamaForCausalLM,
    loaded: &LoadedModel,
    segments: Option<&Segments>,
    device: &Device,
) -> Tensor<1> {
    let (ids, config) = (Tensor::from_data(IDS, device), &loaded.config);
    let (places, targets) = (ints(PLACES, device), ints(TARGETS, device));
    weigh(match segments {
        None => model.token_losses(ids, places, targets, 0.1, config),
        Some(segments) => model.token_losses_packed(ids, segments, places, targets, 0.1, config),
    })
}

fn taped(
    model: &LlamaForCausalLM,
    loaded: &LoadedModel,
    segments: Option<&Segments>,
    device: &Device,
) -> (Tensor<1>, BlockTape) {
    let (ids, config) = (Tensor::from_data(IDS, device), &loaded.config);
    let (places, targets) = (ints(PLACES, device), ints(TARGETS, device));
    let (losses, tape) = model.token_losses_taped(ids, segments, places, targets, 0.1, config);
    (weigh(losses), tape)
}

/// The loss and every gradient are the same numbers, or within a part of the largest.
fn assert_within(
    bound: f32,
    loaded: &LoadedModel,
    segments: Option<&Segments>,
    device: &Device,
    what: &str,
) {
    let model = &loaded.model;
    let expected = whole(model, loaded, segments, device);
    let (found, tape) = taped(model, loaded, segments, device);
    assert_close(
        found.clone().inner(),
        expected.clone().inner(),
        f64::from(bound),
    );
    let expected = Parts::of_whole(model, expected);
    Parts::of_blocks(model, found, tape).assert_equal(&expected, bound, what);
}

fn assert_same(loaded: &LoadedModel, segments: Option<&Segments>, device: &Device, what: &str) {
    assert_within(0.0, loaded, segments, device, what);
}

/// Whether norms within the blocks are trained (PEFT matches `norm` by the ends of names). The
/// CPU's kernels are for frozen ones, which the forward pass of a tape has: it then rounds in
/// another order than the plain operations of a trained norm.
fn trains_norms(name: &str) -> bool {
    name.ends_with("saved embedding")
}

#[test]
fn every_method_has_the_gradients_of_the_whole_graph() {
    let device = device().autodiff();
    each(&device, Precision::F32, |name, loaded| {
        for segments in [None, Some(segments())] {
            let what = format!("{name}, packed: {}", segments.is_some());
            let bound = if trains_norms(name) { 1e-5 } else { 0.0 };
            assert_within(bound, &loaded, segments.as_ref(), &device, &what);
        }
    });
}

#[test]
fn narrow_weights_have_them_too() {
    let device = device().autodiff();
    each(&device, Precision::Bf16, |name, loaded| {
        // Two orders of rounding are too far apart in bf16 to say anything.
        if !trains_norms(name) {
            assert_same(&loaded, None, &device, &format!("{name} in bf16"));
        }
    });
}

fn tiny(device: &Device) -> LoadedModel {
    load_with(&fixture_path("tiny-llama"), &LoadOptions::default(), device).unwrap()
}

#[test]
fn blocks_below_the_first_trained_one_are_not_recomputed() {
    let device = device().autodiff();
    let mut loaded = tiny(&device);
    let layers = loaded.config.num_hidden_layers;
    assert!(layers >= 3);
    let top = lora(["q_proj", "down_proj"]).with_layers_to_transform([layers - 1]);
    loaded.model = attach(loaded.model, &top, 3).unwrap().0;
    assert_same(&loaded, None, &device, "the last block alone");

    // After the head's part there is that of one block, and of no embedding.
    let (loss, tape) = taped(&loaded.model, &loaded, None, &device);
    let mut parts = 0;
    tape.backward(&loaded.model, loss.backward(), |_| parts += 1);
    assert_eq!(parts, 2);
}

#[test]
fn a_trained_head_alone_recomputes_nothing() {
    let device = device().autodiff();
    let mut loaded = load(&fixture_path("tiny-llama-untied"), &device).unwrap();
    loaded.model.lm_head = loaded.model.lm_head.map(Module::unfreeze);
    assert_same(&loaded, None, &device, "the head alone");
    let (loss, tape) = taped(&loaded.model, &loaded, None, &device);
    let mut parts = 0;
    tape.backward(&loaded.model, loss.backward(), |_| parts += 1);
    assert_eq!(parts, 1);
}

#[test]
fn an_adapter_that_is_not_active_takes_no_part() {
    let device = device().autodiff();
    let mut loaded = tiny(&device);
    let model = attach(loaded.model, lora(["q_proj"]), 1).unwrap().0;
    let model = add_adapter(model, "second", lora(["up_proj"]), 2)
        .unwrap()
        .0;
    loaded.model = set_active(model, &["second"]).unwrap();
    assert_same(&loaded, None, &device, "the second of two");
}

#[test]
fn a_prompt_stands_in_front_of_every_segment() {
    let device = device().autodiff();
    let mut loaded = tiny(&device);
    let prompt = PromptTuningConfig::new(4).with_sample_vocab();
    loaded.model = attach(loaded.model, prompt, 5).unwrap().0;
    assert_same(&loaded, Some(&segments()), &device, "a packed prompt");
    // States have the places that the caller gave, with or without a tape.
    let ids = || Tensor::<2, Int>::from_data(IDS, &device);
    let (states, _) = loaded
        .model
        .hidden_states_taped(ids(), None, &loaded.config);
    let expected = loaded.model.hidden_states(ids(), &loaded.config);
    assert_close(states.inner(), expected.inner(), 0.0);
}

#[test]
fn without_autodiff_it_is_the_loss_alone() {
    let mut loaded = tiny(&device().autodiff());
    loaded.model = attach(loaded.model, lora(["q_proj"]), 1).unwrap().0;
    let (valid, plain) = (loaded.model.valid(), device());
    let (loss, _) = taped(&valid, &loaded, None, &plain);
    assert!(!loss.is_tracked());
    assert_close(loss, whole(&valid, &loaded, None, &plain), 0.0);
}

#[test]
fn no_places_give_gradients_of_zero() {
    let device = device().autodiff();
    let mut loaded = tiny(&device);
    loaded.model = attach(loaded.model, lora(["q_proj"]), 1).unwrap().0;
    let none = || ints([], &device);
    let ids = Tensor::from_data(IDS, &device);
    let model = &loaded.model;
    let (losses, tape) = model.token_losses_taped(ids, None, none(), none(), 0.0, &loaded.config);
    assert_eq!(losses.dims(), [0]);
    let found = Parts::of_blocks(model, losses.sum(), tape).0;
    assert_eq!(found.len(), 2 * loaded.config.num_hidden_layers);
    assert!(found.values().flatten().all(|&value| value == 0.0));
}
