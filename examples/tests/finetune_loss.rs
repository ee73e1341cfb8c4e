//! The loss by token class: what a token is, what it costs, and what it adds to the gradient.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeMap;

use anneal_data::{BatchConfig, Batches, Example, MicroBatch, Targets};
use anneal_examples::finetune::{Class, Ends, SqlObjective, classes_of, validation_loss};
use anneal_examples::settings::{ClassWeights, LossSettings};
use anneal_examples::{token_loss, token_losses};
use anneal_llama::{LlamaForCausalLM, LoadedModel, load};
use anneal_peft::{adapter_gradients, load_adapter};
use anneal_sql::sql_spans;
use anneal_testkit::{device, fixture_path};
use anneal_train::{Budget, Objective, Trainer, TrainerConfig};
use burn::module::Module;
use burn::tensor::{Device, Tensor};

/// Sums of some hundred f32 numbers in two orders, as in `packed.rs`.
const ROUNDING: f64 = 1e-5;

const PLAIN: LossSettings = LossSettings {
    label_smoothing: 0.0,
    weights: ClassWeights {
        keyword: 1.0,
        identifier: 1.0,
        literal: 1.0,
        operator: 1.0,
        end: 1.0,
    },
};

const QUERIES: [&str; 5] = [
    "SELECT count(*) FROM film WHERE year >= 1950.5 AND title = 'The  End'",
    "select T1.\"name\" , T2.x from a as T1\n join b as T2 on T1.id=T2.id;",
    "SELECT 'é𝄞x', name FROM größe -- all of them",
    "SELECT a FROM t WHERE b LIKE '%it''s%' ORDER BY c DESC LIMIT 10",
    "  ",
];

