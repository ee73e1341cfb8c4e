//! Several named adapters on one module.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::Module;

use crate::{
    AdapterConfig, PeftError,
    state::{self, Adapters, Entry, Rewrite, Role, Status},
};

/// An adapter that a module carries.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterInfo {
    /// Its name.
    pub name: String,
    /// Its settings.
    pub config: AdapterConfig,
    /// Whether it takes part.
    pub status: Status,
    /// The paths of the modules that it adapts or trains.
    pub modules: Vec<String>,
}

/// The adapters of a module, by name.
pub fn adapters<M: Module>(module: &M) -> Vec<AdapterInfo> {
    let mut found: BTreeMap<String, AdapterInfo> = BTreeMap::new();
    for carried in state::read(module).into_values() {
        for entry in carried.entries {
            let info = found
                .entry(entry.name.clone())
                .or_insert_with(|| AdapterInfo {
                    name: entry.name.clone(),
                    config: (*entry.config).clone(),
                    status: entry.status,
                    modules: Vec::new(),
                });
            if !info.modules.contains(&entry.module) {
                info.modules.push(entry.module);
            }
        }
    }
    found.into_values().collect()
}

/// Switches these adapters on and all others off.
///
/// Active ones are trained, the others are not. Several add up, which only
/// updates that are sums can: plain LoRA and VeRA. None at all is the base
/// model (see [`disabled`] for a copy of it).
///
/// ```
/// use anneal_peft::{LoraConfig, TargetModules, adapters, add_adapter, attach, set_active};
/// use burn::{module::Module, nn::{Linear, LinearConfig}, tensor::Device};
///
/// #[derive(Module, Debug)]
/// struct Net { proj: Linear }
///
/// let net = Net { proj: LinearConfig::new(3, 2).init(&Device::default()) };
/// let config = LoraConfig::new(TargetModules::names(["proj"])).with_r(1);
/// let (net, _) = attach(net, &config, 1)?;
/// let (net, _) = add_adapter(net, "sql", &config, 2)?;
/// let net = set_active(net, &["sql"])?;
/// let active: Vec<bool> = adapters(&net)
///     .iter()
///     .map(|adapter| adapter.status == anneal_peft::Status::Active)
///     .collect();
/// assert_eq!(active, [false, true]);
/// # Ok::<(), anneal_peft::PeftError>(())
/// ```
///
/// # Errors
///
/// A name that no adapter has; adapters that don't add up; an adapter that is
/// merged (see [`unmerge_adapter`](crate::unmerge_adapter)).
pub fn set_active<M: Module>(module: M, names: &[&str]) -> Result<M, PeftError> {
    let mut carried = state::read(&module);
    for name in names {
        check_known(&carried, name)?;
    }
    check_unmerged(&carried)?;
    for (path, adapters) in &carried {
        check_sum(path, adapters, names)?;
    }
    for entry in carried.values_mut().flat_map(|a| a.entries.iter_mut()) {
        let active = names.contains(&entry.name.as_str());
        *entry = entry.clone().switched(active);
    }
    Ok(put(module, carried))
}

/// A copy of the module without its adapters' effect: the reference of a
/// preference loss. It shares its weights with the module, which stays as it is.
///
/// ```
/// use anneal_peft::{LinearExt, LoraConfig, TargetModules, attach, disabled};
/// use burn::{module::Module, nn::{Linear, LinearConfig}, tensor::{Device, Tensor}};
///
/// #[derive(Module, Debug)]
/// struct Net { proj: Linear }
///
/// let device = Device::default();
/// let net = Net { proj: LinearConfig::new(3, 2).init(&device) };
/// let x = Tensor::<2>::ones([1, 3], &device);
/// let base = net.proj.forward(x.clone());
/// let config = LoraConfig::new(TargetModules::names(["proj"]))
///     .with_r(1)
///     .with_init_lora_weights(anneal_peft::InitLoraWeights::Random);
/// let (net, _) = attach(net, &config, 1)?;
/// let reference = disabled(&net)?;
/// assert_eq!(reference.proj.forward_adapted(x.clone()).to_data(), base.to_data());
/// assert_ne!(net.proj.forward_adapted(x).to_data(), base.to_data());
/// # Ok::<(), anneal_peft::PeftError>(())
/// ```
///
/// # Errors
///
/// [`PeftError::Merged`] where an adapter is part of the weights.
pub fn disabled<M: Module>(module: &M) -> Result<M, PeftError> {
    set_active(module.clone(), &[])
}

