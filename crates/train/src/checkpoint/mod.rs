//! Checkpoints that a run resumes from, to the bit.
//!
//! A checkpoint is a folder `step-00000042` with three files:
//!
//! | file | contents |
//! |---|---|
//! | `trainable.safetensors` | the trained parameters, by module path |
//! | `optimizer.safetensors` | `<path>.exp_avg`, `<path>.exp_avg_sq` (f32, the parameter's shape), `<path>.step` (i64) |
//! | `trainer_state.json` | [`TrainState`] |
//!
//! Frozen weights are not in it: the caller loads them from where they came from. The folder is
//! written under another name, synced and renamed, so that a process killed at any moment
//! leaves the checkpoints before it whole.

mod files;
mod parameters;
mod state;
mod tensors;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{DType, Tensor, TensorData};

pub use files::{best, latest};
pub(crate) use files::{link_best, write, write_as};
pub use parameters::load_parameters;
pub use state::{DataPosition, TrainState, fingerprint};

use crate::adamw::{AdamW, Moments};
use crate::error::Result;
use crate::parameters::{TrainedParameter, export, import, trained_parameters};
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
    /// As [`load`].
    pub fn restore<M: Module>(
        &mut self,
        directory: &Path,
        model: &mut M,
        fingerprint: &str,
    ) -> Result<TrainState> {
        let state = load(directory, model, &mut self.optimizer, fingerprint)?;
        self.steps = state.step;
        self.trained_tokens = state.trained_tokens;
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
/// [`TrainError::Io`](crate::TrainError::Io), or
/// [`TrainError::UnsupportedDtype`](crate::TrainError::UnsupportedDtype) for a parameter that
/// safetensors cannot hold.
pub fn save<M: Module>(
    root: &Path,
    model: &M,
    optimizer: &AdamW,
    state: &TrainState,
    keep: usize,
) -> Result<PathBuf> {
    let contents = contents(model, optimizer, state)?;
    files::write(root, state.step, &contents, keep)
}

/// The names and bytes of a checkpoint's three files.
pub(crate) fn contents<M: Module>(
    model: &M,
    optimizer: &AdamW,
    state: &TrainState,
) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let parameters = trained_parameters(model);
    let trainable = tensors::encode(TRAINABLE, export(model))?;
    let optimizer = tensors::encode(OPTIMIZER, optimizer_tensors(&parameters, optimizer))?;
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
/// - [`TrainError::Io`](crate::TrainError::Io): a file cannot be read
/// - [`TrainError::Safetensors`](crate::TrainError::Safetensors): truncated or damaged
/// - [`TrainError::TensorMismatch`](crate::TrainError::TensorMismatch): all differences of a file at once
/// - [`TrainError::Json`](crate::TrainError::Json), [`TrainError::FormatVersion`](crate::TrainError::FormatVersion)
/// - [`TrainError::OtherSettings`](crate::TrainError::OtherSettings): another `fingerprint`
pub fn load<M: Module>(
    directory: &Path,
    model: &mut M,
    optimizer: &mut AdamW,
    fingerprint: &str,
) -> Result<TrainState> {
    let state = TrainState::read(&directory.join(STATE))?;
    state.check_fingerprint(&directory.join(STATE), fingerprint)?;

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
    let moments = tensors::read(&file)?;
    let expected = parameters.iter().flat_map(expected_moments);
    tensors::check(&file, expected, &moments)?;

    optimizer.moments = read_moments(&parameters, moments, model);
    *model = import(model.clone(), values);
    Ok(state)
}

/// The three names of a parameter's state.
fn names(path: &str) -> [String; 3] {
    ["exp_avg", "exp_avg_sq", "step"].map(|part| format!("{path}.{part}"))
}

fn expected_moments(parameter: &TrainedParameter) -> [tensors::Expected; 3] {
    let forms = [
        (parameter.shape.clone(), DType::F32),
        (parameter.shape.clone(), DType::F32),
        (Vec::new(), DType::I64),
    ];
    let mut forms = forms.into_iter();
    names(&parameter.path).map(|name| {
        let (shape, dtype) = forms.next().unwrap_or((Vec::new(), DType::I64));
        tensors::Expected { name, shape, dtype }
    })
}

/// The state of every trained parameter; zeros at step 0, which is how it begins, where there is none.
fn optimizer_tensors(
    parameters: &[TrainedParameter],
    optimizer: &AdamW,
) -> Vec<(String, TensorData)> {
    let mut tensors = Vec::with_capacity(3 * parameters.len());
    for TrainedParameter { path, shape, .. } in parameters {
        let flat = |values: Option<&Tensor<1>>| match values {
            Some(values) => {
                let bytes = values.to_data().as_bytes().to_vec();
                TensorData::from_bytes_vec(bytes, shape.clone(), DType::F32)
            }
            None => TensorData::zeros::<f32, _>(shape.clone()),
        };
        let state = optimizer.moments(path);
        let [exp_avg, exp_avg_sq, step] = names(path);
        tensors.push((exp_avg, flat(state.map(|s| &s.exp_avg))));
        tensors.push((exp_avg_sq, flat(state.map(|s| &s.exp_avg_sq))));
        let steps = state.map_or(0, |s| s.step as i64);
        tensors.push((step, TensorData::new(vec![steps], Vec::<usize>::new())));
    }
    tensors
}

/// The inverse of [`optimizer_tensors`], on the parameters' device; `tensors` has been checked.
fn read_moments<M: Module>(
    parameters: &[TrainedParameter],
    mut tensors: BTreeMap<String, TensorData>,
    model: &M,
) -> BTreeMap<String, Moments> {
    let mut moments = BTreeMap::new();
    let Some(device) = model.devices().into_iter().next() else {
        return moments;
    };
    let device = device.inner();
    for TrainedParameter { path, shape, .. } in parameters {
        let elements: usize = shape.iter().product();
        let [exp_avg, exp_avg_sq, step] = names(path);
        let mut flat = |name: &str| {
            let data = tensors.remove(name)?;
            let bytes = data.as_bytes().to_vec();
            let data = TensorData::from_bytes_vec(bytes, [elements], DType::F32);
            Some(Tensor::<1>::from_data(data, (&device, DType::F32)))
        };
        let (exp_avg, exp_avg_sq) = (flat(&exp_avg), flat(&exp_avg_sq));
        let step = tensors
            .remove(&step)
            .and_then(|data| data.iter::<i64>().next());
        if let (Some(exp_avg), Some(exp_avg_sq), Some(step @ 1..)) = (exp_avg, exp_avg_sq, step) {
            moments.insert(
                path.clone(),
                Moments {
                    exp_avg,
                    exp_avg_sq,
                    step: step as u64,
                },
            );
        }
    }
    moments
}