#[test]
fn a_token_is_what_its_first_letter_is() {
    let loaded = load(&fixture_path("gguf/tiny-llama-q4_1.gguf"), &device()).unwrap();
    let tokenizer = loaded.tokenizer.unwrap();
    let end = loaded.end_ids[0];
    let ends = Ends {
        ids: &[end],
        text: "",
    };
    let mut seen = std::collections::BTreeSet::new();
    for sql in QUERIES {
        let answer = tokenizer.encode(sql, false).unwrap();
        let prompt = tokenizer.encode("-- How many?\n", false).unwrap();
        let ids = [prompt.clone(), answer.clone(), vec![end]].concat();
        let trained = (0..ids.len()).map(|t| t >= prompt.len()).collect();
        let example = Example::new(ids, trained).unwrap();
        let found = classes_of(&tokenizer, &example, ends).unwrap();
        assert_eq!(found.len(), answer.len() + 1);
        assert_eq!(found.last(), Some(&Class::End));
        // The slow way: the text before a token is that of all ids before it.
        let text = tokenizer.decode(&answer, false).unwrap();
        let spans = sql_spans(&text);
        for (index, class) in found[..answer.len()].iter().enumerate() {
            let before = tokenizer.decode(&answer[..index], false).unwrap();
            let start = shared(&before, &text);
            let blank = text[start..]
                .bytes()
                .take_while(u8::is_ascii_whitespace)
                .count();
            let at = start + blank;
            let span = spans.iter().find(|span| span.range.contains(&at));
            let expected = span.map_or(Class::Other, |span| span.class.into());
            assert_eq!(*class, expected, "token {index} of {sql:?}, at {at}");
            seen.insert(class.name());
        }
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
}

/// Bytes of the characters with which both texts begin.
fn shared(a: &str, b: &str) -> usize {
    let pairs = a.char_indices().zip(b.chars());
    pairs
        .take_while(|((_, a), b)| a == b)
        .map(|((at, a), _)| at + a.len_utf8())
        .last()
        .unwrap_or(0)
}

#[test]
fn an_end_in_ordinary_letters_is_an_end_too() {
    let loaded = load(&fixture_path("gguf/tiny-llama-q4_1.gguf"), &device()).unwrap();
    let tokenizer = loaded.tokenizer.unwrap();
    let ids = tokenizer.encode("SELECT a###", false).unwrap();
    let example = Example::new([vec![1], ids.clone()].concat(), vec![true; ids.len() + 1]).unwrap();
    let ends = Ends {
        ids: &[],
        text: "###",
    };
    let found = classes_of(&tokenizer, &example, ends).unwrap();
    let ended = found.iter().filter(|class| **class == Class::End).count();
    let spelled = tokenizer.encode("###", false).unwrap().len();
    assert!(ended > 0 && ended <= spelled, "{found:?}");
    assert!(found.contains(&Class::Keyword) && !found.contains(&Class::Operator));
}

#[test]
fn of_an_answer_in_a_code_fence_the_query_alone_is_sql() {
    let loaded = load(&fixture_path("gguf/tiny-llama-q4_1.gguf"), &device()).unwrap();
    let tokenizer = loaded.tokenizer.unwrap();
    let ends = Ends { ids: &[], text: "" };
    let (fence, query) = ("```sql\n", "SELECT name FROM pet WHERE age > 3");
    let text = format!("{fence}{query}\n```");
    let answer = tokenizer.encode(&text, false).unwrap();
    let ids = [vec![1], answer.clone()].concat();
    let trained = (0..ids.len()).map(|t| t > 0).collect();
    let example = Example::new(ids, trained).unwrap();
    let found = classes_of(&tokenizer, &example, ends).unwrap();
    assert_eq!(found.len(), answer.len());
    let spans = sql_spans(query);
    for (index, class) in found.iter().enumerate() {
        let before = tokenizer.decode(&answer[..index], false).unwrap();
        let start = shared(&before, &text);
        let rest = text[start..].bytes();
        let at = start + rest.take_while(u8::is_ascii_whitespace).count();
        let span = at.checked_sub(fence.len());
        let span = span.and_then(|at| spans.iter().find(|span| span.range.contains(&at)));
        let expected = span.map_or(Class::Other, |span| span.class.into());
        assert_eq!(*class, expected, "token {index}, at {at}");
    }
    for class in [Class::Keyword, Class::Identifier, Class::Other] {
        assert!(found.contains(&class), "{class:?} in {found:?}");
    }
}

/// A model with an adapter whose B is not zero, and a packed micro-batch with all classes.
struct Case {
    model: LlamaForCausalLM,
    loaded: LoadedModel,
    batch: MicroBatch,
    classes: Vec<Vec<Class>>,
    device: Device,
}

impl Case {
    fn new() -> Self {
        let device = device().autodiff();
        let mut loaded = load(&fixture_path("tiny-llama"), &device).unwrap();
        let adapter = fixture_path("tiny-llama/adapter");
        let (model, _, _) = load_adapter(loaded.model, adapter).unwrap();
        loaded.model = model.clone();
        let example = |length: usize, from: usize| {
            let ids = (0..length as u32).map(|i| (i * i * 7 + 3) % 131).collect();
            Example::new(ids, (0..length).map(|t| t >= from).collect()).unwrap()
        };
        let examples = vec![example(17, 4), example(9, 2), example(25, 11)];
        let class = |i: usize| Class::ALL[i % Class::ALL.len()];
        let classes = examples
            .iter()
            .enumerate()
            .map(|(e, example)| {
                (0..example.target_count())
                    .map(|i| class(i + 2 * e))
                    .collect()
            })
            .collect();
        let config = BatchConfig {
            capacity: Some(64),
            micro_tokens: 64,
            ..BatchConfig::default()
        };
        let batches = Batches::new(examples, config).unwrap();
        let step = batches.steps(0).next().unwrap();
        let batch = step.micro_batches.into_iter().next().unwrap();
        assert!(batch.is_packed() && batch.examples.iter().flatten().count() == 3);
        Self {
            model,
            loaded,
            batch,
            classes,
            device,
        }
    }

    fn objective(&self, settings: LossSettings) -> SqlObjective<'_> {
        SqlObjective {
            config: &self.loaded.config,
            device: &self.device,
            classes: &self.classes,
            settings,
            recompute: false,
        }
    }

    /// The classes of the micro-batch's targets.
    fn target_classes(&self) -> Vec<Class> {
        let examples = self.batch.examples.iter().flatten();
        examples.flat_map(|&e| self.classes[e].clone()).collect()
    }

    /// The micro-batch with the targets of some classes alone.
    fn only(&self, keep: impl Fn(Class) -> bool) -> MicroBatch {
        let targets = &self.batch.targets;
        let pairs = targets.positions.iter().zip(&targets.ids);
        let kept = pairs
            .zip(self.target_classes())
            .filter(|(_, class)| keep(*class));
        let (positions, ids) = kept.map(|((position, id), _)| (*position, *id)).unzip();
        MicroBatch {
            targets: Targets { positions, ids },
            ..self.batch.clone()
        }
    }

    fn gradients(&self, sum: Tensor<1>) -> BTreeMap<String, Vec<f64>> {
        let gradients = adapter_gradients(&self.model, &sum.backward());
        let all = gradients.into_iter();
        all.map(|(name, values)| (name, values.iter::<f64>().collect()))
            .collect()
    }
}

fn number(tensor: &Tensor<1>) -> f64 {
    tensor.clone().into_scalar()
}

fn assert_close(found: f64, expected: f64, what: &str) {
    let off = (found - expected).abs();
    assert!(
        off <= ROUNDING * expected.abs(),
        "{what}: {found} against {expected}"
    );
}

fn assert_same_gradients(
    found: &BTreeMap<String, Vec<f64>>,
    expected: &BTreeMap<String, Vec<f64>>,
) {
    assert_eq!(found.len(), expected.len());
    assert!(!expected.is_empty());
    for (name, expected) in expected {
        let size = expected.iter().fold(0.0_f64, |most, g| most.max(g.abs()));
        assert!(size > 0.0, "{name} has no gradient");
        let pairs = found[name].iter().zip(expected);
        let off = pairs.fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
        assert!(
            off < ROUNDING * size,
            "{name} is off by {off:e} of {size:e}"
        );
    }
}

