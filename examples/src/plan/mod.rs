//! What a run will do and need, said before it begins.
//!
//! ```text
//! 4,884,480 of 139,399,488 parameters are trained (3.50 %), in 420 tensors
//! at most 371 steps, and 40 minutes; 371 steps are a pass over the data
//! a step has 16.0 examples and 1696 tokens, 34.9 % of them trained; 93.1 % of the padded tokens are tokens
//! expected peak memory 2.03 GB of 24.10 GB: weights 538.1 MB, …
//! gradient checkpointing is off; the peak with it would be 1.05 GB
//! a checkpoint takes 58.7 MB, all of them up to 254.4 MB of 20.00 GB free
//! ```

mod checkpointing;
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

use crate::settings::GradientCheckpointing;
use system::memory_available;

pub use checkpointing::Checkpointing;
pub use disk::Disk;
pub use memory::{Kept, Memory, MemoryPart, MicroBatchSize};

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// The model's dimensions.
    pub config: &'a LlamaConfig,
    /// What it is computed on, as given to `--device`: its memory is looked up.
    pub device: &'a str,
    /// Bytes of one frozen weight: 4 for f32, 2 for bf16.
    pub weight_bytes: usize,
    /// What is trained, adapters attached: [`anneal_train::trained_parameters`] of the model.
    pub trained: &'a [TrainedParameter],
    /// Values of the model with its adapters.
    pub all_parameters: usize,
    /// Whether the adapters drop some of their inputs.
    pub dropout: bool,
    /// Whether blocks are computed once more on the way back.
    pub gradient_checkpointing: GradientCheckpointing,
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
    /// Optimiser steps at most, for a budget in tokens by the average step; none where only minutes end the run.
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
    /// Whether blocks are computed once more on the way back.
    pub gradient_checkpointing: Checkpointing,
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
        let steps = planned_steps(input.budget, per_epoch, padding.tokens as u64);
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
        let available = memory_available(input.device);
        let expected = |recompute| {
            Memory::expected(
                input.config,
                input.weight_bytes,
                input.trained,
                Kept {
                    dropout: input.dropout,
                    recompute,
                },
                &sizes,
                available,
            )
        };
        let [whole, by_block] = [false, true].map(expected);
        let checkpointing = Checkpointing::decide(
            input.gradient_checkpointing,
            [whole.peak_bytes, by_block.peak_bytes],
            available,
        );
        let memory = if checkpointing.on { by_block } else { whole };
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
            gradient_checkpointing: checkpointing,
            disk: Disk::expected(values(input.trained), input.checkpoints, input.output),
        }
    }

    /// What stands against the run: memory or disk that will not suffice. One sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let helps = self.gradient_checkpointing.would_help();
        [self.memory.warning(helps), self.disk.warning()]
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
fn planned_steps(budget: &Budget, per_epoch: u64, tokens_per_epoch: u64) -> Option<u64> {
    let steps = |epochs: f64| (epochs * per_epoch as f64).ceil() as u64;
    let of_epochs = budget.epochs.map(steps);
    let of_tokens = budget
        .max_tokens
        .map(|tokens| steps(tokens as f64 / tokens_per_epoch.max(1) as f64));
    [budget.max_steps, of_epochs, of_tokens]
        .into_iter()
        .flatten()
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_limit_ends_the_run() {
        let budget = Budget {
            max_steps: Some(40),
            epochs: Some(2.5),
            max_minutes: Some(1.0),
            max_tokens: Some(1_250),
        };
        // 25 steps and 1,000 tokens are a pass: 40, 63 and 32 steps.
        assert_eq!(planned_steps(&budget, 25, 1_000), Some(32));
        let no_tokens = Budget {
            max_tokens: None,
            ..budget.clone()
        };
        assert_eq!(planned_steps(&no_tokens, 25, 1_000), Some(40));
        assert_eq!(planned_steps(&no_tokens, 10, 1_000), Some(25));
        let minutes = Budget {
            max_minutes: budget.max_minutes,
            ..Budget::default()
        };
        assert_eq!(planned_steps(&minutes, 25, 1_000), None);
    }
}
