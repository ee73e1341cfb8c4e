//! The portability of an adapter that a module carries.

use burn::module::Module;

use super::{AdapterFacts, Portability, portability_from};
use crate::{PeftError, save::Saved, traverse::Anatomy};

/// What each [`Consumer`](super::Consumer) makes of the adapter of this name,
/// as [`save_adapter_as`](crate::save_adapter_as) writes it.
///
/// So PiSSA and OLoRA count as the plain LoRA that they are saved as, and
/// whether the head is tied to the embedding is known, which
/// [`portability_of`](super::portability_of) can't know of a folder.
///
/// # Errors
///
/// A name that no adapter has, values that are not finite, or a pattern whose
/// key is not an expression.
pub fn portability<M: Module>(module: &M, name: &str) -> Result<Portability, PeftError> {
    of_saved(&Saved::of(module, name)?, &Anatomy::of(module))
}

/// What each consumer makes of what is written.
pub(crate) fn of_saved(saved: &Saved, anatomy: &Anatomy) -> Result<Portability, PeftError> {
    let tensors = saved.tensors.iter();
    let axes = tensors.map(|(name, data)| (name.as_str(), data.shape().first().copied()));
    let facts = AdapterFacts {
        tied_head: Some(!anatomy.tied.is_empty()),
        ..AdapterFacts::of_tensors(axes)
    };
    portability_from(&saved.config, &facts)
}
