//! Checkpoints that a run resumes from, to the bit.
//!
//! A checkpoint is a folder `step-00000042` with three files:
//!
//! | file | contents |
//! |---|---|
//! | `trainable.safetensors` | the trained parameters, by module path |
//! | `optimizer.safetensors` | each trained parameter's state: `<path>.step`, its updates (i64), and the optimiser's tensors; AdamW's are `<path>.exp_avg` and `<path>.exp_avg_sq` (f32, the parameter's shape), those of burn's optimisers `<path>.state.<burn's name>` |
//! | `trainer_state.json` | [`TrainState`] |
//!
//! Frozen weights are not in it: the caller loads them from where they came from. The folder is
//! written under another name, synced and renamed, so that a process killed at any moment
//! leaves the checkpoints before it whole.

mod files;
mod optimizer;
mod parameters;
mod state;
mod tensors;

use std::path::{Path, PathBuf};

use burn::module::Module;

pub use files::{best, latest};
pub(crate) use files::{link_best, write, write_as};
pub use parameters::load_parameters;
pub use state::{DataPosition, TrainState, fingerprint};

use crate::error::{Result, TrainError};
use crate::optimizer::Optimizer;
use crate::parameters::{export, import, trained_parameters};
use crate::trainer::Trainer;

const TRAINABLE: &str = "trainable.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const STATE: &str = "trainer_state.json";

impl Trainer {
    /// What a checkpoint says about this run, given where its data stands.
    pub fn state(&self, data: DataPosition, fingerprint: impl Into<String>) -> TrainState {
        TrainState {
            format: state::FORMAT,
            step: self.steps,
            data,
            trained_tokens: self.trained_tokens,
            tokens: Some(self.tokens),
            optimizer: self.optimizer.name().to_owned(),
            elapsed_seconds: self.clock.elapsed().as_secs_f64(),
            warmup_end: self.scheduler.warmup_end(),
            fingerprint: fingerprint.into(),
        }
    }

    /// Sets `model`, the optimiser, the schedule and the clock to a checkpoint's.
    ///
    /// The returned state says where the data stands. On an error nothing is changed.
    ///
    /// # Errors
    /// As [`load`]; [`TrainError::TokensUnknown`] where the budget limits tokens and the checkpoint
    /// is an earlier version's, which did not count them.
    pub fn restore<M: Module>(
        &mut self,
        directory: &Path,
        model: &mut M,
        fingerprint: &str,
    ) -> Result<TrainState> {
        let file = directory.join(STATE);
        if TrainState::read(&file)?.tokens.is_none() && self.scheduler.limits().tokens.is_some() {
            return Err(TrainError::TokensUnknown { file });
        }
        let state = load(directory, model, self.optimizer.as_mut(), fingerprint)?;
        self.steps = state.step;
        self.trained_tokens = state.trained_tokens;
        self.tokens = state.tokens.unwrap_or(0);
        self.scheduler.resume(state.warmup_end);
        self.clock.set_elapsed(state.elapsed());
        Ok(state)
    }
}

/// Writes a checkpoint into `root` and removes all but the newest `keep` (at least 1).
///
/// Returns the folder. A checkpoint of the same step is replaced.
///
/// # Errors
/// [`TrainError::Io`], or
/// [`TrainError::UnsupportedDtype`] for a parameter that
/// safetensors cannot hold.
pub fn save<M: Module>(
    root: &Path,
    model: &M,
    optimizer: &dyn Optimizer,
    state: &TrainState,
    keep: usize,
) -> Result<PathBuf> {
    let contents = contents(model, optimizer, state)?;
    write(root, state.step, &contents, keep)
}

/// The names and bytes of a checkpoint's three files.
pub(crate) fn contents<M: Module>(
    model: &M,
    optimizer: &dyn Optimizer,
    state: &TrainState,
) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let parameters = trained_parameters(model);
    let trainable = tensors::encode(TRAINABLE, export(model))?;
    let optimizer = tensors::encode(OPTIMIZER, optimizer::tensors(&parameters, optimizer))?;
    Ok(vec![
        (TRAINABLE, trainable),
        (OPTIMIZER, optimizer),
        (STATE, state.to_json().into_bytes()),
    ])
}

/// Sets `model`'s trained parameters and `optimizer`'s state to a checkpoint's.
///
/// Strict: every trained parameter must be in the files with its shape and element type, and
/// nothing else. On an error nothing is changed.
///
/// # Errors
/// - [`TrainError::Io`]: a file cannot be read
/// - [`TrainError::Safetensors`]: truncated or damaged
/// - [`TrainError::TensorMismatch`]: all differences of a file at once
/// - [`TrainError::Json`], [`TrainError::FormatVersion`]
/// - [`TrainError::OtherSettings`]: another `fingerprint`
/// - [`TrainError::OtherOptimizer`]: another optimiser's state
pub fn load<M: Module>(
    directory: &Path,
    model: &mut M,
    optimizer: &mut dyn Optimizer,
    fingerprint: &str,
) -> Result<TrainState> {
    let state = TrainState::read(&directory.join(STATE))?;
    state.check_fingerprint(&directory.join(STATE), fingerprint)?;
    state.check_optimizer(&directory.join(STATE), optimizer.name())?;

    let parameters = trained_parameters(model);
    let file = directory.join(TRAINABLE);
    let values = tensors::read(&file)?;
    let expected = parameters.iter().map(|p| tensors::Expected {
        name: p.path.clone(),
        shape: p.shape.clone(),
        dtype: p.dtype,
    });
    tensors::check(&file, expected, &values)?;

    let file = directory.join(OPTIMIZER);
    let states = tensors::read(&file)?;
    // A module without a device has no parameters.
    let device = model.devices().into_iter().next().map(|d| d.inner());
    let expected = match &device {
        Some(device) => optimizer::expected(&parameters, optimizer, &states, device),
        None => Vec::new(),
    };
    tensors::check(&file, expected.into_iter(), &states)?;

    optimizer.clear();
    if let Some(device) = &device {
        optimizer::restore(&parameters, optimizer, states, device);
    }
    *model = import(model.clone(), values);
    Ok(state)
}
