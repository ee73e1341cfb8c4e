//! bf16 weights: the types at every border, and how far the numbers stray.
//!
//! The measure is transformers itself. `bfloat16.safetensors` holds its bf16
//! numbers and those of the f32 model with the same rounded weights; ours may
//! stray from the latter by at most twice as much as transformers' do. Both
//! round a result of every product to 8 bits; ours rounds less often in between
//! (norms, rotation, attention and logits are f32), so 1 would be expected and 2
//! leaves room for roundings that fall the other way.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_kernels::AttentionMask;
use anneal_llama::{
    GenerateOptions, KvCache, LlamaForCausalLM, LoadOptions, LoadedModel, Positions, Precision,
    generate, load_with,
};
use anneal_peft::{adapter_gradients, adapter_tensors, load_adapter};
use anneal_testkit::{
    Fixture, LOGIT_TOLERANCE, assert_close, device, fixture_path, max_difference, unpadded,
};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Int, Tensor};

fn bf16(name: &str, device: &Device) -> LoadedModel {
    let options = LoadOptions::default().with_precision(Precision::Bf16);
    load_with(&fixture_path(name), &options, device).unwrap()
}

/// The same rounded weights in f32.
struct Widen;

impl ModuleMapper for Widen {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|t| t.cast(DType::F32).detach().set_require_grad(false))
    }
}

fn goldens() -> Fixture {
    Fixture::open("tiny-llama/bfloat16.safetensors")
}

/// The logits of the real tokens, `[tokens, vocabulary]`.
fn real(logits: Tensor<3>) -> Tensor<2> {
    unpadded(&logits, &goldens().ints("lengths").1)
}

/// The largest error and the root of the mean square.
fn errors(found: Tensor<2>, exact: Tensor<2>) -> [f64; 2] {
    let square = (found.clone() - exact.clone()).square().mean();
    [
        max_difference(found, exact),
        square.into_scalar::<f32>().sqrt().into(),
    ]
}

fn assert_strays_no_further_than_transformers(logits: Tensor<3>) {
    assert_eq!(logits.dtype(), DType::F32);
    let golden = |name| real(goldens().float::<3>(name, &device()));
    let exact = golden("logits_f32");
    let theirs = errors(golden("logits"), exact.clone());
    let ours = errors(real(logits), exact);
    for (ours, theirs) in ours.into_iter().zip(theirs) {
        assert!(ours < 2.0 * theirs, "{ours:e} against {theirs:e}");
        // It is bf16 that was computed.
        assert!(ours > LOGIT_TOLERANCE, "{ours:e}");
    }
}

#[test]
fn logits_stray_no_further_than_those_of_transformers() {
    let LoadedModel { model, config, .. } = bf16("tiny-llama", &device());
    let ids = goldens().int::<2>("input_ids", &device());
    assert_strays_no_further_than_transformers(model.forward(ids.clone(), &config));
    // The f32 model of the rounded weights is the one that was measured against.
    let wide = model.map(&mut Widen);
    let logits = real(wide.forward(ids, &config));
    let exact = real(goldens().float::<3>("logits_f32", &device()));
    assert!(max_difference(logits, exact) < LOGIT_TOLERANCE);
}

#[test]
fn logits_through_a_cache_stray_no_further() {
    let LoadedModel { model, config, .. } = bf16("tiny-llama", &device());
    let ids = goldens().int::<2>("input_ids", &device());
    let mut cache = KvCache::new(&config, 2, 8, (&device(), model.dtype()));
    let states = [5, 2, 1].map(|length| {
        let start = cache.used();
        let range = Positions::Range { start, length };
        let ids = ids.clone().narrow(1, start, length);
        let mask = AttentionMask::Causal;
        model.hidden_states_cached(ids, range, &mask, &mut cache, &config)
    });
    let states = Tensor::cat(states.to_vec(), 1);
    assert_eq!(states.dtype(), DType::BF16);
    assert_strays_no_further_than_transformers(model.logits(states));
}

#[test]
fn a_narrow_model_generates() {
    for name in ["tiny-llama", "tiny-llama-untied"] {
        let LoadedModel { model, config, .. } = bf16(name, &device());
        let options = GenerateOptions {
            max_new_tokens: 5,
            ..GenerateOptions::default()
        };
        let prompts = [vec![5, 9, 2, 40], vec![7, 3]];
        let found = generate(&model, &config, &prompts, &options, &device()).unwrap();
        for (row, prompt) in found.iter().zip(prompts) {
            assert_eq!(row.token_ids.len(), 5);
            // The log-probability of the first token, from a full forward pass.
            let ids: Vec<i64> = prompt.iter().map(|&id| id.into()).collect();
            let ids = Tensor::<1, Int>::from_data(ids.as_slice(), &device()).unsqueeze::<2>();
            let logits = model
                .forward(ids, &config)
                .try_into_vec_as::<f32>()
                .unwrap();
            let last = &logits[(prompt.len() - 1) * config.vocab_size..];
            let sum: f32 = last.iter().map(|logit| logit.exp()).sum();
            let expected = last[row.token_ids[0] as usize] - sum.ln();
            assert!((row.logprobs[0] - expected).abs() < 0.1, "{name}");
        }
    }
}

