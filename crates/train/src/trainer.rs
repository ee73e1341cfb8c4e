//! The optimiser step: losses in, an updated module and a report out.

use std::time::Duration;

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::accumulator::Accumulator;
use crate::adamw::{AdamW, AdamWConfig};
use crate::budget::Budget;
use crate::clock::{Clock, SystemClock};
use crate::error::{Result, TrainError};
use crate::gradients::{GradientMap, clip_with_norm, global_norm};
use crate::loss::TokenLoss;
use crate::parameters::{UpdateParameter, map_trained, trained_parameters};
use crate::schedule::{Schedule, Scheduler};

/// Settings of a [`Trainer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainerConfig {
    /// The optimiser and its peak learning rate.
    pub optimizer: AdamWConfig,
    /// Warm-up and decay.
    pub schedule: Schedule,
    /// The global gradient norm that is clipped to, 1; none does not clip.
    pub max_grad_norm: Option<f64>,
    /// The end of the run.
    pub budget: Budget,
}

impl Default for TrainerConfig {
    fn default() -> Self {
        Self {
            optimizer: AdamWConfig::default(),
            schedule: Schedule::default(),
            max_grad_norm: Some(1.0),
            budget: Budget::default(),
        }
    }
}

/// What one optimiser step did.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// Steps done, this one included.
    pub step: u64,
    /// The mean loss per trained token, before the update.
    pub loss: f64,
    /// The tokens that the loss counts.
    pub trained_tokens: usize,
    /// The global norm of the mean loss's gradient, before clipping.
    pub grad_norm: f64,
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// Wall-clock seconds from the step's begin to its report; a device may still compute the update.
    pub seconds: f64,
}

/// The state of a run between steps: optimiser, schedule, step count and time.
///
/// Each step sums losses and gradients over its micro-batches, divides once by the trained
/// tokens, clips to a global norm and updates with the schedule's learning rate.
///
/// # Example
/// ```
/// use anneal_train::{AdamWConfig, Budget, TokenLoss, Trainer, TrainerConfig};
/// use burn::{nn::LinearConfig, tensor::Tensor};
///
/// let device = anneal_testkit::device().autodiff();
/// let mut model = LinearConfig::new(1, 1).init(&device);
/// let config = TrainerConfig {
///     optimizer: AdamWConfig { learning_rate: 0.2, ..AdamWConfig::default() },
///     budget: Budget { max_steps: Some(150), ..Budget::default() },
///     ..TrainerConfig::default()
/// };
/// let mut trainer = Trainer::new(&config, 0).unwrap();
/// let x = Tensor::<2>::from_floats([[-1.0], [0.0], [2.0]], &device);
/// let y = x.clone() * 3.0 - 1.0;
///
/// let mut last = f64::MAX;
/// while !trainer.is_finished() {
///     let report = trainer.step(&mut model, &[(x.clone(), y.clone())], |model, (x, y)| {
///         let error = model.forward(x.clone()) - y.clone();
///         TokenLoss::new(error.square().sum(), 3)
///     });
///     last = report.unwrap().loss;
/// }
/// assert!(last < 1e-4, "{last}");
/// let slope: f32 = model.weight.val().into_scalar();
/// assert!((slope - 3.0).abs() < 0.02, "{slope}");
/// ```
#[derive(Debug)]
pub struct Trainer {
    pub(crate) optimizer: AdamW,
    pub(crate) scheduler: Scheduler,
    pub(crate) steps: u64,
    pub(crate) trained_tokens: u64,
    pub(crate) clock: Box<dyn Clock>,
    max_grad_norm: Option<f64>,
}

impl Trainer {
    /// A run at its beginning; its clock starts now. `steps_per_epoch` matters to `budget.epochs` only.
    ///
    /// # Errors
    /// [`TrainError::InvalidSetting`] for a setting out of its range.
    pub fn new(config: &TrainerConfig, steps_per_epoch: u64) -> Result<Self> {
        if let Some(max_norm) = config.max_grad_norm
            && !(max_norm.is_finite() && max_norm > 0.0)
        {
            return Err(TrainError::InvalidSetting {
                name: "max_grad_norm",
                value: max_norm.to_string(),
                expected: "positive",
            });
        }
        Ok(Self {
            optimizer: AdamW::new(config.optimizer.clone())?,
            scheduler: Scheduler::new(config.schedule, config.budget.limits(steps_per_epoch)?)?,
            steps: 0,
            trained_tokens: 0,
            clock: Box::new(SystemClock::start()),
            max_grad_norm: config.max_grad_norm,
        })
    }

