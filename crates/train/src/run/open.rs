//! How a session begins: anew, or from the newest whole checkpoint.

use std::path::{Path, PathBuf};

use burn::module::Module;

use super::config::{RunConfig, Start};
use super::curves::Curves;
use super::judge::BestValues;
use super::progress::RunProgress;
use super::session::Session;
use super::state::{self, RunState};
use crate::checkpoint;
use crate::error::{Result, TrainError};
use crate::metrics::{MetricsWriter, ValidationWriter};
use crate::objective::Feed;
use crate::trainer::Trainer;

impl Session {
    /// Begins, or restores the newest whole checkpoint and cuts the files to it.
    pub(super) fn open<M: Module, F: Feed>(
        config: RunConfig,
        trainer: Trainer,
        model: &mut M,
        feed: &mut F,
    ) -> Result<Self> {
        match find(&config)? {
            None => Self::begin(config, trainer),
            Some(folder) => Self::resume(config, trainer, model, feed, &folder),
        }
    }

    fn begin(config: RunConfig, trainer: Trainer) -> Result<Self> {
        let output = &config.output;
        std::fs::create_dir_all(output).map_err(TrainError::io("create", output))?;
        Ok(Self {
            metrics: MetricsWriter::create(&config.metrics_file())?,
            validations: ValidationWriter::create(&config.validation_file())?,
            curves: Curves::open(&config, None)?,
            progress: RunProgress::new(config.progress),
            state: RunState::default(),
            resumed_from: None,
            saved_at: None,
            trainer,
            config,
        })
    }

    fn resume<M: Module, F: Feed>(
        config: RunConfig,
        mut trainer: Trainer,
        model: &mut M,
        feed: &mut F,
        folder: &Path,
    ) -> Result<Self> {
        // What can be refused comes first: the files are cut once all else has been accepted.
        let state = RunState::read(folder)?;
        let trained = trainer.restore(folder, model, &config.fingerprint)?;
        feed.seek(trained.data)?;
        let mut session = Self {
            metrics: MetricsWriter::resume(&config.metrics_file(), trained.step)?,
            validations: ValidationWriter::resume(&config.validation_file(), trained.step)?,
            curves: Curves::open(&config, Some(trained.step))?,
            progress: RunProgress::new(config.progress),
            state,
            resumed_from: Some(trained.step),
            saved_at: Some(trained.step),
            trainer,
            config,
        };
        session.mend_best(folder)?;
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
        if let Some(folder) = checkpoint::best(&self.config.checkpoints())? {
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
}

/// The checkpoint to go on from, if the settings allow what the folder has.
fn find(config: &RunConfig) -> Result<Option<PathBuf>> {
    let path = config.output.clone();
    match (checkpoint::latest(&config.checkpoints())?, config.start) {
        (Some(_), Start::New) => Err(TrainError::OutputInUse { path }),
        (None, Start::Resume) if !config.metrics_file().exists() => {
            Err(TrainError::NothingToResume { path })
        }
        (newest, _) => Ok(newest),
    }
}
