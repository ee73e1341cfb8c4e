//! The strict report: everything that does not fit, at once.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use std::collections::BTreeMap;

use anneal_llama::{LlamaError, LoadedModel, Problem, load};
use anneal_testkit::{device, fixture_path};
use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};

/// The tied model's weights, in f32, to be changed and loaded.
struct Weights {
    tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)>,
    config: String,
}

impl Weights {
    fn tied() -> Self {
        let folder = fixture_path("tiny-llama");
        let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = file.tensors().into_iter();
        Self {
            tensors: tensors
                .map(|(name, view)| (name, (view.shape().to_vec(), view.data().to_vec())))
                .collect(),
            config: std::fs::read_to_string(folder.join("config.json")).unwrap(),
        }
    }

    fn add(&mut self, name: &str, shape: &[usize]) {
        let bytes = vec![0; 4 * shape.iter().product::<usize>()];
        self.tensors.insert(name.into(), (shape.to_vec(), bytes));
    }

    fn set(&mut self, from: &str, to: &str) {
        assert!(self.config.contains(from), "{from}");
        self.config = self.config.replace(from, to);
    }

    fn load(&self) -> Result<LoadedModel, LlamaError> {
        let folder = tempfile::tempdir().unwrap();
        let views = self.tensors.iter().map(|(name, (shape, bytes))| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
            (name, view)
        });
        let bytes = serialize(views, None).unwrap();
        std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
        std::fs::write(folder.path().join("config.json"), &self.config).unwrap();
        load(folder.path(), &device())
    }

    fn problems(&self) -> Vec<Problem> {
        match self.load().unwrap_err() {
            LlamaError::Weights { path, problems } => {
                assert!(path.is_absolute());
                problems
            }
            other => panic!("{other}"),
        }
    }
}

const HEAD: &str = "lm_head.weight";
const EMBEDDING: &str = "model.embed_tokens.weight";

#[test]
fn problems_of_every_kind_come_together() {
    let mut weights = Weights::tied();
    weights.tensors.remove("model.layers.1.mlp.up_proj.weight");
    weights
        .tensors
        .remove("model.layers.2.input_layernorm.weight");
    weights.add("model.norm.weight", &[6, 7]);
    weights.add("model.layers.0.self_attn.k_proj.weight", &[42, 16]);
    weights.add("model.layers.3.input_layernorm.weight", &[42]);
    weights.add("score.weight", &[2, 42]);
    // Old files hold these; they follow from the configuration.
    weights.add("model.layers.0.self_attn.rotary_emb.inv_freq", &[4]);
    weights.add("model.rotary_emb.inv_freq", &[4]);
    // A head of zeros in a model whose head is the embedding.
    weights.add(HEAD, &[131, 42]);
    let missing = |name: &str, expected: &[usize]| Problem::Missing {
        name: name.into(),
        expected: expected.into(),
    };
    let shape = |name: &str, found: &[usize], expected: &[usize]| Problem::Shape {
        name: name.into(),
        found: found.into(),
        expected: expected.into(),
    };
    let unexpected = |name: &str, found: &[usize]| Problem::Unexpected {
        name: name.into(),
        found: found.into(),
    };
    let expected = [
        shape(
            "model.layers.0.self_attn.k_proj.weight",
            &[42, 16],
            &[16, 42],
        ),
        missing("model.layers.1.mlp.up_proj.weight", &[72, 42]),
        missing("model.layers.2.input_layernorm.weight", &[42]),
        shape("model.norm.weight", &[6, 7], &[42]),
        Problem::Untied { name: HEAD.into() },
        unexpected("model.layers.3.input_layernorm.weight", &[42]),
        unexpected("score.weight", &[2, 42]),
    ];
    assert_eq!(weights.problems(), expected);
    let message = weights.load().unwrap_err().to_string();
    for part in [
        ": 7 tensors do not fit the configuration:\n",
        "\n  tied: lm_head.weight differs from the embedding, which tie_word_embeddings makes the head\n",
    ] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
}

#[test]
fn a_tied_head_may_be_stored_if_it_is_the_embedding() {
    let mut weights = Weights::tied();
    let embedding = weights.tensors[EMBEDDING].clone();
    weights.tensors.insert(HEAD.into(), embedding);
    assert!(weights.load().unwrap().model.lm_head.is_none());

    // One bit of the last value.
    let (_, bytes) = weights.tensors.get_mut(HEAD).unwrap();
    let last = bytes.len() - 4;
    bytes[last] ^= 1;
    assert_eq!(weights.problems(), [Problem::Untied { name: HEAD.into() }]);

    weights.add(HEAD, &[130, 42]);
    let expected = Problem::Shape {
        name: HEAD.into(),
        found: vec![130, 42],
        expected: vec![131, 42],
    };
    assert_eq!(weights.problems(), [expected]);
}

/// The names of a report's missing tensors, and its missing runs of layers.
fn missing(problems: &[Problem]) -> (Vec<&str>, Vec<(usize, usize)>) {
    let (mut names, mut layers) = (Vec::new(), Vec::new());
    for problem in problems {
        match problem {
            Problem::Missing { name, .. } => names.push(&name[..]),
            Problem::MissingLayers { first, last } => layers.push((*first, *last)),
            other => panic!("{other}"),
        }
    }
    (names, layers)
}

#[test]
fn layers_that_are_only_claimed_cost_one_line() {
    let mut weights = Weights::tied();
    weights.set("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4096");
    let problems = weights.problems();
    let (names, layers) = missing(&problems);
    // Seven matrices and two norms of the first absent layer.
    assert_eq!(names.len(), 9);
    assert!(names.iter().all(|name| name.starts_with("model.layers.3.")));
    assert_eq!(layers, [(4, 4_095)]);
    let message = weights.load().unwrap_err().to_string();
    assert!(
        message.contains("missing: model.layers.4 to model.layers.4095, whole"),
        "{message}"
    );

    weights.tensors.clear();
    let problems = weights.problems();
    let (names, layers) = missing(&problems);
    assert_eq!(names.len(), 11, "the embedding, one layer, the norm");
    assert_eq!(layers, [(1, 4_095)]);
}

#[test]
fn layers_behind_a_gap_are_still_looked_at() {
    let mut weights = Weights::tied();
    weights.set("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 12");
    // The last layer is the eighth, without one of its norms.
    let names: Vec<String> = weights.tensors.keys().cloned().collect();
    for name in names
        .iter()
        .filter(|name| name.starts_with("model.layers.2."))
    {
        let tensor = weights.tensors.remove(name).unwrap();
        weights.tensors.insert(name.replace(".2.", ".8."), tensor);
    }
    weights
        .tensors
        .remove("model.layers.8.input_layernorm.weight");
    let problems = weights.problems();
    let (names, layers) = missing(&problems);
    let of = |layer: &str| names.iter().filter(|name| name.contains(layer)).count();
    assert_eq!(
        (of(".2."), of(".8."), of(".9."), names.len()),
        (9, 1, 9, 19)
    );
    assert_eq!(layers, [(3, 7), (10, 11)]);
}
