//! An adapter's tensors under the names and in the layout of PEFT's file.
//!
//! `base_model.model.<path>.lora_A.weight` is `[rank, d_input]` and
//! `.lora_B.weight` is `[d_output, rank]`: the transposes of what burn
//! multiplies with.

use std::collections::BTreeMap;

use burn::{
    module::{Module, Param, ParamId},
    tensor::{Gradients, Tensor},
};

use crate::traverse::factors;

/// What PEFT puts before every module path.
pub(crate) const PREFIX: &str = "base_model.model.";

/// Which of the two factors a tensor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Factor {
    /// `A`, named `lora_A`.
    A,
    /// `B`, named `lora_B`.
    B,
}

impl Factor {
    /// PEFT's name of the factor.
    fn name(self) -> &'static str {
        match self {
            Self::A => "lora_A",
            Self::B => "lora_B",
        }
    }

    /// The name of a layer's factor in PEFT's file.
    pub(crate) fn key(self, path: &str) -> String {
        format!("{PREFIX}{path}.{}.weight", self.name())
    }

    /// The layer and factor that a name in a file means.
    ///
    /// Writers differ: the prefix may be missing, and the name of the adapter
    /// (`default`) may stand before `weight`.
    pub(crate) fn parse(key: &str) -> Option<(&str, Self)> {
        let key = key.strip_prefix(PREFIX).unwrap_or(key);
        let key = key.strip_suffix(".weight")?;
        let key = key.strip_suffix(".default").unwrap_or(key);
        [Self::A, Self::B].into_iter().find_map(|factor| {
            let path = key.strip_suffix(factor.name())?.strip_suffix('.')?;
            Some((path, factor))
        })
    }
}

/// The adapter's values by PEFT's tensor names, in PEFT's layout: `lora_A`
/// `[rank, d_input]`, `lora_B` `[d_output, rank]`, without autodiff.
///
/// Empty where the module carries no adapter.
pub fn lora_tensors<M: Module>(module: &M) -> BTreeMap<String, Tensor<2>> {
    by_key(module, |param| {
        Some(param.val().without_autodiff().transpose())
    })
}

/// The adapter's gradients by PEFT's tensor names, in PEFT's layout, as
/// [`lora_tensors`] gives the values.
///
/// A factor that took no part in the backward pass is absent.
pub fn lora_gradients<M: Module>(module: &M, grads: &Gradients) -> BTreeMap<String, Tensor<2>> {
    by_key(module, |param| Some(param.val().grad(grads)?.transpose()))
}

/// burn's id of each factor by PEFT's tensor names, for whoever keeps
/// gradients or optimiser state by id.
pub fn lora_param_ids<M: Module>(module: &M) -> BTreeMap<String, ParamId> {
    by_key(module, |param| Some(param.id))
}

/// Asks every factor for a value.
fn by_key<M: Module, T>(
    module: &M,
    value: impl Fn(&Param<Tensor<2>>) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut found = BTreeMap::new();
    for (path, factors) in factors(module) {
        for (factor, param) in [(Factor::A, &factors.a), (Factor::B, &factors.b)] {
            if let Some(value) = value(param) {
                found.insert(factor.key(&path), value);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_writer_are_understood() {
        let path = "model.layers.0.self_attn.q_proj";
        for key in [
            Factor::B.key(path),
            format!("{path}.lora_B.weight"),
            format!("base_model.model.{path}.lora_B.default.weight"),
        ] {
            assert_eq!(Factor::parse(&key), Some((path, Factor::B)), "{key}");
        }
        for key in [
            "model.lora_A.other.weight",
            "model.q_proj.lora_B.bias",
            "model.q_proj.weight",
            "lora_A.weight",
        ] {
            assert_eq!(Factor::parse(key), None, "{key}");
        }
    }
}
