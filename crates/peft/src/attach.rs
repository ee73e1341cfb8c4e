//! Attaching fresh adapters to any burn module.

use std::{collections::BTreeMap, sync::Arc};

use burn::module::Module;

use crate::{
    AdapterConfig, AttachReport, PeftError,
    build::{Build, Projections},
    init,
    named::{check_new_name, check_unmerged, status_of_new},
    plan::{Plan, Planned},
    state::{self, Adapters, Status},
    traverse::Anatomy,
    values::{self, Weights},
};

/// The name that an adapter has where none is given, as in PEFT.
pub const DEFAULT_ADAPTER: &str = "default";

/// Freezes a module and gives what `config` names a fresh adapter.
///
/// The adapter is called [`DEFAULT_ADAPTER`] and is active. A fresh one changes
/// nothing in what the module computes, whatever its initialisation (with
/// `init_lora_weights = false` it does, as in PEFT). Its values depend on
/// `seed` and each layer's path alone. They are f32 on the layer's device,
/// whatever the type of its weight. Every other parameter is frozen.
///
/// Any module will do. Those whose forward calls
/// [`LinearExt::forward_adapted`](crate::LinearExt::forward_adapted) train in
/// activation space; the others see the sum of weight and update. Layers are
/// known by the name of their type: one of your own called `Linear` is adapted
/// too where it has a rank-2 `weight`.
///
/// One thing only activation space can do: IA3 scales a layer's output with
/// its bias, so that [`Linear::forward`](burn::nn::Linear::forward) of such a
/// layer panics rather than leave the bias as it is.
///
/// A record of the adapted module holds the trained values, and not what PiSSA
/// and OLoRA began with: load it into a module that was adapted with the same
/// settings and seed.
///
/// Attach to a module whose weights are loaded: burn's clones of a module that
/// has not been initialised share their state, and freezing one freezes all.
///
/// ```
/// use anneal_peft::{LinearExt, LoraConfig, TargetModules, attach};
/// use burn::{module::Module, nn::{Linear, LinearConfig}, tensor::{Device, Tensor}};
///
/// #[derive(Module, Debug)]
/// struct Net {
///     up: Linear,
///     down: Linear,
/// }
///
/// let device = Device::default().autodiff();
/// let net = Net {
///     up: LinearConfig::new(16, 64).init(&device),
///     down: LinearConfig::new(64, 3).init(&device),
/// };
/// let config = LoraConfig::new(TargetModules::names(["up"])).with_r(4);
/// let (net, report) = attach(net, &config, 42)?;
/// assert_eq!(report.adapted, ["up"]);
/// assert_eq!(report.trainable_params, 4 * (16 + 64));
///
/// let x = Tensor::<2>::ones([2, 16], &device);
/// let grads = net.down.forward_adapted(net.up.forward_adapted(x)).sum().backward();
/// assert!(net.up.weight.base().grad(&grads).is_none());
/// # Ok::<(), anneal_peft::PeftError>(())
/// ```
///
/// # Errors
///
/// Settings out of range, a rank above a layer's own, targets that match
/// nothing, or a module that already carries adapters (see
/// [`add_adapter`](crate::add_adapter)). The module given is consumed; clone
/// it first to have it back (clones share their weights).
pub fn attach<M: Module>(
    module: M,
    config: impl Into<AdapterConfig>,
    seed: u64,
) -> Result<(M, AttachReport), PeftError> {
    let carried = state::read(&module);
    if let Some((path, adapters)) = carried.iter().find(|(_, a)| !a.entries.is_empty()) {
        return Err(PeftError::AlreadyAdapted {
            path: path.clone(),
            name: adapters.entries[0].name.clone(),
        });
    }
    fresh(
        module,
        carried,
        DEFAULT_ADAPTER,
        config.into(),
        seed,
        Status::Active,
    )
}

/// Adds a fresh adapter beside those that the module carries.
///
/// It is inactive, as in PEFT, unless it is the first;
/// [`set_active`](crate::set_active) switches it on.
///
/// # Errors
///
/// As [`attach`]'s, a name that is taken, empty or holds a dot, and an adapter
/// that is merged (see [`unmerge_adapter`](crate::unmerge_adapter)).
pub fn add_adapter<M: Module>(
    module: M,
    name: &str,
    config: impl Into<AdapterConfig>,
    seed: u64,
) -> Result<(M, AttachReport), PeftError> {
    let carried = state::read(&module);
    check_new_name(&carried, name)?;
    check_unmerged(&carried)?;
    let status = status_of_new(&carried);
    fresh(module, carried, name, config.into(), seed, status)
}

fn fresh<M: Module>(
    module: M,
    carried: BTreeMap<String, Adapters>,
    name: &str,
    config: AdapterConfig,
    seed: u64,
    status: Status,
) -> Result<(M, AttachReport), PeftError> {
    let anatomy = Anatomy::of(&module);
    let plan = Plan::new(&anatomy, &config)?;
    plan.refuse_unknown()?;
    let weights = Weights {
        anatomy: &anatomy,
        carried: &carried,
    };
    let values = plan
        .layers
        .iter()
        .map(|planned| values::fresh(planned, &config, seed, &weights))
        .collect::<Result<Vec<_>, _>>()?;
    let projections = projections(&config, &plan);
    Ok(install(
        module,
        carried,
        Build {
            name: name.into(),
            config: Arc::new(config),
            status,
            plan,
            values,
            projections,
            freeze: true,
        },
    ))
}

/// VeRA's shared projections, which are the same for everybody with the key.
pub(crate) fn projections(config: &AdapterConfig, plan: &Plan) -> Option<Projections> {
    let AdapterConfig::Vera(vera) = config else {
        return None;
    };
    let [d_input, d_output] = plan.largest;
    let (a, b) = init::vera_projections(vera.projection_prng_key, vera.r, d_input, d_output);
    Some([
        transposed(&a, [vera.r, d_input]),
        transposed(&b, [d_output, vera.r]),
    ])
}

/// A row-major matrix turned on its side.
pub(crate) fn transposed(values: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
    let order = (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column));
    order.map(|index| values[index]).collect()
}

/// The names in `target_modules` and `modules_to_save` that match nothing.
fn unmatched(plan: &Plan) -> Vec<String> {
    let unknown = plan.unknown.iter().map(|(name, _)| name);
    plan.unmatched.iter().chain(unknown).cloned().collect()
}

/// Puts a built adapter on the module and says what it did.
pub(crate) fn install<M: Module>(
    module: M,
    carried: BTreeMap<String, Adapters>,
    build: Build,
) -> (M, AttachReport) {
    let copies = build.plan.layers.iter();
    let biases = copies
        .filter(|planned| planned.is_bias())
        .flat_map(Planned::slots)
        .map(|slot| slot.len())
        .sum::<usize>();
    let mut report = AttachReport {
        adapted: build.plan.adapted().map(String::from).collect(),
        unmatched: unmatched(&build.plan),
        trainable_params: build
            .plan
            .layers
            .iter()
            .flat_map(|planned| planned.slots())
            .filter(|slot| !slot.mirror)
            .map(|slot| slot.len())
            .sum(),
        all_params: 0,
    };
    let module = build.install(module, carried);
    // A trained bias is the layer's own to PEFT, and a copy here.
    report.all_params = module.num_params() - biases;
    (module, report)
}
