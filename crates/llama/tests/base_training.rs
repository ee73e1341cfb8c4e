//! Training the model's own parameters: norms alone, embeddings alone, and
//! everything, against the same model in plain tensor operations.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

mod gradients;
mod plain;

use std::collections::BTreeMap;

use anneal_kernels::AttentionMask;
use anneal_llama::{BlockTape, LlamaConfig, LlamaForCausalLM, Positions, RandomWeights, Segments};
use anneal_testkit::{assert_close, device, max_difference, random};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use gradients::{Parts, base_gradients};

/// Every dimension another; biases everywhere.
fn config(tied: bool) -> LlamaConfig {
    let mut config = LlamaConfig::smollm2_135m();
    (config.vocab_size, config.hidden_size) = (37, 24);
    (config.intermediate_size, config.num_hidden_layers) = (44, 2);
    (config.num_attention_heads, config.num_key_value_heads) = (6, 2);
    config.head_dim = 10;
    (config.attention_bias, config.mlp_bias) = (true, true);
    config.tie_word_embeddings = tied;
    config
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Trained {
    Norms,
    Embeddings,
    Everything,
}

const CHOICES: [Trained; 3] = [Trained::Norms, Trained::Embeddings, Trained::Everything];

impl Trained {
    fn contains(self, path: &str) -> bool {
        match self {
            Self::Norms => path.ends_with("norm.weight"),
            Self::Embeddings => ["model.embed_tokens.weight", "lm_head.weight"].contains(&path),
            Self::Everything => true,
        }
    }

    /// How many parameters: five norms; an embedding and a head; and seven
    /// projections of two layers with their biases.
    fn count(self, tied: bool) -> usize {
        let embeddings = if tied { 1 } else { 2 };
        match self {
            Self::Norms => 5,
            Self::Embeddings => embeddings,
            Self::Everything => 5 + embeddings + 2 * 7 * 2,
        }
    }
}

/// Thaws what is trained.
struct Thaw {
    trained: Trained,
    stack: Vec<String>,
}

impl ModuleMapper for Thaw {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.stack.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.stack.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.stack.join(".");
        param.set_require_grad(self.trained.contains(&path))
    }
}

fn model(config: &LlamaConfig, trained: Trained) -> LlamaForCausalLM {
    let device = device().autodiff();
    let mut random = RandomWeights::new(0.3, 11);
    let model = LlamaForCausalLM::from_source(config, &mut random, &device).unwrap();
    model.map(&mut Thaw {
        trained,
        stack: vec![],
    })
}

/// A micro-batch; every token but a text's first is trained.
struct Batch {
    ids: Tensor<2, Int>,
    segments: Option<Segments>,
    places: Tensor<1, Int>,
    targets: Tensor<1, Int>,
    /// What the loss of each place counts.
    weights: Tensor<1>,
}

/// Texts of unequal lengths; some tokens appear several times.
fn texts() -> [Vec<i64>; 4] {
    let text = |seed: i64, length| (0..length).map(|t| (t * t + seed * 11 + 5) % 37).collect();
    [text(0, 9), text(1, 2), text(2, 4), text(3, 6)]
}

impl Batch {
    fn new(packed: bool, device: &Device) -> Self {
        let texts = texts();
        let (rows, width): (Vec<&[Vec<i64>]>, usize) = match packed {
            true => (texts.chunks(2).collect(), 12),
            false => (texts.chunks(1).collect(), 10),
        };
        let (mut ids, mut places, mut targets) = (vec![], vec![], vec![]);
        for (row, texts) in rows.iter().enumerate() {
            for text in *texts {
                let start = ids.len() as i64;
                places.extend((0..text.len() as i64 - 1).map(|t| start + t));
                targets.extend_from_slice(&text[1..]);
                ids.extend_from_slice(text);
            }
            // Padding.
            ids.resize((row + 1) * width, 1);
        }
        let lengths: Vec<Vec<usize>> = rows
            .iter()
            .map(|row| row.iter().map(Vec::len).collect())
            .collect();
        let flat = |values: &[i64]| Tensor::<1, Int>::from_data(values, device);
        Self {
            ids: Tensor::from_data(TensorData::new(ids, [rows.len(), width]), device),
            segments: packed.then(|| Segments::new(&lengths, width)),
            places: flat(&places),
            weights: random([targets.len()], 2.0, 3, device),
            targets: flat(&targets),
        }
    }

