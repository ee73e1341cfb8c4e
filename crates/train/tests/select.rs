//! Full fine-tuning and parts of a model: what is chosen moves, and nothing else.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::collections::BTreeMap;

use anneal_train::{Selection, TokenLoss, Trainer, TrainerConfig, select, trained_parameters};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use common::{Adapted, Batch, Mlp, Random, config, micro_batches, values};

/// An embedding that is the output too, a norm's weight and a matrix, named as Hugging Face does.
#[derive(Module, Debug)]
struct Small {
    embed_tokens: Weight<2>,
    norm: Weight<1>,
    up: Weight<2>,
    lm_head: Weight<2>,
}

#[derive(Module, Debug)]
struct Weight<const D: usize> {
    weight: Param<Tensor<D>>,
}

impl Small {
    fn new(device: &Device) -> Self {
        let mut random = Random(3);
        let tied = Param::from_tensor(random.matrix([5, 4], device)).set_require_grad(false);
        let frozen = |t| Param::from_tensor(t).set_require_grad(false);
        Self {
            embed_tokens: Weight {
                weight: tied.clone(),
            },
            norm: Weight {
                weight: Param::from_tensor(random.matrix([4], device)).set_require_grad(false),
            },
            up: Weight {
                weight: frozen(random.matrix([4, 4], device)),
            },
            lm_head: Weight { weight: tied },
        }
    }

    fn loss(&self, batch: &Batch) -> TokenLoss {
        let h = batch.x.clone().matmul(self.embed_tokens.weight.val());
        let h = (h * self.norm.weight.val().unsqueeze()).matmul(self.up.weight.val());
        let out = h.tanh().matmul(self.lm_head.weight.val().transpose());
        TokenLoss::new(out.square().sum(), batch.x.dims()[0])
    }
}

fn contents<M: Module>(module: &M) -> BTreeMap<String, Vec<f32>> {
    #[derive(Default)]
    struct Read(Vec<String>, BTreeMap<String, Vec<f32>>);
    impl ModuleVisitor for Read {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.0.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1.insert(self.0.join("."), values(param.base()));
        }
    }
    let mut read = Read::default();
    module.visit(&mut read);
    read.1
}

/// Trains two steps and returns which parameters moved.
fn moved(device: &Device, selection: &Selection) -> Vec<String> {
    let (mut model, selected) = select(Small::new(device), selection).unwrap();
    let trained: Vec<String> = trained_parameters(&model)
        .into_iter()
        .map(|p| p.path)
        .collect();
    assert_eq!(selected.paths, trained);
    let before = contents(&model);
    let settings = TrainerConfig {
        schedule: Default::default(),
        ..config(4)
    };
    let mut trainer = Trainer::new(&settings, 0).unwrap();
    for step in 0..2 {
        let batches = micro_batches(step, &anneal_testkit::device());
        trainer.step(&mut model, &batches, Small::loss).unwrap();
    }
    let after = contents(&model);
    assert_eq!(
        after["embed_tokens.weight"], after["lm_head.weight"],
        "still tied"
    );
    let names = before.keys().filter(|name| before[*name] != after[*name]);
    names.cloned().collect()
}

#[test]
fn what_is_chosen_moves_and_nothing_else() {
    let plain = anneal_testkit::device().autodiff();
    for device in [plain.clone(), plain.gradient_checkpointing()] {
        let of = |selection: Selection| moved(&device, &selection);
        assert_eq!(
            of(Selection::matching([r"(.*\.)?norm\.weight"])),
            ["norm.weight"]
        );
        assert_eq!(
            of(Selection::matching([r"(.*\.)?embed_tokens\.weight"])),
            ["embed_tokens.weight", "lm_head.weight"]
        );
        assert_eq!(
            of(Selection::All),
            [
                "embed_tokens.weight",
                "lm_head.weight",
                "norm.weight",
                "up.weight"
            ]
        );
    }
}

