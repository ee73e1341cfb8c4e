//! The loss on held-out rows while training.

use std::collections::BTreeMap;

use anneal_data::MicroBatch;
use anneal_llama::LlamaForCausalLM;
use anneal_train::Validation;
use burn::tensor::Tensor;

use super::classes::Class;
use super::objective::{ClassSums, SqlObjective, class_sums};

/// The mean loss per token of held-out rows, and that of every class; every token counts the same.
///
/// `model` should carry no gradients.
pub fn validation_loss(
    model: &LlamaForCausalLM,
    objective: &SqlObjective<'_>,
    batches: &[MicroBatch],
) -> Validation {
    let mut totals: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    for batch in batches {
        let (losses, classes) = objective.losses(model, batch);
        for (class, sum, count) in read(class_sums(losses, &classes)) {
            let total = totals.entry(class.name()).or_default();
            total.0 += sum;
            total.1 += count;
        }
    }
    let (sum, count) = totals
        .values()
        .fold((0.0, 0), |(sum, count), (s, c)| (sum + s, count + c));
    let mut validation = Validation::default();
    if count > 0 {
        validation = validation.with_loss(sum / count as f64);
    }
    for (name, (sum, count)) in totals {
        validation = validation.with_part(name, sum / count as f64, count as u64);
    }
    validation
}

/// The numbers, read from the device at once.
fn read(sums: ClassSums) -> Vec<(Class, f64, usize)> {
    if sums.is_empty() {
        return Vec::new();
    }
    let all: Vec<Tensor<1>> = sums.iter().map(|(_, sum, _)| sum.clone()).collect();
    let values: Vec<f64> = Tensor::cat(all, 0).into_data().iter::<f64>().collect();
    let pairs = sums.into_iter().zip(values);
    pairs
        .map(|((class, _, count), sum)| (class, sum, count))
        .collect()
}
