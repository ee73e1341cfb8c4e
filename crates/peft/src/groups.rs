//! Groups of parameters with learning rates of their own: LoRA+
//! (arXiv 2402.12354).
//!
//! Compared against `create_loraplus_optimizer` of PEFT 0.21
//! (`optimizers/loraplus.py`).

use burn::module::{Module, ParamId};

use crate::{
    plan::{Field, Slot},
    state::{self, Entry, Status},
    traverse::{Anatomy, Holder},
};

/// Which parameters a group holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKind {
    /// `A` factors and every other matrix.
    A,
    /// Adapters of an embedding.
    Embedding,
    /// `B` factors and every vector that is not in the next group.
    B,
    /// Biases and what belongs to a `LayerNorm`, which no weight decay should
    /// shrink. The weight of an RMS norm is not among them, as in PEFT, whose
    /// rule knows `torch.nn.LayerNorm` alone.
    NoDecay,
}

/// Parameters that share a learning rate.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterGroup {
    /// Which they are.
    pub kind: GroupKind,
    /// burn's ids of them.
    pub ids: Vec<ParamId>,
    /// Their names in PEFT's file, in the same order.
    pub names: Vec<String>,
    /// Their learning rate.
    pub learning_rate: f64,
    /// Whether weight decay applies.
    pub weight_decay: bool,
}

/// The rates of LoRA+.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoraPlus {
    /// The rate of `A`.
    pub learning_rate: f64,
    /// How many times larger that of `B` is; the paper recommends about 16.
    pub ratio: f64,
    /// The rate of adapters of an embedding.
    pub embedding_learning_rate: f64,
}

impl LoraPlus {
    /// PEFT's rate for embeddings, 1e-6, beside the rates given.
    pub fn new(learning_rate: f64, ratio: f64) -> Self {
        Self {
            learning_rate,
            ratio,
            embedding_learning_rate: 1e-6,
        }
    }
}

/// The active adapters' parameters in LoRA+'s groups; empty groups are left
/// out. Any optimiser can use them: burn's `GradientsParams::from_params` takes
/// a group's ids.
///
/// ```
/// use anneal_peft::{GroupKind, LoraConfig, LoraPlus, TargetModules, attach, lora_plus_groups};
/// use burn::{module::Module, nn::{Linear, LinearConfig}, tensor::Device};
///
/// #[derive(Module, Debug)]
/// struct Net { proj: Linear }
///
/// let net = Net { proj: LinearConfig::new(3, 2).init(&Device::default()) };
/// let config = LoraConfig::new(TargetModules::names(["proj"])).with_r(1);
/// let (net, _) = attach(net, &config, 1)?;
/// let groups = lora_plus_groups(&net, &LoraPlus::new(1e-4, 16.0));
/// let rates: Vec<_> = groups.iter().map(|group| (group.kind, group.learning_rate)).collect();
/// assert_eq!(rates, [(GroupKind::A, 1e-4), (GroupKind::B, 16e-4)]);
/// assert_eq!(groups[1].names, ["base_model.model.proj.lora_B.weight"]);
/// # Ok::<(), anneal_peft::PeftError>(())
/// ```
pub fn lora_plus_groups<M: Module>(module: &M, rates: &LoraPlus) -> Vec<ParameterGroup> {
    use GroupKind::{A, B, Embedding, NoDecay};
    let group = |kind| {
        let learning_rate = match kind {
            A => rates.learning_rate,
            Embedding => rates.embedding_learning_rate,
            B | NoDecay => rates.learning_rate * rates.ratio,
        };
        ParameterGroup {
            kind,
            ids: Vec::new(),
            names: Vec::new(),
            learning_rate,
            weight_decay: kind != NoDecay,
        }
    };
    let mut groups = [A, Embedding, B, NoDecay].map(group);
    let anatomy = Anatomy::of(module);
    for (path, adapters) in state::read(module) {
        let site = anatomy.param(&path);
        let in_norm = site.is_some_and(|site| site.holder == Holder::LayerNorm);
        let active = |entry: &&Entry| entry.status == Status::Active;
        for entry in adapters.entries.iter().filter(active) {
            for slot in entry.slots.iter().filter(|slot| !slot.mirror) {
                let kind = kind(slot, in_norm);
                let group = groups.iter_mut().find(|group| group.kind == kind);
                if let (Some(field), Some(group)) = (entry.layer.field(slot.field), group) {
                    group.ids.push(field.id());
                    group.names.push(slot.key.clone());
                }
            }
        }
    }
    groups
        .into_iter()
        .filter(|group| !group.ids.is_empty())
        .collect()
}

/// Which group a tensor belongs to.
fn kind(slot: &Slot, in_norm: bool) -> GroupKind {
    match slot.field {
        _ if slot.key.contains(".lora_embedding_") => GroupKind::Embedding,
        Field::A | Field::Embeddings => GroupKind::A,
        Field::B | Field::Magnitude | Field::LambdaB | Field::LambdaD => GroupKind::B,
        // IA3's vectors have two axes in PEFT's file, [n, 1] or [1, n].
        Field::Scales => GroupKind::A,
        Field::Value if slot.shape.len() > 1 => GroupKind::A,
        Field::Value if in_norm || slot.key.contains("bias") => GroupKind::NoDecay,
        Field::Value => GroupKind::B,
    }
}
