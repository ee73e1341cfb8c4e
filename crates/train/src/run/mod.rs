//! A run from its first step to its last, over any number of sessions.

mod config;
mod curves;
mod judge;
mod non_finite;
mod open;
mod progress;
mod seed;
mod session;
mod state;
mod step;
mod summary;
mod validation;

use burn::module::Module;

pub use config::{BestBy, NonFinite, RunConfig, Start};
pub use seed::micro_batch_seed;
pub use summary::{Best, Ended, RunSummary};
pub use validation::{PartLoss, Validation, ValidationRecord};

use crate::error::TrainError;
use crate::objective::{Feed, Objective};
use crate::signal::StopSignal;
use crate::trainer::Trainer;
use session::Session;

/// A run: steps until the budget is used up, with everything that is written and decided between.
///
/// In its output folder are:
///
/// | | |
/// |---|---|
/// | `metrics.jsonl` | one [`MetricsRecord`](crate::MetricsRecord) per step |
/// | `validation.jsonl` | one [`ValidationRecord`] per validation |
/// | `tensorboard/` | event files with the same numbers |
/// | `checkpoints/step-N/` | the newest few, see [`checkpoint`](crate::checkpoint) |
/// | `checkpoints/best/` | the best by validation, which is never removed for its age |
/// | `non-finite-step-N/` | the step that ended the run by a loss or gradient that is not finite |
///
/// A checkpoint holds the run's decisions too (the best so far, the patience used, what was
/// validated), so that a resumed run goes on as an uninterrupted one would: on a CPU, and with a
/// budget that does not depend on time, to the bit. A process killed at any moment leaves a folder
/// that can be resumed, and loses what came after the last checkpoint.
///
/// # Example
/// ```
/// use anneal_train::{
///     AdamWConfig, Budget, Ended, Feed, Result, RunConfig, StepData, TokenLoss, Trainer,
///     TrainerConfig, TrainingRun, Validation, checkpoint::DataPosition,
/// };
/// use burn::{nn::{Linear, LinearConfig}, tensor::{Device, Tensor}};
///
/// /// The same three points of y = 3x − 1 at every step.
/// struct Line(Device, u64);
/// type Points = (Tensor<2>, Tensor<2>);
/// impl Feed for Line {
///     type Batch = Points;
///     fn next(&mut self) -> StepData<Points> {
///         self.1 += 1;
///         let x = Tensor::<2>::from_floats([[-1.0], [0.0], [2.0]], &self.0);
///         let y = x.clone() * 3.0 - 1.0;
///         StepData { micro_batches: vec![(x, y)], tokens: 3, examples: 3 }
///     }
///     fn position(&self) -> DataPosition { DataPosition { epoch: self.1, ..Default::default() } }
///     fn seek(&mut self, at: DataPosition) -> Result<()> { self.1 = at.epoch; Ok(()) }
///     fn steps_per_epoch(&self) -> u64 { 1 }
/// }
/// fn loss(model: &Linear, (x, y): &Points) -> TokenLoss {
///     TokenLoss::new((model.forward(x.clone()) - y.clone()).square().sum(), 3)
/// }
///
/// let device = anneal_testkit::device().autodiff();
/// let mut model = LinearConfig::new(1, 1).init(&device);
/// let trainer = Trainer::new(&TrainerConfig {
///     optimizer: AdamWConfig { learning_rate: 0.2, ..AdamWConfig::default() }.into(),
///     budget: Budget { max_steps: Some(150), ..Budget::default() },
///     ..TrainerConfig::default()
/// }, 1).unwrap();
/// let folder = tempfile::tempdir().unwrap();
/// let config = RunConfig { validate_every: Some(50), ..RunConfig::new(folder.path()) };
/// let mut feed = Line(device.clone(), 0);
/// let summary = TrainingRun::new(config, trainer)
///     .with_validation(|model: &Linear, _step| {
///         let slope: f64 = model.weight.val().into_scalar();
///         Ok::<_, anneal_train::TrainError>(Validation::default().with_loss((slope - 3.0).abs()))
///     })
///     .run(&mut model, &loss, &mut feed)
///     .unwrap();
/// assert_eq!((summary.ended, summary.steps), (Ended::Budget, 150));
/// let best = summary.best.unwrap();
/// assert!(best.loss.unwrap() < 0.02 && best.checkpoint.ends_with("checkpoints/best"));
/// ```
pub struct TrainingRun<'a, M, E = TrainError> {
    config: RunConfig,
    trainer: Trainer,
    stop: StopSignal,
    validation: Option<ValidationHook<'a, M, E>>,
    peak_memory: Option<MemoryHook<'a>>,
}

