//! One session of a run: its steps, validations and checkpoints.

use std::path::Path;

use burn::module::Module;

use super::config::RunConfig;
use super::curves::Curves;
use super::judge::BestValues;
use super::progress::RunProgress;
use super::state::{self, RunState};
use super::summary::{Best, Ended, RunSummary};
use super::validation::ValidationRecord;
use super::{MemoryHook, ValidationHook, non_finite, step};
use crate::checkpoint::{self, DataPosition};
use crate::error::{Result, TrainError};
use crate::metrics::{MetricsRecord, MetricsWriter, ValidationWriter};
use crate::objective::{Feed, Objective};
use crate::signal::StopSignal;
use crate::trainer::Trainer;

/// The open files and the state of a run.
pub(super) struct Session {
    pub(super) config: RunConfig,
    pub(super) trainer: Trainer,
    pub(super) state: RunState,
    pub(super) metrics: MetricsWriter,
    pub(super) validations: ValidationWriter,
    pub(super) curves: Curves,
    pub(super) progress: RunProgress,
    pub(super) resumed_from: Option<u64>,
    pub(super) saved_at: Option<u64>,
}

impl Session {
    pub(super) fn link_best(&self, folder: &Path, best: &BestValues) -> Result<()> {
        let about = (state::BEST, state::json(state::BEST, best)?);
        checkpoint::link_best(&self.config.checkpoints(), folder, about)?;
        Ok(())
    }

    /// Why the run is over, if it is.
    pub(super) fn ended(&self, stop: &StopSignal) -> Option<Ended> {
        if stop.is_raised() {
            Some(Ended::Signal)
        } else if self.state.judge.gives_up(&self.config) {
            Some(Ended::EarlyStopping)
        } else {
            self.trainer.is_finished().then_some(Ended::Budget)
        }
    }

    /// The next step: trained on, or passed over where the settings allow it.
    pub(super) fn step<M: Module, F: Feed>(
        &mut self,
        model: &mut M,
        objective: &impl Objective<M, F::Batch>,
        feed: &mut F,
        peak_memory: &mut Option<MemoryHook<'_>>,
    ) -> Result<()> {
        let (at, started) = (feed.position(), self.trainer.elapsed());
        let data = feed.next();
        let seed = self.config.seed;
        let (report, parts, skipped) =
            match step::step(&mut self.trainer, model, objective, &data, seed) {
                Ok((report, parts)) => (report, parts, None),
                Err(error) if error.is_non_finite() => {
                    if !self.may_skip() {
                        return Err(self.stop_at(error, at, model, objective, &data));
                    }
                    self.state.skipped_steps += 1;
                    let reason = non_finite::reason(&error, objective, &data);
                    let report = self.trainer.skip_step(started, data.tokens);
                    (report, Default::default(), Some(reason))
                }
                Err(error) => return Err(error),
            };
        self.state.examples += data.examples;
        let epoch = self.epoch(feed);
        let mut record = MetricsRecord::new(&report, epoch, data.tokens);
        record = record.with_examples(data.examples);
        record.parts = parts;
        record.skipped = skipped;
        record.peak_memory_bytes = peak_memory.as_mut().and_then(|hook| hook());
        self.metrics.write(&record)?;
        self.curves.step(&record)?;
        self.progress.step(self.trainer.progress(), &record);
        Ok(())
    }

    /// Passes over the data, with a fraction.
    fn epoch<F: Feed>(&self, feed: &F) -> f64 {
        match feed.steps_per_epoch() {
            0 => 0.0,
            steps => self.trainer.steps() as f64 / steps as f64,
        }
    }

    fn may_skip(&self) -> bool {
        match self.config.non_finite {
            super::NonFinite::Stop => false,
            super::NonFinite::Skip { at_most } => self.state.skipped_steps < at_most,
        }
    }

