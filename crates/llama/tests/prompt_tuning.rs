//! Virtual tokens in front of every text: layouts, caches, initial values.
//! PEFT's numbers are compared in `peft_options.rs`.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_kernels::AttentionMask;
use anneal_llama::{
    GenerateOptions, Generator, LlamaError, LoadedModel, LogitsProcessor, Positions, RowContext,
    Segments, generate, load,
};
use anneal_peft::{
    LoraConfig, PromptTuningConfig, TargetModules, adapter_gradients, adapter_tensors, add_adapter,
    attach, disabled, set_active,
};
use anneal_testkit::{assert_close, device, fixture_path, max_difference};
use burn::module::Module;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};

const VIRTUAL: usize = 3;

/// A tiny model with random virtual tokens.
fn prompted(device: &Device) -> LoadedModel {
    let mut loaded = load(&fixture_path("tiny-llama"), device).unwrap();
    let config = PromptTuningConfig::new(VIRTUAL);
    loaded.model = attach(loaded.model, &config, 5).unwrap().0;
    loaded
}

fn matrix(ids: Vec<i64>, shape: [usize; 2], device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(ids, shape), device)
}

/// Texts of unequal lengths, laid out `[[0, 1], [2, 3]]` where they are packed.
fn texts() -> [Vec<i64>; 4] {
    let text = |seed: i64, length| {
        (0..length)
            .map(|t| (t * 37 + seed * 53 + 5) % 131)
            .collect()
    };
    [text(0, 7), text(1, 1), text(2, 4), text(3, 5)]
}

const LENGTH: usize = 9;

fn packed(device: &Device) -> (Tensor<2, Int>, Segments) {
    let rows = texts();
    let rows = rows.chunks(2).flat_map(|row| {
        let mut row = row.concat();
        row.resize(LENGTH, 7);
        row
    });
    let segments = Segments::new(&[[7, 1], [4, 5]], LENGTH);
    (matrix(rows.collect(), [2, LENGTH], device), segments)
}

#[test]
fn callers_see_the_shapes_they_gave() {
    let LoadedModel { model, config, .. } = prompted(&device());
    assert_eq!(model.num_virtual_tokens(), VIRTUAL);
    assert_eq!(model.model.virtual_ids(), 131..134);
    let ids = texts()[2].clone();
    let states = model.hidden_states(matrix(ids.clone(), [1, 4], &device()), &config);
    assert_eq!(states.dims(), [1, 4, 42]);
    // The same laid out by hand.
    let whole: Vec<i64> = (131..134).chain(ids.clone()).collect();
    let range = Positions::Range {
        start: 0,
        length: 7,
    };
    let whole = model.hidden_states_at(
        matrix(whole, [1, 7], &device()),
        range,
        &AttentionMask::Causal,
        &config,
    );
    assert_close(states.clone(), whole.narrow(1, 3, 4), 1e-6);
    // And they are others than without.
    let bare = disabled(&model).unwrap();
    assert_eq!(
        (bare.num_virtual_tokens(), model.model.virtual_ids().start),
        (0, 131)
    );
    let without = bare.hidden_states(matrix(ids, [1, 4], &device()), &config);
    assert!(max_difference(states, without) > 0.1);
}

#[test]
fn packed_states_are_those_of_the_single_runs() {
    let LoadedModel { model, config, .. } = prompted(&device());
    let (ids, segments) = packed(&device());
    let states = model.hidden_states_packed(ids, &segments, &config);
    assert_eq!(states.dims(), [2, LENGTH, 42]);
    let places = [(0, 0), (0, 7), (1, 0), (1, 4)];
    for (ids, (row, start)) in texts().into_iter().zip(places) {
        let length = ids.len();
        let alone = model.hidden_states(matrix(ids, [1, length], &device()), &config);
        let found = states.clone().narrow(0, row, 1).narrow(1, start, length);
        assert_close(found, alone, 1e-5);
    }
}

