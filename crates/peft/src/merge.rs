//! Folding an adapter into the weights it adapts.

use std::collections::BTreeSet;

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};

use crate::{PeftError, traverse::factors};

/// Replaces every adapted weight by `W + s · A · B` and drops the factors.
///
/// The sum is taken in f32 and rounded once to the weight's own type. Packed
/// weights come out dense, in f32. The module is returned as
/// [`valid`](Module::valid) leaves it, for inference; its parameters stay
/// frozen if [`train`](Module::train) takes it back to training. The module
/// given is consumed: clone it first to keep the adapter (clones share their
/// weights). Other reparameterizations are folded too, as burn's
/// [`materialize`](Module::materialize) does.
///
/// # Errors
///
/// [`PeftError::NotAdapted`] where there is nothing to merge, and
/// [`PeftError::NonFinite`] with the layers whose merged weight holds NaN or
/// infinite values; the base may be the cause as well as the adapter.
pub fn merge<M: Module>(module: M) -> Result<M, PeftError> {
    let paths: BTreeSet<String> = factors(&module)
        .into_keys()
        .map(|path| format!("{path}.weight"))
        .collect();
    if paths.is_empty() {
        return Err(PeftError::NotAdapted);
    }
    // `valid` first: a sum on the autodiff device would record a graph that no
    // backward ever frees.
    let merged = module.valid().materialize();
    let mut check = FiniteCheck {
        paths,
        stack: Vec::new(),
        broken: Vec::new(),
    };
    merged.visit(&mut check);
    if check.broken.is_empty() {
        Ok(merged)
    } else {
        Err(PeftError::NonFinite {
            tensors: check.broken,
        })
    }
}

/// Notes those of `paths` that hold NaN or infinite values.
struct FiniteCheck {
    paths: BTreeSet<String>,
    stack: Vec<String>,
    broken: Vec<String>,
}

impl ModuleVisitor for FiniteCheck {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.stack.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.stack.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.stack.join(".");
        if self.paths.contains(&path) && !param.val().is_finite().all().into_scalar::<bool>() {
            self.broken.push(path);
        }
    }
}
