//! The kinds of trained values an adapter can have on a parameter.

use burn::module::Module;

use crate::{Ia3Bias, Ia3Vector, LoraFactors, PromptEmbeddings, Replacement, VeraVectors};

/// An adapter's trained values on one parameter.
#[derive(Module, Debug)]
pub enum AdapterLayer {
    /// Low-rank factors, with or without DoRA's magnitude.
    Lora(LoraFactors),
    /// VeRA's vectors around shared random projections.
    Vera(VeraVectors),
    /// IA3's scales of the layer's input or output.
    Ia3(Ia3Vector),
    /// The bias of a layer whose output IA3 scales.
    Ia3Bias(Ia3Bias),
    /// A trained copy of the parameter.
    Replacement(Replacement),
    /// Virtual tokens, kept on the embedding.
    Prompt(PromptEmbeddings),
}

impl AdapterLayer {
    /// Whether the update is a sum, so that several add up.
    pub(crate) fn is_additive(&self) -> bool {
        match self {
            Self::Lora(lora) => lora.magnitude.is_none(),
            Self::Vera(_) => true,
            _ => false,
        }
    }

    /// Whether it sits on a layer because `target_modules` names the layer.
    pub(crate) fn is_targeted(&self) -> bool {
        matches!(self, Self::Lora(_) | Self::Vera(_) | Self::Ia3(_))
    }

    /// The factors whose product was taken out of the weight at the start.
    pub(crate) fn initial(&self) -> Option<(&LoraFactors, &crate::InitialFactors)> {
        match self {
            Self::Lora(lora) => lora.initial.as_ref().map(|initial| (lora, initial)),
            _ => None,
        }
    }
}
