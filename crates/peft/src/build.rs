//! From a plan and its values to what parameters carry.

use std::{collections::BTreeMap, collections::HashMap, sync::Arc};

use burn::{
    module::{Module, Param},
    nn::DropoutConfig,
    tensor::{DType, Device, Tensor, TensorData},
};

use crate::{
    AdapterConfig, AdapterLayer, Ia3Bias, Ia3Vector, InitialFactors, LoraFactors, PromptEmbeddings,
    Replacement, VeraVectors,
    plan::{Field, Kind, Plan, Planned},
    state::{Adapters, Entry, Rewrite, Status},
    values::Values,
};

/// VeRA's shared projections in burn's layout, `[largest d_input, rank]` and
/// `[rank, largest d_output]`.
pub(crate) type Projections = [Vec<f32>; 2];

/// Everything that an adapter is made of, ready to be put on a module.
pub(crate) struct Build {
    /// The adapter's name.
    pub name: String,
    /// Its settings.
    pub config: Arc<AdapterConfig>,
    /// Whether it is switched on.
    pub status: Status,
    /// What goes where.
    pub plan: Plan,
    /// One for each layer of the plan.
    pub values: Vec<Values>,
    /// VeRA's.
    pub projections: Option<Projections>,
    /// Whether every stored value stops being trained.
    pub freeze: bool,
}

impl Build {
    /// Puts the adapter on a module that carries `carried`.
    pub(crate) fn install<M: Module>(
        self,
        module: M,
        mut carried: BTreeMap<String, Adapters>,
    ) -> M {
        debug_assert_eq!(self.plan.layers.len(), self.values.len());
        let mut shared: HashMap<String, [Tensor<2>; 2]> = HashMap::new();
        let mut rewrite = Rewrite {
            freeze: self.freeze,
            ..Rewrite::default()
        };
        for (planned, values) in self.plan.layers.iter().zip(self.values) {
            if let Some(residual) = &values.residual {
                let flat = TensorData::new(residual.clone(), [residual.len()]);
                let device = planned.device.clone().inner();
                let flat = Tensor::from_data(flat, (&device, DType::F32));
                // Each such adapter takes its own part out of the weight.
                let others = carried.get(&planned.param).into_iter();
                let others = others.flat_map(|adapters| &adapters.entries);
                let flat = others.filter_map(|entry| entry.layer.initial()).fold(
                    flat,
                    |rest, (lora, initial)| {
                        let part = initial.without_autodiff().delta(lora.scale);
                        rest - part.reshape([residual.len()])
                    },
                );
                rewrite.bases.insert(planned.param.clone(), flat);
            }
            let layer = match (&planned.kind, &self.projections) {
                (Kind::Vera { rank }, Some(projections)) => {
                    // One copy on each device serves all its layers.
                    let [a, b] = shared
                        .entry(format!("{:?}", planned.device))
                        .or_insert_with(|| {
                            let [d_input, d_output] = self.plan.largest;
                            [
                                constant(&projections[0], [d_input, *rank], &planned.device),
                                constant(&projections[1], [*rank, d_output], &planned.device),
                            ]
                        })
                        .clone();
                    let mut fields = Fields::new(values, &planned.device, self.status);
                    AdapterLayer::Vera(VeraVectors {
                        lambda_b: fields.vector(Field::LambdaB),
                        lambda_d: fields.vector(Field::LambdaD),
                        a,
                        b,
                        dropout: DropoutConfig::new(self.config.dropout()).init(),
                    })
                }
                _ => layer(planned, values, &self.config, self.status),
            };
            let entry = Entry {
                name: self.name.clone(),
                config: self.config.clone(),
                module: planned.module.clone(),
                status: self.status,
                role: planned.role,
                tied: planned.tied.is_some(),
                slots: planned.slots(),
                layer,
            };
            let adapters = carried.entry(planned.param.clone()).or_default();
            adapters.entries.push(entry);
            let adapters = adapters.clone();
            rewrite.adapters.insert(planned.param.clone(), adapters);
        }
        rewrite.apply(module)
    }
}

/// A layer with the values given.
fn layer(
    planned: &Planned,
    values: Values,
    config: &AdapterConfig,
    status: Status,
) -> AdapterLayer {
    let [d_input, d_output] = planned.dims;
    let device = &planned.device;
    let initial = values.initial.clone();
    let mut fields = Fields::new(values, device, status);
    match &planned.kind {
        &Kind::Lora {
            rank, scale, dora, ..
        } => AdapterLayer::Lora(LoraFactors {
            a: fields.matrix(Field::A, [d_input, rank]),
            b: fields.matrix(Field::B, [rank, d_output]),
            magnitude: dora.then(|| fields.vector(Field::Magnitude)),
            scale,
            dropout: DropoutConfig::new(config.dropout()).init(),
            initial: initial.map(|[a, b]| InitialFactors {
                a: constant(&a, [d_input, rank], device),
                b: constant(&b, [rank, d_output], device),
            }),
        }),
        Kind::Ia3 { feedforward } => AdapterLayer::Ia3(Ia3Vector {
            scales: fields.vector(Field::Scales),
            feedforward: *feedforward,
        }),
        Kind::Ia3Bias => AdapterLayer::Ia3Bias(Ia3Bias {}),
        Kind::Vera { .. } => unreachable!("VeRA is built where its shared projections are at hand"),
        Kind::Replacement {
            shape, transpose, ..
        } => {
            let count: usize = shape.iter().product();
            let columns = if *transpose {
                shape.first()
            } else {
                shape.last()
            };
            let columns = columns.copied().unwrap_or(1).max(1);
            let value = fields.matrix(Field::Value, [count / columns, columns]);
            AdapterLayer::Replacement(Replacement { value })
        }
        Kind::Prompt { tokens } => AdapterLayer::Prompt(PromptEmbeddings {
            embeddings: fields.matrix(Field::Embeddings, [*tokens, d_output]),
        }),
    }
}

/// Values on their way to parameters.
struct Fields<'a> {
    values: Values,
    device: &'a Device,
    trained: bool,
}

impl<'a> Fields<'a> {
    fn new(values: Values, device: &'a Device, status: Status) -> Self {
        Self {
            values,
            device,
            trained: status == Status::Active,
        }
    }

    fn matrix(&mut self, field: Field, shape: [usize; 2]) -> Param<Tensor<2>> {
        self.param(field, shape)
    }

    fn vector(&mut self, field: Field) -> Param<Tensor<1>> {
        let length = self.values.fields.get(&field).map_or(0, Vec::len);
        self.param(field, [length])
    }

    /// A trainable f32 parameter, in memory that burn keeps for parameters.
    fn param<const D: usize>(&mut self, field: Field, shape: [usize; D]) -> Param<Tensor<D>> {
        let values = self.values.fields.remove(&field).unwrap_or_default();
        let data = TensorData::new(values, shape);
        let param = self.device.memory_persistent_allocations(data, |data| {
            Param::from_tensor(Tensor::from_data(data, (self.device, DType::F32)))
        });
        param.set_require_grad(self.trained)
    }
}

/// Values that are never trained.
fn constant(values: &[f32], shape: [usize; 2], device: &Device) -> Tensor<2> {
    let data = TensorData::new(values.to_vec(), shape);
    device.memory_persistent_allocations(data, |data| Tensor::from_data(data, (device, DType::F32)))
}
