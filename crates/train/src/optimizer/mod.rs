//! What an optimiser is to the trainer: flat f32 tensors by module path, and a state to be kept.
//!
//! burn's own trait is generic over the rank and keeps states by `ParamId`, which is random per
//! process. This one is object safe, so that a settings file can choose, and names its state by
//! module path, so that a checkpoint is a safetensors file that other tools read.

mod adapter;
mod config;
mod layout;
mod muon;
mod settings;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::error::Result;

pub use adapter::BurnOptimizer;
pub use config::OptimizerConfig;
pub use muon::{MuonAdjust, MuonConfig, MuonWithAdamW};
pub use settings::{
    AdaGradConfig, AdafactorConfig, AdamConfig, AdanConfig, LambConfig, LionConfig, RmsPropConfig,
    SgdConfig,
};

/// A parameter's state by the names of its tensors.
pub type StateTensors = BTreeMap<String, TensorData>;

/// The name of the leaf that counts a parameter's updates; every optimiser's state has it.
pub(crate) const STEP: &str = "step";

/// A parameter with its gradient, to be updated.
#[derive(Clone, Debug)]
pub struct ParameterUpdate<'a> {
    /// The module path.
    pub path: &'a str,
    /// The parameter's dimensions, at least one.
    pub shape: &'a [usize],
    /// The value: flat, row-major, f32, outside of autodiff.
    pub value: Tensor<1>,
    /// The gradient, in the same form.
    pub gradient: Tensor<1>,
    /// This step's learning rate for this parameter.
    pub learning_rate: f64,
    /// The weight decay in place of the optimiser's own.
    pub weight_decay: Option<f64>,
}

/// One tensor of a parameter's state: its name within the parameter, shape and element type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateLeaf {
    /// The name, as in `exp_avg`; a checkpoint writes it as `<path>.exp_avg`.
    pub name: String,
    /// The dimensions, none for a number.
    pub shape: Vec<usize>,
    /// The element type.
    pub dtype: DType,
}

/// An optimiser that a [`Trainer`](crate::Trainer) can hold.
///
/// [`AdamW`](crate::AdamW) is one; [`BurnOptimizer`] makes one of any of burn's. A state is a list
/// of named tensors for each parameter, one of which is the number of its updates, `step` (i64).
/// `set_state` after `state` must continue to the bit.
///
/// # Example
/// An optimiser of one's own, without a state but for the count:
/// ```
/// use anneal_train::{Optimizer, ParameterUpdate, StateLeaf, StateTensors};
/// use burn::tensor::{DType, Device, Tensor, TensorData};
/// use std::collections::BTreeMap;
///
/// #[derive(Debug, Default)]
/// struct SignSgd(BTreeMap<String, u64>);
///
/// impl Optimizer for SignSgd {
///     fn name(&self) -> &str { "sign_sgd" }
///     fn learning_rate(&self) -> f64 { 0.5 }
///     fn update(&mut self, p: ParameterUpdate<'_>) -> Tensor<1> {
///         *self.0.entry(p.path.into()).or_default() += 1;
///         p.value - p.gradient.sign() * p.learning_rate
///     }
///     fn state(&self, path: &str, _: &[usize]) -> Vec<(String, TensorData)> {
///         let steps = self.0.get(path).map_or(0, |&s| s as i64);
///         vec![("step".into(), TensorData::new(vec![steps], Vec::<usize>::new()))]
///     }
///     fn layout(&self, _: &str, _: &[usize], _: u64, _: &Device) -> Vec<StateLeaf> {
///         vec![StateLeaf { name: "step".into(), shape: vec![], dtype: DType::I64 }]
///     }
///     fn set_state(&mut self, path: &str, _: &[usize], step: u64, _: StateTensors, _: &Device) {
///         self.0.insert(path.into(), step);
///     }
///     fn clear(&mut self) { self.0.clear() }
/// }
///
/// let device = anneal_testkit::device();
/// let updated = SignSgd::default().update(ParameterUpdate {
///     path: "weight",
///     shape: &[2],
///     value: Tensor::from_floats([1.0, 1.0], &device),
///     gradient: Tensor::from_floats([7.0, -0.1], &device),
///     learning_rate: 0.5,
///     weight_decay: None,
/// });
/// assert_eq!(updated.to_data().iter::<f32>().collect::<Vec<_>>(), [0.5, 1.5]);
/// ```
pub trait Optimizer: Any + Debug + Send {
    /// The name that a checkpoint records, so that another optimiser refuses it.
    fn name(&self) -> &str;

    /// The peak learning rate, which the schedule scales.
    fn learning_rate(&self) -> f64;

    /// Whether the parameter can be updated; the trainer asks once, before the first update.
    ///
    /// # Errors
    /// The optimiser's reason.
    fn check_parameter(&self, _path: &str, _shape: &[usize]) -> Result<()> {
        Ok(())
    }

    /// One update: the parameter's new value, flat and in f32.
    ///
    /// # Panics
    /// If the gradient or the state has another number of elements than the value.
    fn update(&mut self, parameter: ParameterUpdate<'_>) -> Tensor<1>;

    /// The state of the parameter at `path`, in the layout that [`layout`](Self::layout) gives for
    /// its number of updates.
    fn state(&self, path: &str, shape: &[usize]) -> Vec<(String, TensorData)>;

    /// The tensors of a parameter's state after `step` updates. On a checkpoint's load they are
    /// compared with what the file has; `device` is there to find out by trial.
    fn layout(&self, path: &str, shape: &[usize], step: u64, device: &Device) -> Vec<StateLeaf>;

    /// Sets a parameter's state; the tensors have been compared with the layout.
    fn set_state(
        &mut self,
        path: &str,
        shape: &[usize],
        step: u64,
        tensors: StateTensors,
        device: &Device,
    );

    /// Forgets every parameter's state.
    fn clear(&mut self);
}

/// The number of updates as a state's tensor.
pub(crate) fn step_tensor(step: u64) -> (String, TensorData) {
    let data = TensorData::new(vec![step as i64], Vec::<usize>::new());
    (STEP.to_owned(), data)
}

/// [`step_tensor`]'s name and form.
pub(crate) fn step_leaf() -> StateLeaf {
    StateLeaf {
        name: STEP.to_owned(),
        shape: Vec::new(),
        dtype: DType::I64,
    }
}
