//! An output head that is the embedding: tied weights.
//!
//! A model with tied weights has no layer for the head, so an adapter of the
//! head lives on the embedding, and one of the embedding must not reach the
//! head unless it asks to (PEFT's `ensure_weight_tying`).

use burn::{
    module::{Devices, Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{DType, Device, Tensor},
};

use crate::{
    AdapterLayer, Adapters, LoraFactors,
    linear::dropped,
    state::{Entry, Role, Status},
};

/// Says that a head has no weight of its own: a field of the model that holds
/// no parameter.
///
/// With it, [`attach`](crate::attach) knows the head by its name, and
/// [`merge`](crate::merge) knows what a change of the embedding would break.
///
/// ```
/// use anneal_peft::{LoraConfig, TargetModules, TiedHead, attach, tied_logits};
/// use burn::{module::Module, nn::{Embedding, EmbeddingConfig}, tensor::{Device, Tensor}};
///
/// #[derive(Module, Debug)]
/// struct Net {
///     embed: Embedding,
///     head: TiedHead,
/// }
///
/// let device = Device::default();
/// let net = Net {
///     embed: EmbeddingConfig::new(5, 3).init(&device),
///     head: TiedHead::new("head", "embed.weight"),
/// };
/// let (net, report) = attach(net, &LoraConfig::new(TargetModules::names(["head"])).with_r(2), 1)?;
/// assert_eq!(report.adapted, ["head"]);
/// assert_eq!(tied_logits(&net.embed.weight, Tensor::ones([4, 3], &device)).dims(), [4, 5]);
/// # Ok::<(), anneal_peft::PeftError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TiedHead(Option<[String; 2]>);

impl TiedHead {
    /// The head `head` is the embedding whose parameter is `weight`; both
    /// paths begin where the field's own does.
    pub fn new(head: impl Into<String>, weight: impl Into<String>) -> Self {
        Self(Some([head.into(), weight.into()]))
    }

    /// The head has a weight of its own.
    pub fn untied() -> Self {
        Self(None)
    }

    /// Whether the head is the embedding.
    pub fn is_tied(&self) -> bool {
        self.0.is_some()
    }
}

/// How a [`TiedHead`] shows itself to a visitor: it enters a module of the
/// head's name, and in it one of the weight's.
pub(crate) const TIED_HEAD: &str = "TiedHead";
/// The container of the weight's path.
pub(crate) const TIED_WEIGHT: &str = "TiedWeight";

impl Module for TiedHead {
    fn collect_devices(&self, devices: Devices) -> Devices {
        devices
    }

    fn fork(self, _device: &Device) -> Self {
        self
    }

    fn to_device(self, _device: &Device) -> Self {
        self
    }

    fn train(self) -> Self {
        self
    }

    fn valid(&self) -> Self {
        self.clone()
    }

    fn materialize(self) -> Self {
        self
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        if let Some([head, weight]) = &self.0 {
            visitor.enter_module(head, TIED_HEAD);
            visitor.enter_module(weight, TIED_WEIGHT);
            visitor.exit_module(weight, TIED_WEIGHT);
            visitor.exit_module(head, TIED_HEAD);
        }
    }

    fn map<M: ModuleMapper>(self, _mapper: &mut M) -> Self {
        self
    }
}

impl burn::module::ModuleDisplayDefault for TiedHead {
    fn content(&self, content: burn::module::Content) -> Option<burn::module::Content> {
        let text = match &self.0 {
            Some([head, weight]) => format!("{head} = {weight}"),
            None => "untied".into(),
        };
        content.add_single(&text).optional()
    }
}

impl burn::module::ModuleDisplay for TiedHead {}

/// The matrix `[vocabulary, hidden]` that a tied head multiplies with, before
/// low-rank updates: the embedding's stored value, or an active adapter's copy.
pub fn tied_weight(embedding: &Param<Tensor<2>>) -> Tensor<2> {
    let base = embedding.base();
    let replacement = reaching(embedding).find_map(|entry| match &entry.layer {
        AdapterLayer::Replacement(replacement) => Some(replacement.value.val()),
        _ => None,
    });
    match replacement {
        Some(value) => value.cast(base.dtype()),
        None => base,
    }
}

/// What low-rank adapters add to the logits of a tied head, in f32:
/// `s · ((drop(h) · A) · B)`, and of the embedding's own adapter, where the head
/// follows it, `s · ((drop(h) · Bᵀ) · Aᵀ)`. `None` where no adapter reaches it.
///
/// # Shapes
/// `[n, hidden]` to `[n, vocabulary]`
pub fn tied_update(embedding: &Param<Tensor<2>>, hidden: Tensor<2>) -> Option<Tensor<2>> {
    let hidden = hidden.cast(DType::F32);
    let updates = low_rank(embedding).map(|(role, lora)| match role {
        Role::TiedHead => lora.update(hidden.clone()),
        Role::Parameter => {
            let (kept, keep) = dropped(&lora.dropout, hidden.clone());
            let thin = kept.matmul(lora.b.val().transpose());
            thin.mul_scalar(lora.scale / keep)
                .matmul(lora.a.val().transpose())
        }
    });
    updates.reduce(|sum, update| sum + update)
}

/// The matrix `[vocabulary, hidden]` that is [`tied_update`]'s without dropout,
/// for whoever wants the head as one matrix. `None` where no adapter reaches it.
pub fn tied_delta(embedding: &Param<Tensor<2>>) -> Option<Tensor<2>> {
    let deltas = low_rank(embedding).map(|(role, lora)| match role {
        Role::TiedHead => lora.delta().transpose(),
        Role::Parameter => lora.delta(),
    });
    deltas.reduce(|sum, delta| sum + delta)
}

/// Whether [`tied_update`] adds anything: where it does not, the head is
/// [`tied_weight`] and nothing else, so that a loss may fuse the two.
pub fn tied_is_updated(embedding: &Param<Tensor<2>>) -> bool {
    low_rank(embedding).next().is_some()
}

/// The logits of a tied head, in f32: `h · Eᵀ` and the update of the active
/// adapters.
///
/// # Shapes
/// `[n, hidden]` to `[n, vocabulary]`
pub fn tied_logits(embedding: &Param<Tensor<2>>, hidden: Tensor<2>) -> Tensor<2> {
    let weight = tied_weight(embedding).cast(DType::F32);
    let plain = hidden.clone().cast(DType::F32).matmul(weight.transpose());
    match tied_update(embedding, hidden) {
        Some(update) => plain + update,
        None => plain,
    }
}

/// The entries of active adapters that reach the head.
fn reaching(embedding: &Param<Tensor<2>>) -> impl Iterator<Item = &Entry> {
    let adapters = embedding.reparameterization::<Adapters>();
    let entries = adapters.map(|adapters| adapters.entries.iter());
    entries.into_iter().flatten().filter(|entry| {
        entry.status == Status::Active && (entry.role == Role::TiedHead || entry.tied)
    })
}

/// Those of them that are low-rank updates.
fn low_rank(embedding: &Param<Tensor<2>>) -> impl Iterator<Item = (Role, &LoraFactors)> {
    reaching(embedding).filter_map(|entry| match &entry.layer {
        AdapterLayer::Lora(lora) => Some((entry.role, lora)),
        _ => None,
    })
}
