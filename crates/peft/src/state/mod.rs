//! The adapters that sit on one parameter.
//!
//! burn gives a parameter at most one reparameterization. [`Adapters`] is that
//! one: a list of named entries, of which those that are active make up the
//! value that the model sees.

mod compose;
mod entry;
mod exchange;
mod layer;
mod module;

pub use entry::Status;
pub use layer::AdapterLayer;

pub(crate) use compose::{columns, embedding_lora};
pub(crate) use entry::{Entry, Role};
pub(crate) use exchange::{Rewrite, drop_idle, read};

use burn::{
    module::Reparameterization,
    nn::Dropout,
    tensor::{DType, Tensor},
};

use crate::LoraFactors;

/// What a parameter carries: the named adapters that were attached to it.
///
/// A model author meets it through
/// [`Param::reparameterization`](burn::module::Param::reparameterization), to
/// choose a kernel by [`Adapters::effect`]; everything else is done by the
/// functions of this crate.
#[derive(Debug, Clone, Default)]
pub struct Adapters {
    pub(crate) entries: Vec<Entry>,
    /// The stored value, flat, as it was before adapters were merged into it.
    pub(crate) unmerged: Option<Tensor<1>>,
}

/// What the active adapters of a parameter come down to.
#[derive(Debug)]
pub enum Effect<'a> {
    /// The stored value as it is.
    None,
    /// One plain LoRA update, `W + s · A · B`; its input may be subject to
    /// dropout ([`LoraFactors::branch`]).
    Lora(&'a LoraFactors),
    /// Anything else; [`LinearExt::forward_adapted`](crate::LinearExt) and
    /// [`Param::val`](burn::module::Param::val) know what to do.
    Other,
}

impl Adapters {
    /// What the adapters do to the parameter itself, so that a model can take
    /// a kernel of its own for the commonest case.
    pub fn effect(&self) -> Effect<'_> {
        let mut acting = self.acting();
        match (acting.next(), acting.next()) {
            (None, _) => Effect::None,
            (Some(entry), None) => match &entry.layer {
                AdapterLayer::Lora(lora)
                    if entry.status == Status::Active && lora.magnitude.is_none() =>
                {
                    Effect::Lora(lora)
                }
                _ => Effect::Other,
            },
            _ => Effect::Other,
        }
    }

    /// Whether the active adapters draw masks in training (dropout). A forward
    /// pass that is to be repeated exactly must then see the same random
    /// numbers again.
    pub fn drops(&self) -> bool {
        self.active().any(|(_, layer)| match layer {
            AdapterLayer::Lora(lora) => is_dropping(&lora.dropout),
            AdapterLayer::Vera(vera) => is_dropping(&vera.dropout),
            _ => false,
        })
    }

    /// The layers of the active adapters, by the adapters' names.
    pub fn active(&self) -> impl Iterator<Item = (&str, &AdapterLayer)> {
        let active = |entry: &&Entry| entry.status == Status::Active;
        self.entries
            .iter()
            .filter(active)
            .map(|entry| (entry.name.as_str(), &entry.layer))
    }

    /// The entries that change the parameter's value as it stands: none where
    /// it is merged, what inactive adapters give back included.
    pub(crate) fn acting(&self) -> impl Iterator<Item = &Entry> {
        let acts = |entry: &&Entry| {
            self.unmerged.is_none() && entry.role == Role::Parameter && entry.acts()
        };
        self.entries.iter().filter(acts)
    }

    /// A copy whose tensors are off the autodiff device.
    pub(crate) fn without_autodiff(&self) -> Self {
        burn::module::Module::valid(self)
    }

    /// The entry of an adapter in a role.
    pub(crate) fn find(&self, name: &str, role: Role) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.name == name && entry.role == role)
    }
}

/// Whether it would take anything off an input on an autodiff device.
pub(crate) fn is_dropping(dropout: &Dropout) -> bool {
    dropout.prob > 0.0 && dropout.training.is_enabled()
}

impl Reparameterization for Adapters {
    const NAME: &'static str = "adapters";

    /// The value with every active adapter composed in: computed in f32 and
    /// rounded once to the type of `base`.
    ///
    /// This is what `Linear::forward` sees. It is exact but dear, since it
    /// builds a dense weight and its backward a dense gradient; and it has no
    /// dropout. [`LinearExt::forward_adapted`](crate::LinearExt::forward_adapted)
    /// is the cheap way. A packed weight is unpacked, and the result stays f32.
    fn apply<const D: usize>(&self, base: Tensor<D>) -> Tensor<D> {
        if self.acting().next().is_none() {
            return base;
        }
        let dtype = base.dtype();
        let (base, dtype) = match dtype {
            DType::QFloat(_) => (base.dequantize(), DType::F32),
            _ => (base, dtype),
        };
        let shape = base.shape();
        let flat = columns(base.cast(DType::F32));
        self.composed(flat).reshape(shape).cast(dtype)
    }
}