type ValidationHook<'a, M, E> = Box<dyn FnMut(&M, u64) -> Result<Validation, E> + 'a>;
type MemoryHook<'a> = Box<dyn FnMut() -> Option<u64> + 'a>;

impl<'a, M: Module> TrainingRun<'a, M, TrainError> {
    /// A run with neither validation nor a stop signal.
    pub fn new(config: RunConfig, trainer: Trainer) -> Self {
        Self {
            config,
            trainer,
            stop: StopSignal::new(),
            validation: None,
            peak_memory: None,
        }
    }

    /// Validates with `hook`, which gets the model and the steps done, and may fail in its own way.
    ///
    /// The model carries gradient graphs: compute on `model.clone().valid()`. The time that the hook
    /// takes is not counted as training.
    pub fn with_validation<E: From<TrainError>>(
        self,
        hook: impl FnMut(&M, u64) -> Result<Validation, E> + 'a,
    ) -> TrainingRun<'a, M, E> {
        TrainingRun {
            config: self.config,
            trainer: self.trainer,
            stop: self.stop,
            validation: Some(Box::new(hook)),
            peak_memory: self.peak_memory,
        }
    }
}

impl<'a, M: Module, E: From<TrainError>> TrainingRun<'a, M, E> {
    /// Ends in good order, with a checkpoint, once `stop` is raised.
    pub fn with_stop(mut self, stop: StopSignal) -> Self {
        self.stop = stop;
        self
    }

    /// Asks `hook` for the peak memory in bytes after each step, for the metrics.
    pub fn with_peak_memory(mut self, hook: impl FnMut() -> Option<u64> + 'a) -> Self {
        self.peak_memory = Some(Box::new(hook));
        self
    }

    /// Steps until the budget is used up, the patience is, or the stop signal is raised.
    ///
    /// `model` must be on an autodiff device. On an error it is as after the last whole step.
    ///
    /// # Errors
    /// The hook's own, and [`TrainError`]: of the settings, of the step, of files, and
    /// [`TrainError::NonFiniteStep`].
    pub fn run<O, F>(mut self, model: &mut M, objective: &O, feed: &mut F) -> Result<RunSummary, E>
    where
        F: Feed,
        O: Objective<M, F::Batch>,
    {
        self.config.validate()?;
        let mut session = Session::open(self.config, self.trainer, model, feed)?;
        if session.validates_at_start()
            && let Some(hook) = &mut self.validation
        {
            session.validate(model, feed, hook)?;
            session.save(model, feed)?;
        }
        let ended = loop {
            if let Some(ended) = session.ended(&self.stop) {
                break ended;
            }
            session.step(model, objective, feed, &mut self.peak_memory)?;
            let mut best = false;
            if session.validates_now()
                && let Some(hook) = &mut self.validation
            {
                best = session.validate(model, feed, hook)?;
            }
            if best || session.saves_now() {
                session.save(model, feed)?;
            }
        };
        if ended != Ended::Signal
            && !session.is_validated()
            && let Some(hook) = &mut self.validation
        {
            session.validate(model, feed, hook)?;
            session.save(model, feed)?;
        }
        if !session.is_saved() {
            session.save(model, feed)?;
        }
        Ok(session.close(ended))
    }
}
