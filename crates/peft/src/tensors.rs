//! An adapter's tensors under the names and in the layout of PEFT's file.
//!
//! `base_model.model.<path>.lora_A.weight` is `[rank, d_input]` and
//! `.lora_B.weight` is `[d_output, rank]`: the transposes of what burn
//! multiplies with.

use std::collections::BTreeMap;

use burn::{
    module::{Module, Param, ParamId},
    tensor::{Gradients, Tensor, TensorData},
};

use crate::{
    AdapterLayer,
    plan::{Field, Slot},
    state::{self, Entry, Status},
};

/// What PEFT puts before every module path.
pub(crate) const PREFIX: &str = "base_model.model.";

/// One of a layer's parameters.
#[derive(Clone, Copy)]
pub(crate) enum FieldRef<'a> {
    /// A matrix.
    Matrix(&'a Param<Tensor<2>>),
    /// A vector.
    Vector(&'a Param<Tensor<1>>),
}

impl AdapterLayer {
    /// The parameter that a slot of the file means.
    pub(crate) fn field(&self, field: Field) -> Option<FieldRef<'_>> {
        use FieldRef::{Matrix, Vector};
        Some(match (self, field) {
            (Self::Lora(lora), Field::A) => Matrix(&lora.a),
            (Self::Lora(lora), Field::B) => Matrix(&lora.b),
            (Self::Lora(lora), Field::Magnitude) => Vector(lora.magnitude.as_ref()?),
            (Self::Vera(vera), Field::LambdaB) => Vector(&vera.lambda_b),
            (Self::Vera(vera), Field::LambdaD) => Vector(&vera.lambda_d),
            (Self::Ia3(ia3), Field::Scales) => Vector(&ia3.scales),
            (Self::Replacement(replacement), Field::Value) => Matrix(&replacement.value),
            (Self::Prompt(prompt), Field::Embeddings) => Matrix(&prompt.embeddings),
            _ => return None,
        })
    }
}

impl FieldRef<'_> {
    /// burn's id of the parameter.
    pub(crate) fn id(self) -> ParamId {
        match self {
            Self::Matrix(param) => param.id,
            Self::Vector(param) => param.id,
        }
    }

    /// The values as the file lays them out.
    pub(crate) fn data(self, slot: &Slot) -> TensorData {
        match self {
            Self::Matrix(param) => laid_out(param.val().without_autodiff(), slot),
            Self::Vector(param) => shaped(param.val().without_autodiff().into_data(), slot),
        }
    }

    /// The gradients likewise; `None` where the parameter took no part.
    fn gradient(self, slot: &Slot, grads: &Gradients) -> Option<TensorData> {
        Some(match self {
            Self::Matrix(param) => laid_out(param.val().grad(grads)?, slot),
            Self::Vector(param) => shaped(param.val().grad(grads)?.into_data(), slot),
        })
    }
}

fn laid_out(matrix: Tensor<2>, slot: &Slot) -> TensorData {
    let matrix = if slot.transpose {
        matrix.transpose()
    } else {
        matrix
    };
    shaped(matrix.into_data(), slot)
}

fn shaped(data: TensorData, slot: &Slot) -> TensorData {
    let values: Vec<f32> = data.convert::<f32>().iter::<f32>().collect();
    TensorData::new(values, slot.shape.clone())
}

/// The active adapters' values by PEFT's tensor names, in PEFT's layout and
/// f32: `lora_A` `[rank, d_input]`, `lora_B` `[d_output, rank]` and so on.
///
/// Empty where no adapter is active. Where several are, a tensor that more
/// than one has is the last one's by name; see [`adapter_tensors_of`].
pub fn adapter_tensors<M: Module>(module: &M) -> BTreeMap<String, TensorData> {
    by_key(module, is_active, |field, slot| Some(field.data(slot)))
}

/// The values of one adapter, active or not, as [`adapter_tensors`] gives them;
/// empty where there is none of the name.
pub fn adapter_tensors_of<M: Module>(module: &M, name: &str) -> BTreeMap<String, TensorData> {
    let named = |entry: &Entry| entry.name == name;
    by_key(module, named, |field, slot| Some(field.data(slot)))
}

/// The active adapters' gradients by PEFT's tensor names, in PEFT's layout, as
/// [`adapter_tensors`] gives the values.
///
/// A tensor that took no part in the backward pass is absent.
pub fn adapter_gradients<M: Module>(module: &M, grads: &Gradients) -> BTreeMap<String, TensorData> {
    by_key(module, is_active, |field, slot| field.gradient(slot, grads))
}

/// burn's id of each trained tensor by PEFT's names, for whoever keeps
/// gradients or optimiser state by id.
pub fn adapter_param_ids<M: Module>(module: &M) -> BTreeMap<String, ParamId> {
    by_key(module, is_active, |field, _| Some(field.id()))
}

fn is_active(entry: &Entry) -> bool {
    entry.status == Status::Active
}

/// Asks every chosen tensor for a value.
fn by_key<M: Module, T>(
    module: &M,
    chosen: impl Fn(&Entry) -> bool,
    value: impl Fn(FieldRef<'_>, &Slot) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut found = BTreeMap::new();
    for adapters in state::read(module).into_values() {
        for entry in adapters.entries.iter().filter(|entry| chosen(entry)) {
            for slot in entry.slots.iter().filter(|slot| !slot.mirror) {
                let field = entry.layer.field(slot.field);
                if let Some(value) = field.and_then(|field| value(field, slot)) {
                    found.insert(slot.key.clone(), value);
                }
            }
        }
    }
    found
}
