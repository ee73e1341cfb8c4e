//! A model's tensors under Hugging Face's names, fetched only when they are
//! written.

use std::any::Any;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData, TensorReadError};

use crate::{LlamaError, LlamaForCausalLM};

/// How burn's traversal calls the type [`burn::nn::Linear`].
const LINEAR: &str = "Struct:Linear";

/// A tensor that is still on the device.
pub(super) struct LazyTensor {
    pub(super) name: String,
    /// As stored: `[out, in]` for linear layers.
    pub(super) shape: Vec<usize>,
    fetch: Box<dyn Fn() -> Result<TensorData, TensorReadError>>,
}

impl LazyTensor {
    /// Its values on the host, row by row.
    pub(super) fn fetch(&self) -> Result<TensorData, TensorReadError> {
        (self.fetch)()
    }
}

/// The path of the first parameter that carries an adapter.
pub(crate) fn first_adapted(model: &LlamaForCausalLM) -> Option<String> {
    let mut collector = Collector::default();
    model.visit(&mut collector);
    collector.adapted
}

/// Every parameter in the order of the model. An adapter would be lost, so it
/// is an error.
pub(super) fn tensors(model: &LlamaForCausalLM) -> Result<Vec<LazyTensor>, LlamaError> {
    let mut collector = Collector::default();
    model.visit(&mut collector);
    match collector.adapted {
        Some(layer) => Err(LlamaError::Adapted { layer }),
        None => Ok(collector.tensors),
    }
}

#[derive(Default)]
struct Collector {
    /// Name and holder's type of each segment of the current path.
    stack: Vec<(String, String)>,
    tensors: Vec<LazyTensor>,
    /// The first layer with an adapter.
    adapted: Option<String>,
}

impl Collector {
    fn path(&self) -> String {
        let names: Vec<&str> = self.stack.iter().map(|(name, _)| name.as_str()).collect();
        names.join(".")
    }
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        if container_type == "Reparameterization" && self.adapted.is_none() {
            self.adapted = Some(self.path());
        }
        self.stack.push((name.into(), container_type.into()));
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.stack.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.adapted.is_some() {
            return;
        }
        let name = self.path();
        let linear = self
            .stack
            .last()
            .is_some_and(|(_, holder)| holder == LINEAR);
        // burn holds `[in, out]`, the files `[out, in]`; a bias has one axis.
        let matrix = (param as &dyn Any).downcast_ref::<Param<Tensor<2>>>();
        self.tensors.push(match matrix.filter(|_| linear) {
            Some(weight) => lazy(name, weight.val().transpose()),
            None => lazy(name, param.val()),
        });
    }
}

/// The tensor is a handle here: its values stay where they are.
fn lazy<const D: usize>(name: String, tensor: Tensor<D>) -> LazyTensor {
    LazyTensor {
        name,
        shape: tensor.dims().to_vec(),
        fetch: Box::new(move || Ok(tensor.clone().try_into_data()?)),
    }
}
