//! The step loop: optimiser, schedule, accumulation, checkpoints and metrics.
//!
//! For any burn module on an autodiff device; it knows no model, no data set and no adapter.
//! What is trained is whatever requires a gradient, parameters nested by a
//! [`Reparameterization`](burn::module::Reparameterization) included.
//!
//! | part | what it is |
//! |---|---|
//! | [`Trainer`] | one optimiser step: accumulate, divide once, clip, update, report |
//! | [`TrainingRun`] | a run from start to end: validation, best checkpoint, early stopping, signals, resuming |
//! | [`Objective`], [`Feed`] | what is minimised, and the data of each step |
//! | [`TokenLoss`] | a loss as a sum and a count, so that any split of a batch trains alike |
//! | [`AdamW`] | PyTorch's arithmetic, Hugging Face's defaults, state by module path |
//! | [`OptimizerConfig`], [`BurnOptimizer`] | any optimiser by its name, burn's among them |
//! | [`ParameterGroup`], [`LoraPlus`] | learning rates and weight decay by module path |
//! | [`select()`] | what of a module is trained |
//! | [`Scheduler`], [`Budget`] | warm-up and decay that end with the steps, tokens or minutes |
//! | [`checkpoint`] | atomic folders that a run resumes from, to the bit |
//! | [`MetricsWriter`], [`EventWriter`] | `metrics.jsonl`, one line per step, monotonic over resumes; TensorBoard's files |
//! | [`Progress`] | a bar on a terminal, a line every few seconds elsewhere |
//!
//! See [`TrainingRun`] for a run from start to end, and [`Trainer`] for a loop of one's own.
//!
//! # Randomness
//! Nothing here draws random numbers. A run seeds the device before each micro-batch with
//! [`micro_batch_seed`], so that dropout is drawn again after a resume; the order of the data is the
//! [`Feed`]'s, whose position checkpoints hold.

mod accumulator;
mod adamw;
mod budget;
pub mod checkpoint;
mod clock;
mod error;
mod events;
mod gradients;
mod groups;
mod lines;
mod loss;
mod metrics;
mod objective;
mod optimizer;
mod parameters;
mod pattern;
mod progress;
mod range;
mod run;
mod schedule;
mod select;
mod signal;
mod trainer;

pub use accumulator::Accumulator;
pub use adamw::{AdamW, AdamWConfig, Moments};
pub use budget::{Budget, Limits, Spent};
pub use clock::{Clock, ManualClock, SystemClock};
pub use error::{Result, TrainError};
pub use events::EventWriter;
pub use gradients::{GradientMap, clip_grad_norm, global_norm};
pub use groups::{Assignment, LoraPlus, ParameterGroup, assign_groups};
pub use lines::{RecordWriter, StepRecord, read_records};
pub use loss::{LossPart, TokenLoss};
pub use metrics::{MetricsRecord, MetricsWriter, ValidationWriter};
pub use objective::{Feed, Objective, StepData};
pub use optimizer::{
    AdaGradConfig, AdafactorConfig, AdamConfig, AdanConfig, BurnOptimizer, LambConfig, LionConfig,
    MuonAdjust, MuonConfig, MuonWithAdamW, Optimizer, OptimizerConfig, ParameterUpdate,
    RmsPropConfig, SgdConfig, StateLeaf, StateTensors,
};
pub use parameters::{TrainedParameter, trained_parameters};
pub use progress::{Progress, ProgressReport};
pub use run::{
    Best, BestBy, Ended, NonFinite, PartLoss, RunConfig, RunSummary, Start, TrainingRun,
    Validation, ValidationRecord, micro_batch_seed,
};
pub use schedule::{Decay, Schedule, Scheduler, Warmup};
pub use select::{Selected, Selection, select};
pub use signal::StopSignal;
pub use trainer::{StepReport, Trainer, TrainerConfig};