    fn losses(&self, model: &LlamaForCausalLM, config: &LlamaConfig, smoothing: f64) -> Tensor<1> {
        let (ids, places, targets) = (self.ids.clone(), self.places.clone(), self.targets.clone());
        match &self.segments {
            None => model.token_losses(ids, places, targets, smoothing, config),
            Some(segments) => {
                model.token_losses_packed(ids, segments, places, targets, smoothing, config)
            }
        }
    }

    /// The weighted sum of the losses, and of them with a tape.
    fn both(
        &self,
        model: &LlamaForCausalLM,
        config: &LlamaConfig,
        smoothing: f64,
    ) -> (Tensor<1>, (Tensor<1>, BlockTape)) {
        let weigh = |losses: Tensor<1>| (losses * self.weights.clone()).sum();
        let (losses, tape) = model.token_losses_taped(
            self.ids.clone(),
            self.segments.as_ref(),
            self.places.clone(),
            self.targets.clone(),
            smoothing,
            config,
        );
        let whole = self.losses(model, config, smoothing);
        (weigh(whole), (weigh(losses), tape))
    }

    fn plain_losses(
        &self,
        model: &LlamaForCausalLM,
        config: &LlamaConfig,
        smoothing: f64,
    ) -> Tensor<1> {
        let ids = self.ids.clone();
        let [_, length] = ids.dims();
        let (positions, mask) = match &self.segments {
            None => (Positions::Range { start: 0, length }, AttentionMask::Causal),
            Some(segments) => (segments.positions(), segments.mask()),
        };
        let hidden = plain::hidden_states(model, ids, positions, &mask, config);
        let (places, targets) = (self.places.clone(), self.targets.clone());
        plain::losses(model, hidden, places, targets, smoothing)
    }
}

/// Gradients of what is trained.
fn of_trained(
    model: &LlamaForCausalLM,
    trained: Trained,
    loss: &Tensor<1>,
) -> BTreeMap<String, Tensor<1>> {
    let mut found = BTreeMap::new();
    for (path, gradient) in base_gradients(model, &loss.backward()) {
        assert_eq!(gradient.is_some(), trained.contains(&path), "{path}");
        found.extend(gradient.map(|gradient| (path, gradient)));
    }
    found
}

#[test]
fn gradients_of_the_base_are_those_of_the_plain_model() {
    let device = device().autodiff();
    for tied in [true, false] {
        let config = config(tied);
        for trained in CHOICES {
            let model = model(&config, trained);
            for (packed, smoothing) in [(false, 0.0), (false, 0.1), (true, 0.0), (true, 0.1)] {
                let batch = Batch::new(packed, &device);
                let losses = batch.losses(&model, &config, smoothing);
                let plain = batch.plain_losses(&model, &config, smoothing);
                assert_eq!(losses.dims(), [17]);
                assert_close(losses.clone().inner(), plain.clone().inner(), 1e-5);

                let weigh = |losses: Tensor<1>| (losses * batch.weights.clone()).sum();
                let found = of_trained(&model, trained, &weigh(losses));
                assert_eq!(found.len(), trained.count(tied));
                for (path, expected) in of_trained(&model, trained, &weigh(plain)) {
                    let what = format!("{trained:?}, tied: {tied}, packed: {packed}: {path}");
                    let largest = max_difference(expected.clone(), expected.zeros_like());
                    assert!(largest > 1e-3, "{what}: no more than {largest:e}");
                    let off = max_difference(found[&path].clone(), expected) / largest;
                    assert!(off < 1e-4, "{what} is off by {off:e} of its largest");
                }
            }
        }
    }
}

