//! The tensors of an adapter file, each asked for once.

use std::collections::{BTreeMap, btree_map::Entry};

use burn::tensor::{bf16, f16};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{
    Mismatch,
    attach::transposed,
    plan::{Planned, Slot},
    tensors::PREFIX,
    traverse::Holder,
    values::{Values, Weights},
};

/// A file that is being read; what nobody asks for is unexpected.
pub(crate) struct FileTensors<'a> {
    /// Name in the file and tensor, by PEFT's name.
    tensors: BTreeMap<String, (String, TensorView<'a>)>,
    mismatch: Mismatch,
}

/// The name that PEFT would write.
///
/// Writers differ: the prefix may be missing, and the name of the adapter
/// (`default`) may stand before `weight` or at the end.
pub(crate) fn canonical(name: &str) -> String {
    let name = without_adapter_name(name);
    // DoRA's magnitude is a module in memory and a tensor in the file.
    let name = match name.strip_suffix(".lora_magnitude_vector.weight") {
        Some(path) => format!("{path}.lora_magnitude_vector"),
        None => name,
    };
    if name.starts_with("base_model.") || name == "prompt_embeddings" {
        name
    } else {
        format!("{PREFIX}{name}")
    }
}

/// A tensor's name without the name `default` of its adapter, which stands
/// behind the name of the method's own tensor and nowhere else.
fn without_adapter_name(name: &str) -> String {
    for own in [".lora_", ".vera_", ".ia3_"] {
        let Some(at) = name.rfind(own) else { continue };
        let (module, tail) = name.split_at(at);
        for (ending, plain) in [(".default.weight", ".weight"), (".default", "")] {
            if let Some(tail) = tail.strip_suffix(ending) {
                return format!("{module}{tail}{plain}");
            }
        }
    }
    name.into()
}

/// Removes what PEFT writes beside a bias where the bias is trained and its
/// module saved as well: the bias as it was, and once more as it is.
fn drop_repeated_biases<'a>(tensors: &mut BTreeMap<String, (String, TensorView<'a>)>) {
    let repeated: Vec<String> = tensors
        .iter()
        .filter(|(key, (_, tensor))| {
            if let Some(module) = key.strip_suffix(".original_module.bias") {
                return tensors.contains_key(&format!("{module}.bias"));
            }
            let module = key.strip_suffix(".bias").map(|path| {
                let path = path.strip_suffix(".default").unwrap_or(path);
                path.strip_suffix(".modules_to_save")
            });
            let bias = module.flatten().map(|module| format!("{module}.bias"));
            let bias = bias.and_then(|bias| tensors.get(&bias));
            bias.is_some_and(|(_, bias)| bias.data() == tensor.data())
        })
        .map(|(key, _)| key.clone())
        .collect();
    for key in repeated {
        tensors.remove(&key);
    }
}