#[test]
fn packed_loss_and_gradient_are_those_of_the_unpacked_batch() {
    let device = device().autodiff();
    let LoadedModel { model, config, .. } = prompted(&device);
    let ints = |values: &[i64]| Tensor::<1, Int>::from_data(values, &device);
    let (mut packed_places, mut places, mut targets) = (vec![], vec![], vec![]);
    let starts = [0, 7, LENGTH, LENGTH + 4];
    for ((row, ids), start) in texts().iter().enumerate().zip(starts) {
        for (t, &next) in ids.iter().skip(1).enumerate() {
            packed_places.push((start + t) as i64);
            places.push((row * 7 + t) as i64);
            targets.push(next);
        }
    }
    let (ids, segments) = packed(&device);
    let packed = model.token_loss_packed(
        ids,
        &segments,
        ints(&packed_places),
        ints(&targets),
        &config,
    );
    let rows = texts().into_iter().flat_map(|mut ids| {
        ids.resize(7, 0);
        ids
    });
    let rows = matrix(rows.collect(), [4, 7], &device);
    let unpacked = model.token_loss(rows, ints(&places), ints(&targets), &config);
    assert_close(packed.clone().inner(), unpacked.clone().inner(), 1e-5);
    let gradient = |loss: Tensor<1>| {
        let mut gradients = adapter_gradients(&model, &loss.backward());
        assert_eq!(gradients.len(), 1);
        let gradient = gradients.remove("prompt_embeddings").unwrap();
        Tensor::<2>::from_data(gradient, &anneal_testkit::device())
    };
    let (found, expected) = (gradient(packed), gradient(unpacked));
    assert_eq!(expected.dims(), [VIRTUAL, 42]);
    let largest = max_difference(expected.clone(), expected.zeros_like());
    assert!(max_difference(found, expected) / largest < 1e-5);
}

fn greedy(max_new_tokens: usize) -> GenerateOptions {
    GenerateOptions {
        max_new_tokens,
        ..GenerateOptions::default()
    }
}

const PROMPTS: [&[u32]; 3] = [&[7, 90, 3, 41, 55], &[100], &[64, 2, 2]];

fn prompts() -> Vec<Vec<u32>> {
    PROMPTS.iter().map(|prompt| prompt.to_vec()).collect()
}

#[test]
fn cached_generation_is_the_forward_pass_step_by_step() {
    let LoadedModel { model, config, .. } = prompted(&device());
    let together = generate(&model, &config, &prompts(), &greedy(6), &device()).unwrap();
    let bare = disabled(&model).unwrap();
    let without = generate(&bare, &config, &prompts(), &greedy(6), &device()).unwrap();
    for (row, mut ids) in prompts().into_iter().enumerate() {
        let alone = generate(&model, &config, &[ids.clone()], &greedy(6), &device()).unwrap();
        assert_eq!(alone[0].token_ids, together[row].token_ids);
        assert_ne!(without[row].token_ids, together[row].token_ids);
        for (&token, &logprob) in together[row].token_ids.iter().zip(&together[row].logprobs) {
            let length = ids.len();
            let whole = ids.iter().map(|&id| i64::from(id)).collect();
            let logits = model.forward(matrix(whole, [1, length], &device()), &config);
            let last = logits.squeeze_dim::<2>(0).narrow(0, length - 1, 1);
            let last = log_softmax(last, 1).try_into_vec_as::<f32>().unwrap();
            let best = last.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert!((last[token as usize] - best).abs() < 1e-5);
            assert!((logprob - best).abs() < 1e-4, "{logprob} against {best}");
            ids.push(token);
        }
    }
}

/// Checks that a row sees the prompt that was given, and nothing virtual.
struct SeesItsOwn;

impl LogitsProcessor for SeesItsOwn {
    fn process(&mut self, context: RowContext<'_>, logits: &mut [f32]) {
        assert_eq!(context.prompt, PROMPTS[context.row]);
        assert_eq!(logits.len(), 131);
        assert!(context.generated.iter().all(|&id| id < 131));
    }
}

#[test]
fn processors_and_the_repetition_penalty_see_no_virtual_token() {
    let LoadedModel { model, config, .. } = prompted(&device());
    let options = GenerateOptions {
        repetition_penalty: 1.3,
        ..greedy(8)
    };
    let device = device();
    let generator = Generator::new(&model, &config, &device)
        .with_options(options)
        .with_processor(|_| Box::new(SeesItsOwn));
    let together = generator.generate(&prompts()).unwrap();
    assert_eq!(together.len(), 3);
    let plain = generate(&model, &config, &prompts(), &greedy(8), &device).unwrap();
    assert_ne!(together, plain);
}

