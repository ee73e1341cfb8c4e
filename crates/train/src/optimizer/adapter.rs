//! burn's optimisers as ours.

use std::collections::BTreeMap;
use std::fmt;

use burn::optim::{self, DynState};
use burn::tensor::{Device, Tensor, TensorData};

use super::layout::{flatten, unflatten};
use super::{Optimizer, ParameterUpdate, STEP, StateLeaf, StateTensors, step_leaf, step_tensor};
use crate::error::Result;
use crate::range::{Range, check};

/// Runs a body with `$d` a constant that equals the rank.
macro_rules! with_rank {
    (@ $rank:expr, $d:ident => $body:block, $($n:literal)*) => {
        match $rank {
            $($n => { const $d: usize = $n; $body })*
            rank => panic!("an optimiser takes parameters of 1 to 8 dimensions, got {rank}"),
        }
    };
    ($rank:expr, $d:ident => $body:block) => {
        with_rank!(@ $rank, $d => $body, 1 2 3 4 5 6 7 8)
    };
}

/// Any of burn's optimisers (or one written for burn) with its state by module path.
///
/// Weight decay is part of a burn optimiser. Parameter groups have their own, so that this holds a
/// function that builds the optimiser for a decay; the state is the same for all. The arithmetic is
/// burn's, in f32 whatever the parameter's element type.
///
/// # Example
/// ```
/// use anneal_train::{BurnOptimizer, Optimizer, ParameterUpdate};
/// use burn::{optim::LionConfig, tensor::Tensor};
///
/// let build = |decay: f64| LionConfig::new().with_weight_decay(decay as f32).build();
/// let mut lion = BurnOptimizer::new("lion", 1e-4, 0.5, build).unwrap();
/// let device = anneal_testkit::device();
/// let mut update = |weight_decay| {
///     let updated = lion.update(ParameterUpdate {
///         path: "up.weight",
///         shape: &[1, 2],
///         value: Tensor::from_floats([1.0, 2.0], &device),
///         gradient: Tensor::from_floats([0.01, -8.0], &device),
///         learning_rate: 0.25,
///         weight_decay,
///     });
///     updated.to_data().iter().collect::<Vec<f32>>()
/// };
/// // p·(1 − lr·λ) − lr·sign(g)
/// assert_eq!(update(None), [0.875 - 0.25, 1.75 + 0.25]);
/// assert_eq!(update(Some(0.0)), [0.75, 2.25]);
/// ```
pub struct BurnOptimizer<O: optim::Optimizer> {
    name: String,
    learning_rate: f64,
    weight_decay: f64,
    build: Box<dyn Fn(f64) -> O + Send>,
    built: Vec<(f64, O)>,
    states: BTreeMap<String, State>,
}

/// A parameter's state; burn allows an optimiser to have none.
struct State {
    step: u64,
    values: Option<DynState>,
}

impl<O: optim::Optimizer> BurnOptimizer<O> {
    /// An optimiser without state. `build` makes burn's for a weight decay.
    ///
    /// # Errors
    /// [`TrainError::InvalidSetting`](crate::TrainError::InvalidSetting) where the rate or the
    /// decay is negative or not finite.
    pub fn new(
        name: impl Into<String>,
        learning_rate: f64,
        weight_decay: f64,
        build: impl Fn(f64) -> O + Send + 'static,
    ) -> Result<Self> {
        check([
            ("learning_rate", learning_rate, Range::NotNegative),
            ("weight_decay", weight_decay, Range::NotNegative),
        ])?;
        Ok(Self {
            name: name.into(),
            learning_rate,
            weight_decay,
            build: Box::new(build),
            built: Vec::new(),
            states: BTreeMap::new(),
        })
    }

    /// burn's optimiser for a weight decay; a run has two or three.
    fn with_decay(&mut self, weight_decay: f64) -> O {
        if let Some((_, optimizer)) = self.built.iter().find(|(d, _)| *d == weight_decay) {
            return optimizer.clone();
        }
        let optimizer = (self.build)(weight_decay);
        self.built.push((weight_decay, optimizer.clone()));
        optimizer
    }
}

impl<O: optim::Optimizer> Optimizer for BurnOptimizer<O> {
    fn name(&self) -> &str {
        &self.name
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// # Panics
    /// If the parameter has another number of dimensions than at the update before, none at all, or
    /// more than 8; and where burn's optimiser panics (its Muon takes matrices only).
    fn update(&mut self, parameter: ParameterUpdate<'_>) -> Tensor<1> {
        let optimizer = self.with_decay(parameter.weight_decay.unwrap_or(self.weight_decay));
        let (step, state) = match self.states.remove(parameter.path) {
            Some(state) => (state.step, state.values),
            None => (0, None),
        };
        let elements: usize = parameter.shape.iter().product();
        let rate = parameter.learning_rate;
        let (value, values) = with_rank!(parameter.shape.len(), D => {
            let mut shape = [0; D];
            shape.copy_from_slice(parameter.shape);
            let value: Tensor<D> = parameter.value.reshape(shape);
            let gradient: Tensor<D> = parameter.gradient.reshape(shape);
            let state = state.map(DynState::downcast::<O::State<D>>);
            let (value, state) = optimizer.step(rate, value, gradient, state);
            let state = state.map(|state| DynState::create(state, D));
            (value.reshape([elements]), state)
        });
        let step = step + 1;
        let state = State { step, values };
        self.states.insert(parameter.path.to_owned(), state);
        value
    }

    fn state(&self, path: &str, shape: &[usize]) -> Vec<(String, TensorData)> {
        let state = self.states.get(path);
        let mut tensors = vec![step_tensor(state.map_or(0, |state| state.step))];
        if let Some(values) = state.and_then(|state| state.values.as_ref()) {
            tensors.extend(with_rank!(shape.len(), D => {
                flatten(values.downcast_ref::<O::State<D>>())
            }));
        }
        tensors
    }

    /// Found by updating zeros: the tensors of a state are those that it has after the first update.
    fn layout(&self, _path: &str, shape: &[usize], step: u64, device: &Device) -> Vec<StateLeaf> {
        let mut leaves = vec![step_leaf()];
        if step == 0 {
            return leaves;
        }
        let optimizer = (self.build)(self.weight_decay);
        let tensors = with_rank!(shape.len(), D => {
            let mut dims = [0; D];
            dims.copy_from_slice(shape);
            let zeros = Tensor::<D>::zeros(dims, device);
            let (_, state) = optimizer.step(0.0, zeros.clone(), zeros, None);
            state.as_ref().map(flatten)
        });
        let leaf = |(name, data): (String, TensorData)| StateLeaf {
            name,
            shape: data.shape().to_vec(),
            dtype: data.dtype(),
        };
        leaves.extend(tensors.into_iter().flatten().map(leaf));
        leaves
    }

    fn set_state(
        &mut self,
        path: &str,
        shape: &[usize],
        step: u64,
        mut tensors: StateTensors,
        device: &Device,
    ) {
        tensors.remove(STEP);
        if step == 0 {
            return;
        }
        let values = with_rank!(shape.len(), D => {
            unflatten::<O::State<D>>(tensors, device).map(|state| DynState::create(state, D))
        });
        self.states.insert(path.to_owned(), State { step, values });
    }

    fn clear(&mut self) {
        self.states.clear();
    }
}

impl<O: optim::Optimizer> fmt::Debug for BurnOptimizer<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BurnOptimizer")
            .field("name", &self.name)
            .field("learning_rate", &self.learning_rate)
            .field("weight_decay", &self.weight_decay)
            .field("parameters", &self.states.len())
            .finish_non_exhaustive()
    }
}