impl<'a> FileTensors<'a> {
    /// All tensors of a file.
    pub(crate) fn new(file: &SafeTensors<'a>) -> Self {
        let mut mismatch = Mismatch::default();
        let mut found: Vec<(String, TensorView<'a>)> = file.tensors();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut tensors = BTreeMap::new();
        for (name, tensor) in found {
            let key = canonical(&name);
            match tensors.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert((name, tensor));
                }
                Entry::Occupied(_) => mismatch.duplicate.push(name),
            }
        }
        drop_repeated_biases(&mut tensors);
        Self { tensors, mismatch }
    }

    /// The values of a planned layer; what is wrong with them is noted.
    pub(crate) fn layer(&mut self, planned: &Planned) -> Values {
        let mut values = Values::default();
        let (mirrors, slots): (Vec<Slot>, Vec<Slot>) =
            planned.slots().into_iter().partition(|slot| slot.mirror);
        for slot in slots {
            let found = self.take(&slot.key, &slot.shape);
            let ordered = match (slot.transpose, slot.shape.as_slice()) {
                (true, &[rows, columns]) if !found.is_empty() => {
                    transposed(&found, [rows, columns])
                }
                _ => found,
            };
            values.fields.insert(slot.field, ordered);
        }
        for slot in mirrors {
            self.mirror(&slot, &values);
        }
        values
    }

    /// The head's side of a shared adapter: it may be missing, but not differ.
    fn mirror(&mut self, slot: &Slot, values: &Values) {
        let Some((name, tensor)) = self.tensors.remove(&slot.key) else {
            return;
        };
        if let Some(found) = self.read(&name, &tensor, &slot.shape)
            && values.fields.get(&slot.field) != Some(&found)
        {
            self.mismatch.untied.push(name);
        }
    }

    /// A matrix, turned to the order that burn multiplies in.
    pub(crate) fn matrix(&mut self, key: &str, shape: [usize; 2]) -> Vec<f32> {
        let values = self.take(key, &shape);
        if values.is_empty() {
            return values;
        }
        transposed(&values, shape)
    }

    /// Copies of the base's weights, which PEFT saves beside an adapter of the
    /// embedding: they are no part of the adapter, but must be what the base
    /// holds, or the adapter belongs to another.
    pub(crate) fn base_copies(&mut self, weights: &Weights<'_>) {
        let copies: Vec<(String, String)> = self
            .tensors
            .keys()
            .filter_map(|key| {
                let module = key
                    .strip_prefix(PREFIX)?
                    .strip_suffix(".base_layer.weight")?;
                Some((key.clone(), module.to_owned()))
            })
            .collect();
        for (key, module) in copies {
            let tied = weights.anatomy.tied.iter().find(|tied| tied.head == module);
            let path = tied.map_or_else(|| format!("{module}.weight"), |tied| tied.weight.clone());
            let site = weights.anatomy.param(&path);
            let (Some(site), Some(own)) = (site, weights.original(&path)) else {
                // It stays, and is found to be unexpected.
                continue;
            };
            let Some((name, tensor)) = self.tensors.remove(&key) else {
                continue;
            };
            let own = if site.holder == Holder::Linear {
                own.transpose()
            } else {
                own
            };
            let Some(values) = self.read(&name, &tensor, &own.dims()) else {
                continue;
            };
            let own: Vec<f32> = own.into_data().iter::<f32>().collect();
            // The base may be rounded to bf16 here or there, or to f16, whose
            // smallest numbers are 2^-24 apart.
            let near = |a: f32, b: f32| (a - b).abs() <= 0.01 * a.abs().max(b.abs()) + 1e-7;
            if !values.iter().zip(&own).all(|(&a, &b)| near(a, b)) {
                self.mismatch.other_base.push(name);
            }
        }
    }

    /// Everything that is wrong with the file.
    pub(crate) fn finish(mut self) -> Mismatch {
        let rest = self.tensors.into_values().map(|(name, _)| name);
        self.mismatch.unexpected.extend(rest);
        self.mismatch
    }

    /// A tensor's values in f32; empty where it is not as it should be.
    fn take(&mut self, key: &str, shape: &[usize]) -> Vec<f32> {
        match self.tensors.remove(key) {
            Some((name, tensor)) => self.read(&name, &tensor, shape).unwrap_or_default(),
            None => {
                self.mismatch.missing.push(key.into());
                Vec::new()
            }
        }
    }

    fn read(&mut self, name: &str, tensor: &TensorView<'_>, shape: &[usize]) -> Option<Vec<f32>> {
        if tensor.shape() != shape {
            let text = format!("{name} is {:?}, expected {shape:?}", tensor.shape());
            self.mismatch.misshaped.push(text);
            return None;
        }
        let values = match tensor.dtype() {
            Dtype::F32 => decode(tensor.data(), f32::from_le_bytes),
            Dtype::F16 => decode(tensor.data(), |bytes| f16::from_le_bytes(bytes).to_f32()),
            Dtype::BF16 => decode(tensor.data(), |bytes| bf16::from_le_bytes(bytes).to_f32()),
            other => {
                self.mismatch.mistyped.push(format!("{name} is {other:?}"));
                return None;
            }
        };
        if !values.iter().all(|value| value.is_finite()) {
            self.mismatch.non_finite.push(name.into());
            return None;
        }
        Some(values)
    }
}

/// Numbers of `N` little-endian bytes each.
fn decode<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks::<N>();
    numbers.iter().map(|&bytes| number(bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_writer_are_understood() {
        let path = "base_model.model.model.layers.0.self_attn.q_proj";
        let expected = format!("{path}.lora_B.weight");
        for key in [
            expected.clone(),
            "model.layers.0.self_attn.q_proj.lora_B.weight".into(),
            format!("{path}.lora_B.default.weight"),
        ] {
            assert_eq!(canonical(&key), expected, "{key}");
        }
        let magnitude = format!("{path}.lora_magnitude_vector");
        for tail in ["", ".weight", ".default", ".default.weight"] {
            assert_eq!(
                canonical(&format!("{magnitude}{tail}")),
                magnitude,
                "{tail}"
            );
        }
        // A module may have that name.
        let own = "base_model.model.default.weight";
        assert_eq!(canonical(own), own);
        assert_eq!(canonical("prompt_embeddings"), "prompt_embeddings");
        assert_eq!(canonical("base_model.vera_A"), "base_model.vera_A");
    }
}
