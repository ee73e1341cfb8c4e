//! One session of a run: from a start or a checkpoint to an end.

use std::path::Path;
use std::time::Instant;

use burn::module::Module;

use super::config::{RunConfig, Start};
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
    config: RunConfig,
    trainer: Trainer,
    state: RunState,
    metrics: MetricsWriter,
    validations: ValidationWriter,
    progress: RunProgress,
    resumed_from: Option<u64>,
    saved_at: Option<u64>,
}

impl Session {
    /// Begins, or restores the newest whole checkpoint and cuts the files to it.
    pub(super) fn open<M: Module, F: Feed>(
        config: RunConfig,
        mut trainer: Trainer,
        model: &mut M,
        feed: &mut F,
    ) -> Result<Self> {
        let root = config.checkpoints();
        let newest = checkpoint::latest(&root)?;
        let from = match (newest, config.start) {
            (Some(_), Start::New) => {
                let path = config.output.clone();
                return Err(TrainError::OutputInUse { path });
            }
            (None, Start::Resume) if !config.metrics_file().exists() => {
                let path = config.output.clone();
                return Err(TrainError::NothingToResume { path });
            }
            (newest, _) => newest,
        };
        let (metrics, validations) = (config.metrics_file(), config.validation_file());
        let mut session = match &from {
            None => {
                let output = &config.output;
                std::fs::create_dir_all(output).map_err(TrainError::io("create", output))?;
                Self {
                    metrics: MetricsWriter::create(&metrics)?,
                    validations: ValidationWriter::create(&validations)?,
                    state: RunState::default(),
                    resumed_from: None,
                    saved_at: None,
                    progress: RunProgress::new(config.progress),
                    trainer,
                    config,
                }
            }
            Some(folder) => {
                let state = RunState::read(folder)?;
                let trained = trainer.restore(folder, model, &config.fingerprint)?;
                feed.seek(trained.data)?;
                Self {
                    metrics: MetricsWriter::resume(&metrics, trained.step)?,
                    validations: ValidationWriter::resume(&validations, trained.step)?,
                    state,
                    resumed_from: Some(trained.step),
                    saved_at: Some(trained.step),
                    progress: RunProgress::new(config.progress),
                    trainer,
                    config,
                }
            }
        };
        if let Some(folder) = &from {
            session.mend_best(folder)?;
        }
        Ok(session)
    }

    /// Makes `best/` what the state says: a kill may have come between the two.
    ///
    /// A new best is part of a checkpoint before it is linked, so that the newest checkpoint is the
    /// best one then. Where someone removed the folder, there is no best until the next is found.
    fn mend_best(&mut self, newest: &Path) -> Result<()> {
        let Some(best) = self.state.judge.best.clone() else {
            return Ok(());
        };
        let root = self.config.checkpoints();
        if let Some(folder) = checkpoint::best(&root)? {
            let found: Option<BestValues> = state::read(&folder.join(state::BEST))?;
            if found.as_ref() == Some(&best) {
                return Ok(());
            }
        }
        if self.resumed_from == Some(best.step) {
            self.link_best(newest, &best)
        } else {
            self.state.judge.best = None;
            Ok(())
        }
    }

    fn link_best(&self, folder: &Path, best: &BestValues) -> Result<()> {
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
                    let report = self.trainer.skip_step(started);
                    (report, Default::default(), Some(reason))
                }
                Err(error) => return Err(error),
            };
        self.state.tokens += data.tokens;
        self.state.examples += data.examples;
        let epoch = self.epoch(feed);
        let mut record = MetricsRecord::new(&report, epoch, data.tokens);
        record = record.with_examples(data.examples);
        record.parts = parts;
        record.skipped = skipped;
        record.peak_memory_bytes = peak_memory.as_mut().and_then(|hook| hook());
        self.metrics.write(&record)?;
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
        let (trained, begun) = (self.trainer.elapsed(), Instant::now());
        let validation = hook(model, step)?;
        let seconds = begun.elapsed().as_secs_f64();
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
            tokens: self.state.tokens,
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
