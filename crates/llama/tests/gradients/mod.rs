//! The gradients of a model's parameters, by their paths.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;

use anneal_llama::{BlockTape, LlamaForCausalLM};
use anneal_peft::adapter_gradients;
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

/// The gradients of everything that is trained, the model's own parameters by
/// their paths and an adapter's tensors by PEFT's names, from the parts of a
/// backward pass.
#[derive(Default)]
pub struct Parts(pub BTreeMap<String, Vec<f32>>);

impl Parts {
    /// Adds what a part holds.
    pub fn add(&mut self, model: &LlamaForCausalLM, gradients: &Gradients) {
        let own = base_gradients(model, gradients).into_iter();
        let own = own.filter_map(|(path, gradient)| Some((path, gradient?.into_data())));
        for (name, data) in own.chain(adapter_gradients(model, gradients)) {
            let values: Vec<f32> = data.iter::<f32>().collect();
            let sum = self
                .0
                .entry(name)
                .or_insert_with(|| vec![0.0; values.len()]);
            for (sum, value) in sum.iter_mut().zip(values) {
                *sum += value;
            }
        }
    }

    /// Of a graph of the whole.
    pub fn of_whole(model: &LlamaForCausalLM, loss: Tensor<1>) -> Self {
        let mut parts = Self::default();
        parts.add(model, &loss.backward());
        parts
    }

    /// Of recomputed blocks.
    pub fn of_blocks(model: &LlamaForCausalLM, loss: Tensor<1>, tape: BlockTape) -> Self {
        let mut parts = Self::default();
        tape.backward(model, loss.backward(), |part| parts.add(model, &part));
        parts
    }

    /// Fails unless the same tensors have the same gradients, of which some are
    /// not zero; `bound` is a part of each tensor's largest.
    pub fn assert_equal(&self, expected: &Self, bound: f32, what: &str) {
        let names = |parts: &Self| parts.0.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(self), names(expected), "{what}");
        let mut all = 0.0_f32;
        for (name, expected) in &expected.0 {
            let found = self.0[name].iter().zip(expected);
            let off = found.fold(0.0, |worst, (f, e)| f32::max(worst, (f - e).abs()));
            let largest = expected.iter().fold(0.0, |most, e| f32::max(most, e.abs()));
            assert!(
                off <= bound * largest && off.is_finite(),
                "{what}: {name} is off by {off:e} of {largest:e}"
            );
            all = all.max(largest);
        }
        assert!(all > 1e-3, "{what}: no more than {all:e}");
    }
}
