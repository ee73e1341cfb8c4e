//! One named adapter's part on one parameter.

use std::sync::Arc;

use super::AdapterLayer;
use crate::{AdapterConfig, InitialFactors, LoraFactors, plan::Slot};

/// Whether an adapter takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It changes what the model computes, and is trained.
    Active,
    /// It is kept and does nothing.
    Inactive,
    /// Its update is part of the stored weight.
    Merged,
}

/// What the parameter is to the adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// The parameter itself is adapted.
    Parameter,
    /// The output head is adapted, which has no parameter of its own because
    /// it is this embedding.
    TiedHead,
}

/// One adapter's layer on a parameter.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The adapter's name.
    pub name: String,
    /// The adapter's settings, one allocation for all its entries.
    pub config: Arc<AdapterConfig>,
    /// The path of the module in PEFT's file, `model.layers.0.self_attn.q_proj`.
    pub module: String,
    /// Whether it takes part.
    pub status: Status,
    /// What the parameter is to it.
    pub role: Role,
    /// Whether the output head, which is this embedding, follows the update
    /// (PEFT's `ensure_weight_tying`).
    pub tied: bool,
    /// The tensors of PEFT's file that the values are.
    pub slots: Vec<Slot>,
    /// The trained values.
    pub layer: AdapterLayer,
}

impl Entry {
    /// Whether the value differs from the stored one because of this entry.
    ///
    /// An inactive adapter that began as a part of the weight (PiSSA, OLoRA)
    /// must give that part back.
    pub(crate) fn acts(&self) -> bool {
        match self.status {
            Status::Active => !matches!(self.layer, AdapterLayer::Prompt(_)),
            Status::Inactive => self.given_back().is_some(),
            Status::Merged => false,
        }
    }

    /// The factors whose product was taken out of the weight, where they must
    /// be put back because the adapter is switched off.
    pub(crate) fn given_back(&self) -> Option<(&LoraFactors, &InitialFactors)> {
        match self.status {
            Status::Inactive => self.layer.initial(),
            Status::Active | Status::Merged => None,
        }
    }
}