#[test]
fn tied_weights_count_once_by_their_first_name() {
    let device = anneal_testkit::device().autodiff();
    let (model, selected) = select(Small::new(&device), &Selection::All).unwrap();
    assert_eq!(
        selected.paths,
        ["embed_tokens.weight", "norm.weight", "up.weight"]
    );
    assert_eq!((selected.trained_values, selected.all_values), (40, 40));
    let (model, selected) = select(model, &Selection::matching([".*norm.*", "up.*"])).unwrap();
    assert_eq!((selected.trained_values, selected.all_values), (20, 40));
    assert_eq!(
        selected.to_string(),
        "trains 2 tensors, 20 of 40 values (50.00 %)"
    );
    // The second place of the tied matrix has no name of its own, and is frozen with the first.
    let error = select(model.clone(), &Selection::matching(["lm_head.*"])).unwrap_err();
    assert!(
        error.to_string().starts_with("nothing is chosen"),
        "{error}"
    );
    assert!(!model.lm_head.weight.is_require_grad());
}

#[test]
fn full_fine_tuning_equals_a_module_that_was_never_frozen() {
    let device = anneal_testkit::device().autodiff();
    let run = |model: Mlp| {
        let mut model = model;
        let mut trainer = Trainer::new(&config(5), 0).unwrap();
        for step in 0..5 {
            let batches = micro_batches(step, &anneal_testkit::device());
            trainer.step(&mut model, &batches, Mlp::loss).unwrap();
        }
        contents(&model)
    };
    let thawed = select(Mlp::new(1, &device).freeze(), &Selection::All)
        .unwrap()
        .0;
    assert_eq!(run(thawed), run(Mlp::new(1, &device)));
}

#[test]
fn adapters_are_parameters_like_others() {
    let device = anneal_testkit::device().autodiff();
    let adapted = Adapted::new(1, &device);
    let (model, selected) = select(adapted, &Selection::matching([r".*\.lora\.b"])).unwrap();
    assert_eq!(selected.paths, ["q_proj.weight.lora.b"]);
    assert_eq!((selected.trained_values, selected.all_values), (6, 34));
    assert_eq!(
        model.low_rank().scale,
        1.5,
        "the reparameterization is still there"
    );
}

#[test]
fn a_choice_off_the_autodiff_device_holds_when_training_begins() {
    let device = anneal_testkit::device();
    let (model, selected) = select(Small::new(&device), &Selection::matching(["up.*"])).unwrap();
    assert_eq!(selected.paths, ["up.weight"]);
    let trained = trained_parameters(&model.to_device(&device.autodiff()).train());
    assert_eq!(trained.len(), 1);
    assert_eq!(trained[0].path, "up.weight");
}

#[test]
fn an_expression_without_effect_is_named() {
    let device = anneal_testkit::device().autodiff();
    let error = |patterns: &[&str]| {
        let selection = Selection::matching(patterns.iter().copied());
        select(Small::new(&device), &selection)
            .unwrap_err()
            .to_string()
    };
    assert!(error(&["up.*", ".*layernorm.*"]).starts_with(
        "`train` holds \".*layernorm.*\", which matches the whole path of no parameter; there are `embed_tokens.weight`"
    ));
    assert_eq!(
        error(&[]),
        "nothing is chosen to be trained: [] of 3 parameters"
    );
    assert!(error(&["up["]).contains("not a usable regular expression"));
}

#[test]
fn a_file_says_all_one_expression_or_several() {
    let read = |text: &str| serde_json::from_str::<Selection>(text).unwrap();
    assert_eq!(read("\"all\""), Selection::All);
    assert_eq!(read("\".*norm.*\""), Selection::matching([".*norm.*"]));
    assert_eq!(read("[\"a\", \"b\"]"), Selection::matching(["a", "b"]));
    for selection in [Selection::All, Selection::matching(["a", "b"])] {
        let text = serde_json::to_string(&selection).unwrap();
        assert_eq!(read(&text), selection);
    }
}