#[test]
fn parts_add_up_to_the_loss_and_are_those_of_their_class_alone() {
    let case = Case::new();
    let loss = case.objective(PLAIN).loss(&case.model, &case.batch);
    let plain = token_loss(&case.model, &case.batch, &case.loaded.config, &case.device);
    assert_eq!(loss.count, plain.count);
    assert_close(number(&loss.sum), number(&plain.sum), "the sum");
    assert_eq!(loss.parts.len(), 6);
    let parts = loss.parts.iter().map(|part| number(&part.sum)).sum::<f64>();
    assert_close(parts, number(&loss.sum), "the parts");
    for part in &loss.parts {
        let only = case.only(|class| class.name() == part.name);
        assert_eq!(only.targets.ids.len(), part.count);
        let expected = token_loss(&case.model, &only, &case.loaded.config, &case.device);
        assert_close(number(&part.sum), number(&expected.sum), part.name);
    }
    assert_same_gradients(&case.gradients(loss.sum), &case.gradients(plain.sum));
}

#[test]
fn a_weight_of_0_takes_a_class_out_of_the_gradient_and_leaves_its_part() {
    let case = Case::new();
    let mut settings = PLAIN;
    settings.weights.literal = 0.0;
    let loss = case.objective(settings).loss(&case.model, &case.batch);
    let masked = case.only(|class| class != Class::Literal);
    let expected = token_loss(&case.model, &masked, &case.loaded.config, &case.device);
    assert_close(number(&loss.sum), number(&expected.sum), "the sum");
    // Divided by all targets: the others' gradient does not depend on the weight.
    assert_eq!(loss.count, case.batch.targets.ids.len());
    assert!(loss.count > expected.count);
    assert_same_gradients(&case.gradients(loss.sum), &case.gradients(expected.sum));
    let part = loss
        .parts
        .iter()
        .find(|part| part.name == "literal")
        .unwrap();
    assert!(number(&part.sum) > 0.0);
}

#[test]
fn weights_are_factors_of_each_token_s_loss() {
    let case = Case::new();
    let weights = ClassWeights {
        keyword: 0.5,
        identifier: 2.0,
        literal: 3.0,
        operator: 0.25,
        end: 1.5,
    };
    let settings = LossSettings {
        label_smoothing: 0.1,
        weights,
    };
    let loss = case.objective(settings).loss(&case.model, &case.batch);
    let losses = token_losses(
        &case.model,
        &case.batch,
        0.1,
        &case.loaded.config,
        &case.device,
    );
    let losses: Vec<f64> = losses.into_data().iter::<f64>().collect();
    let weighted = losses.iter().zip(case.target_classes());
    let expected: f64 = weighted
        .map(|(loss, class)| loss * class.weight(&weights))
        .sum();
    assert_close(number(&loss.sum), expected, "the weighted sum");
    // What is read is without weights.
    let parts = loss.parts.iter().map(|part| number(&part.sum)).sum::<f64>();
    assert_close(parts, losses.iter().sum(), "the parts");
}

#[test]
fn recomputed_blocks_make_the_same_step() {
    let case = Case::new();
    let weights = ClassWeights {
        keyword: 0.5,
        end: 3.0,
        ..PLAIN.weights
    };
    let settings = LossSettings {
        label_smoothing: 0.1,
        weights,
    };
    let one_step = TrainerConfig {
        budget: Budget {
            max_steps: Some(1),
            ..Budget::default()
        },
        ..TrainerConfig::default()
    };
    let step = |recompute| {
        let objective = SqlObjective {
            recompute,
            ..case.objective(settings)
        };
        let mut model = case.model.clone();
        let mut trainer = Trainer::new(&one_step, 0).unwrap();
        let mut accumulator = trainer.begin();
        for _ in 0..2 {
            objective
                .accumulate(&model, &case.batch, &mut accumulator)
                .unwrap();
        }
        let report = trainer.apply(&mut model, accumulator).unwrap();
        (report.loss, report.grad_norm, report.trained_tokens)
    };
    assert_eq!(step(true), step(false));
}

#[test]
fn held_out_losses_are_means_over_all_micro_batches() {
    let case = Case::new();
    let inner = case.device.clone().inner();
    let objective = SqlObjective {
        device: &inner,
        ..case.objective(PLAIN)
    };
    let valid = case.model.clone().valid();
    let batch = case.batch.clone();
    let whole = validation_loss(&valid, &objective, std::slice::from_ref(&batch));
    let expected = token_loss(&case.model, &case.batch, &case.loaded.config, &case.device);
    assert_close(whole.loss.unwrap(), expected.mean(), "the mean");
    assert_eq!(whole.parts.len(), 6);
    let twice = [batch.clone(), batch];
    let twice = validation_loss(&valid, &objective, &twice);
    assert_close(twice.loss.unwrap(), expected.mean(), "the mean of two");
    assert_eq!(twice.parts["end"].tokens, 2 * whole.parts["end"].tokens);
    assert_eq!(validation_loss(&valid, &objective, &[]).loss, None);
}
