//! What a run will do and need, said before it begins.
//!
//! ```text
//! 4,884,480 of 139,399,488 parameters are trained (3.50 %), in 420 tensors
//! 371 steps an epoch of 16.0 examples and 1,696 tokens, 34.9 % of them trained; at most 371 steps
//! expected peak memory 2.03 GB of 24.1 GB …
//! ```

mod disk;
mod layer;
mod memory;
mod system;
mod text;

use std::path::Path;

use anneal_data::Batches;
use anneal_llama::LlamaConfig;
use anneal_train::{Budget, TrainedParameter};
use serde::Serialize;

pub use disk::Disk;
pub use memory::{Memory, MemoryPart, MicroBatchSize};

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// The model's dimensions.
    pub config: &'a LlamaConfig,
    /// Bytes of one frozen weight: 4 for f32, 2 for bf16.
    pub weight_bytes: usize,
    /// What is trained, adapters attached: [`anneal_train::trained_parameters`] of the model.
    pub trained: &'a [TrainedParameter],
    /// Values of the model with its adapters.
    pub all_parameters: usize,
    /// Whether the adapters drop some of their inputs.
    pub dropout: bool,
    /// The data in batches.
    pub batches: &'a Batches,
    /// When the run ends.
    pub budget: &'a Budget,
    /// Checkpoints that will be kept, the best included.
    pub checkpoints: usize,
    /// Where they will be written: what is free there is looked up.
    pub output: &'a Path,
}

/// What a run will do and need.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Values that are trained.
    pub trained_parameters: usize,
    /// Tensors that they stand in.
    pub trained_tensors: usize,
    /// Values of the model, adapters included.
    pub all_parameters: usize,
    /// Optimiser steps at most; none where only minutes end the run.
    pub steps: Option<u64>,
    /// Minutes after which the run ends, whatever the steps.
    pub max_minutes: Option<f64>,
    /// Steps of a pass over the data.
    pub steps_per_epoch: u64,
    /// Examples of a step, on average.
    pub examples_per_step: f64,
    /// Tokens of a step, padding left out, on average.
    pub tokens_per_step: f64,
    /// The part of the tokens that the loss counts, from 0 to 1.
    pub trained_share: f64,
    /// The part of the padded tokens that are tokens, from 0 to 1.
    pub efficiency: f64,
    /// The expected peak of resident memory.
    pub memory: Memory,
    /// Room for the checkpoints.
    pub disk: Disk,
}

impl Plan {
    /// Plans a run. Looks up the machine's free memory and disk, and at every micro-batch of the first epoch that
    /// the budget reaches.
    #[must_use]
    pub fn new(input: PlanInput<'_>) -> Self {
        let padding = input.batches.padding(0);
        let per_epoch = padding.steps as u64;
        let steps = planned_steps(input.budget, per_epoch);
        let reached = usize::try_from(steps.unwrap_or(per_epoch)).unwrap_or(usize::MAX);
        let examples = input.batches.examples();
        let of = |count: usize| count as f64 / padding.steps.max(1) as f64;
        let trained: usize = examples
            .iter()
            .map(anneal_data::Example::target_count)
            .sum();
        let tokens: usize = examples.iter().map(anneal_data::Example::len).sum();
        let sizes = input
            .batches
            .steps(0)
            .take(reached.max(1))
            .flat_map(|step| step.micro_batches);
        let sizes: Vec<MicroBatchSize> = sizes.map(|batch| MicroBatchSize::of(&batch)).collect();
        let memory = Memory::expected(
            input.config,
            input.weight_bytes,
            input.trained,
            input.dropout,
            &sizes,
        );
        Self {
            trained_parameters: values(input.trained),
            trained_tensors: input.trained.len(),
            all_parameters: input.all_parameters,
            steps,
            max_minutes: input.budget.max_minutes,
            steps_per_epoch: per_epoch,
            examples_per_step: of(padding.examples()),
            tokens_per_step: of(padding.tokens),
            trained_share: trained as f64 / tokens.max(1) as f64,
            efficiency: padding.efficiency(),
            memory,
            disk: Disk::expected(values(input.trained), input.checkpoints, input.output),
        }
    }

    /// What stands against the run: memory or disk that will not suffice. One sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        [self.memory.warning(), self.disk.warning()]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Values of tensors.
fn values(trained: &[TrainedParameter]) -> usize {
    trained
        .iter()
        .map(|parameter| parameter.shape.iter().product::<usize>())
        .sum()
}

/// The steps after which the run ends, if it is not the clock that ends it.
fn planned_steps(budget: &Budget, per_epoch: u64) -> Option<u64> {
    let of_epochs = budget
        .epochs
        .map(|epochs| (epochs * per_epoch as f64).ceil() as u64);
    [budget.max_steps, of_epochs].into_iter().flatten().min()
}