    /// Saves the step that ends the run, and says everything that is known of it.
    fn stop_at<M: Module, B>(
        &self,
        cause: TrainError,
        at: DataPosition,
        model: &M,
        objective: &impl Objective<M, B>,
        data: &crate::StepData<B>,
    ) -> TrainError {
        let state = self.trainer.state(at, &self.config.fingerprint);
        let saved = checkpoint::contents(model, self.trainer.optimizer(), &state);
        let step = non_finite::Step {
            config: &self.config,
            steps_done: self.trainer.steps(),
            skipped: self.state.skipped_steps,
            at,
        };
        match saved.and_then(|files| step.inspect(&cause, model, objective, data, files)) {
            Ok(inspected) => inspected.into_error(cause, self.state.skipped_steps),
            // What went wrong first matters more than that it could not be saved.
            Err(_) => cause,
        }
    }

    pub(super) fn validates_at_start(&self) -> bool {
        self.config.validate_at_start && self.trainer.steps() == 0 && !self.is_validated()
    }

    pub(super) fn validates_now(&self) -> bool {
        let every = self.config.validate_every;
        every.is_some_and(|every| self.trainer.steps().is_multiple_of(every))
    }

    /// Whether the present step has been validated.
    pub(super) fn is_validated(&self) -> bool {
        let last = self.state.validations.last();
        last.is_some_and(|last| last.step == self.trainer.steps())
    }

    /// Validates and judges; whether it is the best so far.
    pub(super) fn validate<M: Module, F: Feed, E: From<TrainError>>(
        &mut self,
        model: &M,
        feed: &F,
        hook: &mut ValidationHook<'_, M, E>,
    ) -> Result<bool, E> {
        let step = self.trainer.steps();
        let trained = self.trainer.elapsed();
        let validation = hook(model, step)?;
        let seconds = self.trainer.elapsed().saturating_sub(trained).as_secs_f64();
        self.trainer.clock.set_elapsed(trained);
        let first = self.state.validations.is_empty();
        let best = self
            .state
            .judge
            .judge(&self.config, step, first, &validation)?;
        let record = ValidationRecord {
            step,
            epoch: self.epoch(feed),
            validation,
            best,
            seconds,
        };
        self.validations.write(&record)?;
        self.curves.validation(&record)?;
        self.progress.validated(&record);
        self.state.validations.push(record);
        Ok(best)
    }

    pub(super) fn saves_now(&self) -> bool {
        let steps = self.trainer.steps();
        steps.is_multiple_of(self.config.checkpoint_every)
    }

    pub(super) fn is_saved(&self) -> bool {
        self.saved_at == Some(self.trainer.steps())
    }

    /// Writes a checkpoint, and makes it the best where the last validation says so.
    pub(super) fn save<M: Module, F: Feed>(&mut self, model: &M, feed: &F) -> Result<()> {
        self.metrics.sync()?;
        self.validations.sync()?;
        let trained = self
            .trainer
            .state(feed.position(), &self.config.fingerprint);
        let mut files = checkpoint::contents(model, self.trainer.optimizer(), &trained)?;
        let run = state::json(state::RUN_STATE, &self.state)?;
        files.push((state::RUN_STATE, run));
        let root = self.config.checkpoints();
        let folder = checkpoint::write(&root, trained.step, &files, self.config.keep_checkpoints)?;
        self.saved_at = Some(trained.step);
        match &self.state.judge.best {
            Some(best) if best.step == trained.step => self.link_best(&folder, best),
            _ => Ok(()),
        }
    }

    /// Ends the display and says what the run came to.
    pub(super) fn close(self, ended: Ended) -> RunSummary {
        let checkpoints = self.config.checkpoints();
        let best = self.state.judge.best.as_ref().map(|best| Best {
            step: best.step,
            loss: best.loss,
            score: best.score,
            checkpoint: checkpoints.join("best"),
        });
        self.progress.finish(ended, self.trainer.steps());
        RunSummary {
            ended,
            steps: self.trainer.steps(),
            tokens: self.trainer.tokens(),
            trained_tokens: self.trainer.trained_tokens(),
            examples: self.state.examples,
            trained: self.trainer.elapsed(),
            best,
            skipped_steps: self.state.skipped_steps,
            validations: self.state.validations,
            resumed_from: self.resumed_from,
        }
    }
}
