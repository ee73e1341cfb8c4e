//! Attaching adapters to the linear layers of any burn module.

use std::collections::HashMap;

use burn::{
    module::{Module, Param, Reparameterizer},
    nn::DropoutConfig,
    tensor::{DType, Device, Tensor, TensorData},
};

use crate::{
    AttachReport, LoraConfig, PeftError,
    init::kaiming_uniform,
    lora::LoraFactors,
    select::{Plan, PlannedLayer, plan},
};

/// Freezes a module and gives the layers that `config` names a fresh adapter.
///
/// `A` is drawn from `U(-1/√d_input, 1/√d_input)`, PEFT's default, and `B` is
/// zero, so that the module computes what it did before. The values depend on
/// `seed` and each layer's path alone. The factors are f32 on the layer's
/// device, whatever the type of its weight. Every other parameter is frozen.
///
/// Any module will do. Those whose forward calls
/// [`LinearExt::forward_adapted`](crate::LinearExt::forward_adapted) train in
/// activation space; the others see the sum of weight and update. Layers are
/// known by the name of their type: one of your own called `Linear` is adapted
/// too where it has a rank-2 `weight`.
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
/// nothing, or a layer that already carries an adapter.
pub fn attach<M: Module>(
    module: M,
    config: &LoraConfig,
    seed: u64,
) -> Result<(M, AttachReport), PeftError> {
    let plan = plan(&module, config)?;
    let mut values = Vec::with_capacity(plan.layers.len());
    for PlannedLayer { site, rank, .. } in &plan.layers {
        if *rank > site.d_input.min(site.d_output) {
            return Err(PeftError::RankTooLarge {
                path: site.path.clone(),
                rank: *rank,
                d_input: site.d_input,
                d_output: site.d_output,
            });
        }
        values.push(Values {
            a: kaiming_uniform(seed, &site.path, site.d_input, *rank),
            b: vec![0.0; rank * site.d_output],
        });
    }
    Ok(install(module, plan, values))
}

/// Values of one layer's factors, in row-major order.
pub(crate) struct Values {
    /// `A`, `[d_input, rank]`.
    pub a: Vec<f32>,
    /// `B`, `[rank, d_output]`.
    pub b: Vec<f32>,
}

/// Carries a plan out with one [`Values`] for each of its layers.
pub(crate) fn install<M: Module>(module: M, plan: Plan, values: Vec<Values>) -> (M, AttachReport) {
    debug_assert_eq!(plan.layers.len(), values.len());
    let adapted: Vec<String> = plan.layers.iter().map(|l| l.site.path.clone()).collect();
    let trainable_params = plan
        .layers
        .iter()
        .map(|l| l.rank * (l.site.d_input + l.site.d_output))
        .sum();
    let layers = plan.layers.into_iter().zip(values);
    let layers = layers
        .map(|(layer, values)| (format!("{}.weight", layer.site.path), (layer, values)))
        .collect();
    let module = module.apply_reparameterization(Install {
        layers,
        dropout: plan.dropout,
    });
    let report = AttachReport {
        adapted,
        unmatched: plan.unmatched,
        trainable_params,
        all_params: module.num_params(),
    };
    (module, report)
}

/// Freezes every parameter and attaches factors to the planned ones.
struct Install {
    /// By the path of the weight.
    layers: HashMap<String, (PlannedLayer, Values)>,
    dropout: f64,
}

impl Reparameterizer for Install {
    type Reparam = LoraFactors;

    fn reparameterize<const D: usize>(
        &mut self,
        path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<LoraFactors>) {
        let device = param.lazy_device();
        let param = param.set_require_grad(false);
        let factors = self.layers.remove(path).map(|(layer, values)| LoraFactors {
            a: factor(values.a, [layer.site.d_input, layer.rank], &device),
            b: factor(values.b, [layer.rank, layer.site.d_output], &device),
            scale: layer.scale,
            dropout: DropoutConfig::new(self.dropout).init(),
        });
        (param, factors)
    }
}

/// A trainable f32 parameter, in memory that burn keeps for parameters.
fn factor(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Param<Tensor<2>> {
    device.memory_persistent_allocations(TensorData::new(values, shape), |data| {
        Param::from_tensor(Tensor::from_data(data, (device, DType::F32)))
    })
}