/// Takes an adapter off.
///
/// What PiSSA and OLoRA took out of the weights at the start is put back, in
/// f32 and rounded once.
///
/// # Errors
///
/// A name that no adapter has, or an adapter that is merged: what unmerging
/// gives back would still have this one's part taken out.
pub fn remove_adapter<M: Module>(module: M, name: &str) -> Result<M, PeftError> {
    let mut carried = state::read(&module);
    check_known(&carried, name)?;
    check_unmerged(&carried)?;
    let mut rewrite = Rewrite::default();
    let anatomy = crate::traverse::Anatomy::of(&module);
    for (path, adapters) in &mut carried {
        let gone: Vec<Entry> = adapters
            .entries
            .extract_if(.., |entry| entry.name == name)
            .collect();
        for (lora, initial) in gone.iter().filter_map(|entry| entry.layer.initial()) {
            if let Some(matrix) = anatomy.param(path).and_then(|site| site.matrix.as_ref()) {
                let base = matrix.val().without_autodiff();
                let base = base.cast(burn::tensor::DType::F32);
                let whole = base + initial.without_autodiff().delta(lora.scale);
                let count = whole.shape().num_elements();
                rewrite.bases.insert(path.clone(), whole.reshape([count]));
            }
        }
    }
    rewrite.adapters = carried.into_iter().collect();
    Ok(state::drop_idle(rewrite.apply(module)))
}

/// Puts changed adapters back on the module that carries them.
pub(crate) fn put<M: Module>(module: M, carried: BTreeMap<String, Adapters>) -> M {
    let rewrite = Rewrite {
        adapters: carried.into_iter().collect(),
        ..Rewrite::default()
    };
    rewrite.apply(module)
}

/// Every entry of every parameter.
pub(crate) fn entries(carried: &BTreeMap<String, Adapters>) -> impl Iterator<Item = &Entry> {
    carried
        .values()
        .flat_map(|adapters| adapters.entries.iter())
}

/// Refuses a module whose weights hold an adapter: they are not the base's.
pub(crate) fn check_unmerged(carried: &BTreeMap<String, Adapters>) -> Result<(), PeftError> {
    match entries(carried).find(|entry| entry.status == Status::Merged) {
        Some(entry) => Err(PeftError::Merged {
            name: entry.name.clone(),
        }),
        None => Ok(()),
    }
}

/// Refuses a name that no adapter has.
pub(crate) fn check_known(
    carried: &BTreeMap<String, Adapters>,
    name: &str,
) -> Result<(), PeftError> {
    let known: BTreeSet<&str> = entries(carried).map(|entry| entry.name.as_str()).collect();
    if known.contains(name) {
        return Ok(());
    }
    if known.is_empty() {
        return Err(PeftError::NotAdapted);
    }
    Err(PeftError::UnknownAdapter {
        name: name.into(),
        known: known.into_iter().map(String::from).collect(),
    })
}

/// What an adapter is at first: active where the module carries no other, and
/// inactive beside others, as in PEFT.
pub(crate) fn status_of_new(carried: &BTreeMap<String, Adapters>) -> Status {
    match entries(carried).next() {
        None => Status::Active,
        Some(_) => Status::Inactive,
    }
}

/// Refuses a name that a new adapter can't have.
pub(crate) fn check_new_name(
    carried: &BTreeMap<String, Adapters>,
    name: &str,
) -> Result<(), PeftError> {
    // A dot would make two segments of one in a parameter's path.
    if name.is_empty() || name.contains('.') {
        return Err(PeftError::InvalidSetting {
            field: "the adapter's name".into(),
            found: format!("{name:?}"),
            expected: "a text without dots, of at least one character",
        });
    }
    if entries(carried).any(|entry| entry.name == name) {
        return Err(PeftError::NameTaken { name: name.into() });
    }
    Ok(())
}

/// Refuses adapters that don't add up on a parameter.
fn check_sum(path: &str, adapters: &Adapters, names: &[&str]) -> Result<(), PeftError> {
    for role in [Role::Parameter, Role::TiedHead] {
        let chosen = || {
            adapters
                .entries
                .iter()
                .filter(|entry| entry.role == role && names.contains(&entry.name.as_str()))
        };
        if chosen().count() > 1
            && let Some(entry) = chosen().find(|entry| !entry.layer.is_additive())
        {
            return Err(PeftError::NotAdditive {
                name: entry.name.clone(),
                path: path.into(),
            });
        }
    }
    Ok(())
}

impl Entry {
    /// This entry, switched on or off; its values are trained while it is on.
    pub(crate) fn switched(self, active: bool) -> Self {
        let status = if active {
            Status::Active
        } else {
            Status::Inactive
        };
        Self {
            status,
            layer: self.layer.set_require_grad(active),
            ..self
        }
    }
}