    /// The same run by another clock.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// One optimiser step over `micro_batches`, each of which `loss` turns into a sum and a count.
    ///
    /// `model` must be on an autodiff device. On an error it and the optimiser are as before.
    /// Parameters without a gradient are left alone; frozen ones are not looked at.
    ///
    /// # Errors
    /// [`TrainError::NotRecorded`], [`TrainError::NoGradient`], [`TrainError::NoTrainedTokens`],
    /// [`TrainError::NonFiniteLoss`], [`TrainError::NonFiniteGradient`].
    pub fn step<M: Module, B>(
        &mut self,
        model: &mut M,
        micro_batches: &[B],
        loss: impl Fn(&M, &B) -> TokenLoss,
    ) -> Result<StepReport> {
        let mut accumulator = self.begin();
        for micro_batch in micro_batches {
            accumulator.backward(model, loss(model, micro_batch))?;
        }
        self.apply(model, accumulator)
    }

    /// Starts a step whose micro-batches the caller adds one by one; [`apply`](Self::apply) ends it.
    pub fn begin(&self) -> Accumulator {
        Accumulator::new(self.steps + 1, self.clock.elapsed())
    }

    /// Divides, checks, clips and updates.
    ///
    /// # Errors
    /// As [`step`](Self::step); nothing is updated then.
    pub fn apply<M: Module>(
        &mut self,
        model: &mut M,
        accumulated: Accumulator,
    ) -> Result<StepReport> {
        let loss = accumulated.mean_loss()?;
        let Accumulator {
            step,
            started,
            mut gradients,
            tokens,
            ..
        } = accumulated;
        if gradients.is_empty() {
            return Err(TrainError::NoGradient {
                step,
                trained: trained_parameters(model).len(),
            });
        }
        gradients.scale(1.0 / tokens as f64);
        let norms = gradients.norms();
        if let Some((parameter, value)) = norms.iter().find(|(_, norm)| !norm.is_finite()) {
            return Err(TrainError::NonFiniteGradient {
                step,
                parameter: parameter.clone(),
                value: *value,
            });
        }
        let grad_norm = global_norm(&norms);
        if let Some(max_norm) = self.max_grad_norm {
            clip_with_norm(&mut gradients, grad_norm, max_norm);
        }

        let learning_rate =
            self.optimizer.config().learning_rate * self.scheduler.factor(self.steps, started);
        // A clone of a module shares its tensors; only the trained ones are written anew.
        *model = map_trained(
            model.clone(),
            Update {
                optimizer: &mut self.optimizer,
                gradients: &gradients,
                learning_rate,
                done: Default::default(),
            },
        );
        self.steps += 1;
        self.trained_tokens += tokens as u64;
        Ok(StepReport {
            step: self.steps,
            loss,
            trained_tokens: tokens,
            grad_norm,
            learning_rate,
            seconds: self.clock.elapsed().saturating_sub(started).as_secs_f64(),
        })
    }

    /// Whether the budget is used up.
    pub fn is_finished(&self) -> bool {
        self.progress() >= 1.0
    }

    /// The used part of the budget, in `0..=1`.
    pub fn progress(&self) -> f64 {
        let limits = self.scheduler.limits();
        limits.progress(self.steps, self.clock.elapsed())
    }

    /// Optimiser steps done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Tokens trained on, over all steps.
    pub fn trained_tokens(&self) -> u64 {
        self.trained_tokens
    }

    /// Time trained, over all sessions.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// The optimiser and its state.
    pub fn optimizer(&self) -> &AdamW {
        &self.optimizer
    }
}

/// Updates each parameter that has a gradient; a tied one once, with the same value at each place.
struct Update<'a> {
    optimizer: &'a mut AdamW,
    gradients: &'a GradientMap,
    learning_rate: f64,
    done: std::collections::HashMap<String, Tensor<1>>,
}

impl UpdateParameter for Update<'_> {
    fn update<const D: usize>(&mut self, path: &str, value: Tensor<D>) -> Option<Tensor<D>> {
        let shape = value.shape();
        if let Some(updated) = self.done.get(path) {
            return Some(updated.clone().reshape(shape));
        }
        let gradient = self.gradients.get(path)?.clone();
        let updated = self
            .optimizer
            .update(path, value, gradient, self.learning_rate);
        let flat = updated.clone().reshape([shape.num_elements()]);
        self.done.insert(path.to_owned(), flat);
        Some(updated)
    }
}