/// The types of a model's parameters.
struct Types(Vec<DType>);

impl ModuleVisitor for Types {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().dtype());
    }
}

#[test]
fn every_weight_is_narrow_and_every_border_cast() {
    let LoadedModel { model, config, .. } = bf16("tiny-llama-untied", &device());
    let mut types = Types(vec![]);
    model.visit(&mut types);
    assert!(types.0.len() > 30 && types.0.iter().all(|&t| t == DType::BF16));
    assert_eq!(model.dtype(), DType::BF16);
    let ids = Tensor::<2, Int>::from_ints([[1, 2, 3]], &device());
    assert_eq!(model.hidden_states(ids, &config).dtype(), DType::BF16);
}

/// The loss and the adapter's gradients, in order of their names, in one row.
fn loss_and_gradients(model: &LlamaForCausalLM, loaded: &LoadedModel) -> [Tensor<1>; 2] {
    let device = device().autodiff();
    let fixture = Fixture::open("tiny-llama/gradients-adapter.safetensors");
    let (shape, labels) = fixture.ints("labels");
    let trained = labels.iter().enumerate();
    let trained = trained.filter(|(at, label)| at % shape[1] > 0 && **label != -100);
    let (places, targets): (Vec<i64>, Vec<i64>) =
        trained.map(|(at, &label)| (at as i64 - 1, label)).unzip();
    let int = |values: &[i64]| Tensor::<1, Int>::from_data(values, &device);
    let ids = fixture.int::<2>("input_ids", &device);
    let loss = model.token_loss(ids, int(&places), int(&targets), &loaded.config);
    assert_eq!(loss.dtype(), DType::F32);
    let gradients = adapter_gradients(model, &loss.backward());
    assert_eq!(gradients.len(), 42);
    let rows = gradients.into_iter().map(|(name, gradient)| {
        assert_eq!(gradient.dtype(), DType::F32, "{name}");
        let count = gradient.num_elements();
        Tensor::<2>::from_data(gradient, &anneal_testkit::device()).reshape([count])
    });
    [loss.inner(), Tensor::cat(rows.collect(), 0)]
}

#[test]
fn a_training_step_strays_no_further_than_that_of_peft() {
    let device = device().autodiff();
    let loaded = bf16("tiny-llama", &device);
    let path = fixture_path("tiny-llama/adapter");
    let model = load_adapter(loaded.model.clone(), &path).unwrap().0;
    assert!(
        adapter_tensors(&model)
            .values()
            .all(|t| t.dtype() == DType::F32)
    );
    let wide = load_adapter(loaded.model.clone().map(&mut Widen), &path)
        .unwrap()
        .0;
    let [loss, gradients] = loss_and_gradients(&model, &loaded);
    let [exact_loss, exact] = loss_and_gradients(&wide, &loaded);

    let golden = |name| goldens().float::<1>(name, &device).inner();
    assert_close(exact_loss.clone(), golden("loss_sum_f32"), 1e-5);
    // Each of the 16 terms is a logit less a log-sum-exp. If they stray as the
    // logits of the fixture do, independently, so does their sum by √(2·16) as
    // much; twice that is allowed. (transformers' own single number, which
    // strays by a third of the expectation, may be right by chance.)
    let [exact_logits, logits] = ["logits_f32", "logits"]
        .map(|name| real(goldens().float::<3>(name, &anneal_testkit::device())));
    let [_, stray] = errors(logits, exact_logits);
    let difference = max_difference(loss, exact_loss);
    assert!(
        difference < 2.0 * 32f64.sqrt() * stray,
        "{difference:e} against {stray:e}"
    );

    let norm = |t: Tensor<1>| f64::from(t.square().sum().into_scalar::<f32>()).sqrt();
    let error = norm(gradients - exact.clone()) / norm(exact);
    let theirs = golden("gradient_error").into_scalar::<f32>();
    assert!(
        error < 2.0 * f64::from(theirs) && error > 1e-4,
        "{error:e} against {theirs:e}"
    );
}
