//! The trained parameters of a module, by their module paths.
//!
//! A parameter is trained if it requires a gradient. Paths, not burn's `ParamId`s, are
//! the names: ids are random per process, paths are what Hugging Face's files and a
//! person use. Parameters nested in a weight by a `Reparameterization` (adapters) are
//! reached under the weight's path, as in `q_proj.weight.lora.a`.

use std::collections::{BTreeMap, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{DType, Tensor, TensorData};

/// The name and form of one trained parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainedParameter {
    /// The module path, as in `model.layers.0.self_attn.q_proj.weight.lora.a`.
    pub path: String,
    /// The dimensions.
    pub shape: Vec<usize>,
    /// The element type.
    pub dtype: DType,
}

/// Lists the parameters that require a gradient, in the module's order.
///
/// A parameter that appears at several places (tied weights) is listed once, by its first path.
///
/// # Example
/// ```
/// use anneal_train::trained_parameters;
/// use burn::{module::Module, nn::LinearConfig};
///
/// let device = anneal_testkit::device().autodiff();
/// let linear = LinearConfig::new(3, 2).init(&device);
/// let paths: Vec<_> = trained_parameters(&linear).into_iter().map(|p| p.path).collect();
/// assert_eq!(paths, ["weight", "bias"]);
/// assert!(trained_parameters(&linear.freeze()).is_empty());
/// ```
pub fn trained_parameters<M: Module>(module: &M) -> Vec<TrainedParameter> {
    list(module, true)
}

/// The float parameters of a module, those that require a gradient or all of them.
pub(crate) fn list<M: Module>(module: &M, only_trained: bool) -> Vec<TrainedParameter> {
    struct List {
        only_trained: bool,
        names: Names,
        found: Vec<TrainedParameter>,
    }
    impl ModuleVisitor for List {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.names.enter(name);
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.names.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let left_out = self.only_trained && !param.is_require_grad();
            if left_out || self.names.is_known(param.id) {
                return;
            }
            let tensor = param.base();
            self.found.push(TrainedParameter {
                path: self.names.of(param.id),
                shape: tensor.dims().to_vec(),
                dtype: tensor.dtype(),
            });
        }
    }
    let mut list = List {
        only_trained,
        names: Names::default(),
        found: Vec::new(),
    };
    module.visit(&mut list);
    list.found
}

/// Where a traversal is, and the first path of every parameter that it met.
///
/// Tied parameters share an id; giving them the first one's name keeps them tied.
#[derive(Default)]
pub(crate) struct Names {
    path: Vec<String>,
    owners: HashMap<ParamId, String>,
}

impl Names {
    pub(crate) fn enter(&mut self, name: &str) {
        self.path.push(name.to_owned());
    }

    pub(crate) fn exit(&mut self) {
        self.path.pop();
    }

    pub(crate) fn is_known(&self, id: ParamId) -> bool {
        self.owners.contains_key(&id)
    }

    pub(crate) fn of(&mut self, id: ParamId) -> String {
        self.owners
            .entry(id)
            .or_insert_with(|| self.path.join("."))
            .clone()
    }
}

/// Gives every trained parameter for which `update` returns a new value that value.
///
/// `update` gets the path and the value outside of autodiff, so that no graph grows through an
/// update. The new value becomes a fresh leaf that requires a gradient, under the same id and
/// with the same gradient-checkpointing strategy (burn refuses to mix strategies).
pub(crate) fn map_trained<M, U>(module: M, update: U) -> M
where
    M: Module,
    U: UpdateParameter,
{
    struct Apply<U> {
        names: Names,
        update: U,
    }
    impl<U: UpdateParameter> ModuleMapper for Apply<U> {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.names.enter(name);
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.names.exit();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            if !param.is_require_grad() {
                return param;
            }
            let name = self.names.of(param.id);
            let (id, tensor, mapper) = param.consume();
            let strategy = tensor.gradient_checkpointing_strategy();
            let updated = match self.update.update(&name, tensor.clone().inner()) {
                None => tensor,
                Some(value) => {
                    let mut value = Tensor::from_inner(value);
                    if let Some(strategy) = strategy {
                        value = value.with_gradient_checkpointing_strategy(strategy);
                    }
                    value.require_grad()
                }
            };
            Param::from_mapped_value(id, updated, mapper)
        }
    }
    module.map(&mut Apply {
        names: Names::default(),
        update,
    })
}

/// What [`map_trained`] asks for each parameter; a trait, because closures cannot be generic in `D`.
pub(crate) trait UpdateParameter {
    fn update<const D: usize>(&mut self, path: &str, value: Tensor<D>) -> Option<Tensor<D>>;
}

/// Copies the trained parameters' values to the host.
pub(crate) fn export<M: Module>(module: &M) -> Vec<(String, TensorData)> {
    #[derive(Default)]
    struct Export {
        names: Names,
        values: Vec<(String, TensorData)>,
    }
    impl ModuleVisitor for Export {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.names.enter(name);
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.names.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if !param.is_require_grad() || self.names.is_known(param.id) {
                return;
            }
            let value = param.base().inner().into_data();
            self.values.push((self.names.of(param.id), value));
        }
    }
    let mut export = Export::default();
    module.visit(&mut export);
    export.values
}

/// Sets the trained parameters to `values`, which must have been checked against the module.
pub(crate) fn import<M: Module>(module: M, values: BTreeMap<String, TensorData>) -> M {
    struct Import(BTreeMap<String, TensorData>);
    impl UpdateParameter for Import {
        fn update<const D: usize>(&mut self, path: &str, value: Tensor<D>) -> Option<Tensor<D>> {
            let data = self.0.get(path)?.clone();
            Some(Tensor::from_data(data, (&value.device(), value.dtype())))
        }
    }
    map_trained(module, Import(values))
}