#[test]
fn recomputed_blocks_give_the_gradients_of_the_whole_graph() {
    let device = device().autodiff();
    for tied in [true, false] {
        let config = config(tied);
        for trained in CHOICES {
            let model = model(&config, trained);
            for (packed, smoothing) in [(false, 0.0), (true, 0.1)] {
                let what = format!("{trained:?}, tied: {tied}, packed: {packed}");
                let batch = Batch::new(packed, &device);
                let (whole, (taped, tape)) = batch.both(&model, &config, smoothing);
                // Kernels for frozen weights and plain operations for trained ones round in
                // different orders; the forward pass of a tape has frozen ones alone.
                let bound: f32 = match trained {
                    Trained::Embeddings => 0.0,
                    Trained::Norms | Trained::Everything => 1e-5,
                };
                assert_close(
                    taped.clone().inner(),
                    whole.clone().inner(),
                    f64::from(bound),
                );
                let expected = Parts::of_whole(&model, whole);
                assert_eq!(expected.0.len(), trained.count(tied), "{what}");
                Parts::of_blocks(&model, taped, tape).assert_equal(&expected, bound, &what);
            }
        }
    }
}

#[test]
fn packed_and_padded_texts_give_the_same_gradients() {
    let device = device().autodiff();
    for tied in [true, false] {
        let config = config(tied);
        let model = model(&config, Trained::Everything);
        let [padded, packed] = [false, true].map(|packed| {
            let batch = Batch::new(packed, &device);
            let loss = (batch.losses(&model, &config, 0.1) * batch.weights.clone()).sum();
            of_trained(&model, Trained::Everything, &loss)
        });
        for (path, expected) in padded {
            let largest = max_difference(expected.clone(), expected.zeros_like());
            let off = max_difference(packed[&path].clone(), expected) / largest;
            assert!(off < 1e-4, "{path} is off by {off:e} of its largest");
        }
    }
}

/// Every parameter's values, by its path.
#[derive(Default)]
struct Values {
    stack: Vec<String>,
    found: BTreeMap<String, Vec<f32>>,
}

impl Values {
    fn of(model: &LlamaForCausalLM) -> BTreeMap<String, Vec<f32>> {
        let mut values = Self::default();
        model.visit(&mut values);
        values.found
    }
}

impl ModuleVisitor for Values {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.stack.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.stack.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let values = param.val().into_data().iter::<f32>().collect();
        self.found.insert(self.stack.join("."), values);
    }
}

#[test]
fn steps_of_adamw_lower_the_loss_and_change_what_is_trained_alone() {
    let device = device().autodiff();
    for tied in [true, false] {
        let config = config(tied);
        for trained in CHOICES {
            for packed in [false, true] {
                let what = format!("{trained:?}, tied: {tied}, packed: {packed}");
                let batch = Batch::new(packed, &device);
                let mut model = model(&config, trained);
                let before = Values::of(&model);
                let mut optimizer = AdamWConfig::new().with_weight_decay(0.0).init();
                let mut means = vec![];
                for _ in 0..12 {
                    let loss = batch.losses(&model, &config, 0.0).mean();
                    means.push(loss.clone().inner().into_scalar::<f32>());
                    let gradients = GradientsParams::from_grads(loss.backward(), &model);
                    model = optimizer.step(3e-3, model, gradients);
                }
                // A step of 3e-3 is small beside weights of 0.3: every one of
                // them goes down.
                let falls = means.windows(2).all(|two| two[1] < two[0]);
                assert!(falls, "{what}: {means:?}");
                let after = Values::of(&model);
                assert_eq!(after.len(), Trained::Everything.count(tied));
                for (path, values) in after {
                    let changed = values != before[&path];
                    assert_eq!(changed, trained.contains(&path), "{what}: {path}");
                }
                // What it computes with afterwards is what it was trained to.
                let losses = batch.losses(&model, &config, 0.0).inner();
                let plain = batch.plain_losses(&model, &config, 0.0).inner();
                assert_close(losses, plain, 1e-5);
            }
        }
    }
}
