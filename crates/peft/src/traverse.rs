//! Finding linear layers, and adapters, in any burn module.
//!
//! burn's traversal names every parameter by its path and tells the type that
//! holds it, which is all that is needed to find `Linear` in a module that
//! knows nothing of adapters.

use std::{any::Any, collections::BTreeMap};

use burn::{
    module::{Module, ModuleVisitor, Param, Reparameterization},
    tensor::Tensor,
};

use crate::lora::LoraFactors;

/// How burn's traversal calls the type [`burn::nn::Linear`].
const LINEAR: &str = "Struct:Linear";
/// How it calls the factors of this crate.
const FACTORS: &str = "Struct:LoraFactors";

/// A linear layer of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinearSite {
    /// Its path, as in a state dict: `model.layers.0.self_attn.q_proj`.
    pub path: String,
    /// Size of its input.
    pub d_input: usize,
    /// Size of its output.
    pub d_output: usize,
    /// Whether its weight already carries a reparameterization.
    pub adapted: bool,
}

/// The factors of one adapted layer.
pub(crate) struct FactorParams {
    /// `A`, `[d_input, rank]`.
    pub a: Param<Tensor<2>>,
    /// `B`, `[rank, d_output]`.
    pub b: Param<Tensor<2>>,
}

/// The linear layers of a module, in its own order.
pub(crate) fn linears<M: Module>(module: &M) -> Vec<LinearSite> {
    let mut finder = Finder::default();
    module.visit(&mut finder);
    finder.linears
}

/// The factors of a module's adapted layers, by the layers' paths.
pub(crate) fn factors<M: Module>(module: &M) -> BTreeMap<String, FactorParams> {
    let mut finder = Finder::default();
    module.visit(&mut finder);
    let mut b = finder.b;
    finder
        .a
        .into_iter()
        .filter_map(|(path, a)| b.remove(&path).map(|b| (path, FactorParams { a, b })))
        .collect()
}

/// Notes linear layers and factors on the way through a module.
#[derive(Default)]
struct Finder {
    /// Name and holder's type of each segment of the current path.
    stack: Vec<(String, String)>,
    linears: Vec<LinearSite>,
    a: BTreeMap<String, Param<Tensor<2>>>,
    b: BTreeMap<String, Param<Tensor<2>>>,
}

impl Finder {
    /// The path without its last `tail` segments.
    fn path(&self, tail: usize) -> String {
        let names = &self.stack[..self.stack.len() - tail];
        let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        names.join(".")
    }
}

impl ModuleVisitor for Finder {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.stack.push((name.into(), container_type.into()));
        // The weight was visited just before its reparameterization.
        if container_type == "Reparameterization" && self.stack.len() >= 2 {
            let path = self.path(2);
            if let Some(site) = self.linears.last_mut().filter(|site| site.path == path) {
                site.adapted = true;
            }
        }
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.stack.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // `D` is 2 or this is neither a linear layer's weight nor a factor.
        let Some(param) = (param as &dyn Any).downcast_ref::<Param<Tensor<2>>>() else {
            return;
        };
        match self.stack.as_slice() {
            [.., (name, holder)] if name == "weight" && holder == LINEAR => {
                let [d_input, d_output] = param.lazy_shape().dims();
                self.linears.push(LinearSite {
                    path: self.path(1),
                    d_input,
                    d_output,
                    adapted: false,
                });
            }
            [.., (_, linear), (lora, _), (name, holder)]
                if linear == LINEAR && lora == LoraFactors::NAME && holder == FACTORS =>
            {
                let is_a = name == "a";
                let path = self.path(3);
                let factors = if is_a { &mut self.a } else { &mut self.b };
                factors.insert(path, param.clone());
            }
            _ => {}
        }
    }
}
