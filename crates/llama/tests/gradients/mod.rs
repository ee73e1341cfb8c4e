//! The gradients of a model's own parameters, by their paths.

use std::collections::BTreeMap;

use anneal_llama::LlamaForCausalLM;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

struct Collect<'a> {
    gradients: &'a Gradients,
    stack: Vec<String>,
    found: BTreeMap<String, Option<Tensor<1>>>,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.stack.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.stack.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.stack.join(".");
        if path.contains(".adapters.") {
            return;
        }
        let base = param.base();
        let count = base.shape().num_elements();
        let gradient = base.grad(self.gradients);
        let gradient = gradient.map(|gradient| gradient.reshape([count]));
        self.found.insert(path, gradient);
    }
}

/// Every parameter but those of adapters, with its gradient, flat, if it got one.
pub fn base_gradients(
    model: &LlamaForCausalLM,
    gradients: &Gradients,
) -> BTreeMap<String, Option<Tensor<1>>> {
    let mut collect = Collect {
        gradients,
        stack: vec![],
        found: BTreeMap::new(),
    };
    model.visit(&mut collect);
    collect.found
}
