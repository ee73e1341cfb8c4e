//! A loss or gradient that is not finite: which rows, which layer, and the step to look at later.

use std::path::PathBuf;
use std::time::Duration;

use burn::module::Module;
use burn::tensor::Device;
use serde::Serialize;

use super::config::RunConfig;
use super::{state, step};
use crate::accumulator::Accumulator;
use crate::budget::Spent;
use crate::checkpoint::{self, DataPosition};
use crate::error::{Result, TrainError, rows_text};
use crate::objective::{Objective, StepData};
use crate::trainer::{StepReport, Trainer};

/// What is written to `step.json`.
#[derive(Serialize)]
struct Saved<'a> {
    /// The step, from 1.
    step: u64,
    error: String,
    /// Where the step's data begins: `Feed::seek` goes there.
    data: DataPosition,
    /// `RunConfig::seed`; a micro-batch's own is `micro_batch_seed(seed, step - 1, index)`.
    seed: u64,
    skipped_steps: u64,
    layer: Option<&'a str>,
    micro_batches: &'a [MicroBatch],
}

/// A micro-batch of the step, computed again by itself.
#[derive(Clone, Debug, Serialize)]
struct MicroBatch {
    index: usize,
    rows: Vec<u64>,
    /// `null` where it is not finite.
    loss_sum: f64,
    trained_tokens: usize,
    /// The first parameters whose gradient is not finite.
    non_finite_gradients: Vec<String>,
}

impl MicroBatch {
    fn is_finite(&self) -> bool {
        self.loss_sum.is_finite() && self.non_finite_gradients.is_empty()
    }
}

/// The step that ends a run.
pub(super) struct Step<'a> {
    pub(super) config: &'a RunConfig,
    pub(super) steps_done: u64,
    pub(super) skipped: u64,
    pub(super) at: DataPosition,
}

/// What was found, saved in a folder.
pub(super) struct Inspected {
    micro_batches: Vec<(usize, Vec<u64>)>,
    layer: Option<String>,
    folder: PathBuf,
}

impl Inspected {
    pub(super) fn into_error(self, cause: TrainError, skipped: u64) -> TrainError {
        TrainError::NonFiniteStep {
            cause: Box::new(cause),
            micro_batches: self.micro_batches,
            layer: self.layer,
            skipped,
            folder: self.folder,
        }
    }
}

impl Step<'_> {
    /// Computes each micro-batch once more by itself and writes what it finds, with `files` (the
    /// checkpoint of before the step), to `non-finite-step-N`.
    pub(super) fn inspect<M: Module, B>(
        &self,
        cause: &TrainError,
        model: &M,
        objective: &impl Objective<M, B>,
        data: &StepData<B>,
        mut files: Vec<(&'static str, Vec<u8>)>,
    ) -> Result<Inspected> {
        let devices: Vec<Device> = model.devices().into_iter().collect();
        let mut layer = None;
        let mut found = Vec::new();
        for (index, batch) in data.micro_batches.iter().enumerate() {
            step::reseed(&devices, self.config.seed, self.steps_done, index);
            let micro_batch = self.once_more(index, model, objective, batch)?;
            if !micro_batch.loss_sum.is_finite() && layer.is_none() {
                step::reseed(&devices, self.config.seed, self.steps_done, index);
                layer = objective.first_non_finite(model, batch);
            }
            found.push(micro_batch);
        }
        let saved = Saved {
            step: self.steps_done + 1,
            error: cause.to_string(),
            data: self.at,
            seed: self.config.seed,
            skipped_steps: self.skipped,
            layer: layer.as_deref(),
            micro_batches: &found,
        };
        files.push(("step.json", state::json("step.json", &saved)?));
        let name = format!("non-finite-step-{:08}", saved.step);
        let folder = checkpoint::write_as(&self.config.output, &name, &files)?;
        let bad = found.into_iter().filter(|m| !m.is_finite());
        Ok(Inspected {
            micro_batches: bad.map(|m| (m.index, m.rows)).collect(),
            layer,
            folder,
        })
    }

    /// A micro-batch as the step computes it: in the memory that the step has.
    fn once_more<M: Module, B>(
        &self,
        index: usize,
        model: &M,
        objective: &impl Objective<M, B>,
        batch: &B,
    ) -> Result<MicroBatch> {
        let mut alone = Accumulator::new(self.steps_done + 1, Duration::ZERO);
        objective.accumulate(model, batch, &mut alone)?;
        let loss_sum = alone.loss_sum();
        let mut non_finite_gradients = Vec::new();
        // Those of a loss that is not finite say nothing.
        if loss_sum.is_finite() {
            let norms = alone.gradients.norms().into_iter();
            let bad = norms.filter(|(_, norm)| !norm.is_finite());
            non_finite_gradients = bad.map(|(path, _)| path).collect();
        }
        Ok(MicroBatch {
            index,
            rows: objective.rows(batch),
            loss_sum,
            trained_tokens: alone.trained_tokens(),
            non_finite_gradients,
        })
    }
}

/// One line for the metrics: what was not finite, and in which rows where that is known at once.
pub(super) fn reason<M, B>(
    error: &TrainError,
    objective: &impl Objective<M, B>,
    data: &StepData<B>,
) -> String {
    match error {
        TrainError::NonFiniteLoss {
            micro_batch, value, ..
        } => {
            let rows = data.micro_batches.get(*micro_batch);
            let rows = rows.map(|batch| objective.rows(batch)).unwrap_or_default();
            let rows = match rows.as_slice() {
                [] => String::new(),
                rows => format!(" ({})", rows_text(rows)),
            };
            format!("the loss of micro-batch {micro_batch}{rows} is {value}")
        }
        TrainError::NonFiniteGradient {
            parameter, value, ..
        } => format!("the gradient of `{parameter}` has the norm {value}"),
        other => other.to_string(),
    }
}

impl Trainer {
    /// Counts a step that changes nothing: the budget goes on. `started` is when it began.
    pub(crate) fn skip_step(&mut self, started: Duration, tokens: u64) -> StepReport {
        // The schedule remembers when its warm-up ends, which may be here.
        let spent = Spent {
            time: started,
            ..self.spent()
        };
        self.scheduler.factor(spent);
        self.steps += 1;
        self.tokens += tokens;
        let seconds = self.clock.elapsed().saturating_sub(started).as_secs_f64();
        StepReport {
            step: self.steps,
            loss: f64::NAN,
            trained_tokens: 0,
            grad_norm: f64::NAN,
            learning_rate: 0.0,
            seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Schedule, TrainerConfig, Warmup};

    #[test]
    fn a_warm_up_that_ends_at_a_passed_over_step_has_ended_there() {
        let config = TrainerConfig {
            schedule: Schedule {
                warmup: Warmup::Steps(2),
                ..Schedule::default()
            },
            budget: Budget {
                max_tokens: Some(100),
                ..Budget::default()
            },
            ..TrainerConfig::default()
        };
        let mut trainer = Trainer::new(&config, 0).unwrap();
        for _ in 0..4 {
            trainer.skip_step(Duration::ZERO, 7);
        }
        assert_eq!((trainer.steps(), trainer.tokens()), (4, 28));
        assert_eq!(trainer.scheduler.warmup_end(), Some(0.14));
    }
}