#[test]
fn virtual_tokens_take_positions() {
    let LoadedModel {
        model, mut config, ..
    } = prompted(&device());
    config.max_position_embeddings = 12;
    assert!(generate(&model, &config, &[vec![1; 5]], &greedy(4), &device()).is_ok());
    let refused = generate(&model, &config, &[vec![1; 5]], &greedy(5), &device()).unwrap_err();
    assert!(matches!(
        refused,
        LlamaError::TooLong {
            index: 0,
            length: 8,
            new: 5,
            limit: 12
        }
    ));
    // They are no part of the vocabulary that a prompt may use.
    let refused = generate(&model, &config, &[vec![131]], &greedy(1), &device()).unwrap_err();
    assert!(matches!(
        refused,
        LlamaError::TokenOutOfRange { id: 131, .. }
    ));
}

/// The rows of the trained embeddings.
fn embeddings(loaded: LoadedModel, config: &PromptTuningConfig, seed: u64) -> Vec<Vec<f32>> {
    let model = attach(loaded.model, config, seed).unwrap().0;
    let tensors = adapter_tensors(&model);
    let data = &tensors["prompt_embeddings"];
    assert_eq!(data.shape().as_slice(), [config.num_virtual_tokens, 42]);
    let values: Vec<f32> = data.iter::<f32>().collect();
    values.chunks(42).map(<[f32]>::to_vec).collect()
}

#[test]
fn fresh_prompts_begin_as_they_were_asked_to() {
    let tiny = || load(&fixture_path("tiny-llama"), &device()).unwrap();
    let vocabulary = tiny().model.model.embed_tokens.weight.val();
    let vocabulary = vocabulary.try_into_vec_as::<f32>().unwrap();
    let vocabulary: Vec<&[f32]> = vocabulary.chunks(42).collect();

    let text = PromptTuningConfig::new(5).with_text("write SQL", "a/tokenizer", [9, 130, 4]);
    let rows = embeddings(tiny(), &text, 1);
    for (row, id) in rows.iter().zip([9, 130, 4, 9, 130]) {
        assert_eq!(row, vocabulary[id]);
    }

    let sampled = PromptTuningConfig::new(6).with_sample_vocab();
    let rows = embeddings(tiny(), &sampled, 1);
    assert!(rows.iter().all(|row| vocabulary.contains(&row.as_slice())));
    assert_eq!(rows, embeddings(tiny(), &sampled, 1));
    assert_ne!(rows, embeddings(tiny(), &sampled, 2));

    let random = PromptTuningConfig::new(50);
    let values = embeddings(tiny(), &random, 1).concat();
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let square = values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32;
    // Four standard errors of 2,100 draws from N(0, 1).
    assert!(
        mean.abs() < 0.0873 && (square - 1.0).abs() < 0.1235,
        "{mean} {square}"
    );
}

#[test]
fn a_prompt_beside_other_adapters_acts_while_it_is_active() {
    let LoadedModel { model, config, .. } = prompted(&device());
    let lora = LoraConfig::new(TargetModules::names(["q_proj"]))
        .with_r(2)
        .with_init_lora_weights(anneal_peft::InitLoraWeights::Random);
    let model = add_adapter(model, "lora", &lora, 3).unwrap().0;
    let ids = matrix(texts()[0].clone(), [1, 7], &device());
    let states = |names: &[&str]| {
        let model = set_active(model.clone(), names).unwrap();
        assert_eq!(
            model.num_virtual_tokens(),
            if names.contains(&"default") {
                VIRTUAL
            } else {
                0
            }
        );
        model.hidden_states(ids.clone(), &config)
    };
    let all = [
        states(&[]),
        states(&["default"]),
        states(&["lora"]),
        states(&["default", "lora"]),
    ];
    for (index, one) in all.iter().enumerate() {
        for other in &all[..index] {
            assert!(max_difference(one.clone(), other.clone()) > 0.01);
        }
    }
    // A step of training and its evaluation see the same prompt.
    let valid = model.valid();
    assert_eq!(valid.num_virtual_tokens(), VIRTUAL);
}
