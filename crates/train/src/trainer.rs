//! The optimiser step: losses in, an updated module and a report out.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use burn::module::Module;
use burn::tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::accumulator::Accumulator;
use crate::budget::{Budget, Spent};
use crate::clock::{Clock, SystemClock};
use crate::error::{Result, TrainError};
use crate::gradients::{GradientMap, clip_with_norm, global_norm};
use crate::groups::{Assignment, Groups, ParameterGroup};
use crate::loss::TokenLoss;
use crate::optimizer::{Optimizer, OptimizerConfig, ParameterUpdate};
use crate::parameters::{UpdateParameter, map_trained, trained_parameters};
use crate::schedule::{Schedule, Scheduler};

/// Settings of a [`Trainer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainerConfig {
    /// The optimiser and its peak learning rate.
    pub optimizer: OptimizerConfig,
    /// Parameters with a learning rate or a weight decay of their own; the first match wins.
    pub groups: Vec<ParameterGroup>,
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
            optimizer: OptimizerConfig::default(),
            groups: Vec::new(),
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
    /// The learning rate of this step; parameter groups have multiples of it.
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
///     optimizer: AdamWConfig { learning_rate: 0.2, ..AdamWConfig::default() }.into(),
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
    pub(crate) optimizer: Box<dyn Optimizer>,
    pub(crate) scheduler: Scheduler,
    pub(crate) steps: u64,
    pub(crate) trained_tokens: u64,
    pub(crate) tokens: u64,
    pub(crate) clock: Box<dyn Clock>,
    max_grad_norm: Option<f64>,
    groups: Groups,
    /// What each parameter is updated with, from the first step on that has its gradient.
    assigned: BTreeMap<String, Assignment>,
}

impl Trainer {
    /// A run at its beginning; its clock starts now. `steps_per_epoch` matters to `budget.epochs` only.
    ///
    /// # Errors
    /// [`TrainError::InvalidSetting`] for a setting out of its range, [`TrainError::Pattern`] for a
    /// group whose pattern does not compile.
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
            optimizer: config.optimizer.build()?,
            scheduler: Scheduler::new(config.schedule, config.budget.limits(steps_per_epoch)?)?,
            steps: 0,
            trained_tokens: 0,
            tokens: 0,
            clock: Box::new(SystemClock::start()),
            max_grad_norm: config.max_grad_norm,
            groups: Groups::new(&config.groups)?,
            assigned: BTreeMap::new(),
        })
    }

    /// The same run with an optimiser of one's own in place of the settings'.
    pub fn with_optimizer(mut self, optimizer: Box<dyn Optimizer>) -> Self {
        self.optimizer = optimizer;
        self
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
    /// [`TrainError::NonFiniteLoss`], [`TrainError::NonFiniteGradient`]; at the first step
    /// [`TrainError::Pattern`] and [`TrainError::UnmatchedPattern`] for a group.
    /// [`TrainError::TokensNotCounted`] where the budget limits tokens: use [`begin`](Self::begin).
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
            model_tokens,
            ..
        } = accumulated;
        if model_tokens == 0 && self.scheduler.limits().tokens.is_some() {
            return Err(TrainError::TokensNotCounted { step });
        }
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

        self.assign(model, &gradients)?;

        let spent = Spent {
            time: started,
            ..self.spent()
        };
        let learning_rate = self.optimizer.learning_rate() * self.scheduler.factor(spent);
        // A clone of a module shares its tensors; only the trained ones are written anew.
        *model = map_trained(
            model.clone(),
            Update {
                optimizer: self.optimizer.as_mut(),
                gradients: &gradients,
                assigned: &self.assigned,
                learning_rate,
                done: HashMap::new(),
            },
        );
        self.steps += 1;
        self.trained_tokens += tokens as u64;
        self.tokens += model_tokens;
        Ok(StepReport {
            step: self.steps,
            loss,
            trained_tokens: tokens,
            grad_norm,
            learning_rate,
            seconds: self.clock.elapsed().saturating_sub(started).as_secs_f64(),
        })
    }

    /// Puts every parameter into its group, once; before anything is updated.
    fn assign<M: Module>(&mut self, model: &M, gradients: &GradientMap) -> Result<()> {
        let known = |(path, _): (&str, &Tensor<1>)| self.assigned.contains_key(path);
        if gradients.iter().all(known) {
            return Ok(());
        }
        let parameters = trained_parameters(model);
        let assigned = self.groups.assign(&parameters)?;
        for parameter in &parameters {
            self.optimizer
                .check_parameter(&parameter.path, &parameter.shape)?;
        }
        self.assigned = assigned;
        Ok(())
    }

    /// Whether the budget is used up.
    pub fn is_finished(&self) -> bool {
        self.progress() >= 1.0
    }

    /// The used part of the budget, in `0..=1`.
    pub fn progress(&self) -> f64 {
        let limits = self.scheduler.limits();
        limits.progress(self.spent())
    }

    /// What is used of the budget.
    pub fn spent(&self) -> Spent {
        Spent {
            steps: self.steps,
            time: self.clock.elapsed(),
            tokens: self.tokens,
        }
    }

    /// Optimiser steps done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Tokens trained on, over all steps.
    pub fn trained_tokens(&self) -> u64 {
        self.trained_tokens
    }

    /// Tokens that went through the model, over all steps, where
    /// [`Accumulator::count_tokens`] counted them.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Time trained, over all sessions.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// The optimiser and its state.
    pub fn optimizer(&self) -> &dyn Optimizer {
        self.optimizer.as_ref()
    }
}

/// Updates each parameter that has a gradient; a tied one once, with the same value at each place.
struct Update<'a> {
    optimizer: &'a mut dyn Optimizer,
    gradients: &'a GradientMap,
    assigned: &'a BTreeMap<String, Assignment>,
    learning_rate: f64,
    done: HashMap<String, Tensor<1>>,
}

impl UpdateParameter for Update<'_> {
    fn update<const D: usize>(&mut self, path: &str, value: Tensor<D>) -> Option<Tensor<D>> {
        let (shape, dtype) = (value.dims(), value.dtype());
        if let Some(updated) = self.done.get(path) {
            return Some(updated.clone().reshape(shape));
        }
        let gradient = self.gradients.get(path)?.clone();
        let assignment = self.assigned.get(path);
        let updated = self.optimizer.update(ParameterUpdate {
            path,
            shape: &shape,
            value: value
                .reshape([shape.iter().product::<usize>()])
                .cast(DType::F32),
            gradient,
            learning_rate: self.learning_rate * assignment.map_or(1.0, |a| a.learning_rate_ratio),
            weight_decay: assignment.and_then(|a| a.weight_decay),
        });
        let updated = updated.cast(dtype);
        self.done.insert(path.to_owned(), updated.clone());
        Some(updated.reshape(shape))
    }
}
