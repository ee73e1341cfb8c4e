//! A model with its adapters, and the loss of a micro-batch.

use std::path::Path;

use anneal_data::MicroBatch;
use anneal_llama::{
    BlockTape, LlamaConfig, LlamaForCausalLM, LoadOptions, LoadedModel, Segments, load_with,
};
use anneal_peft::{DEFAULT_ADAPTER, load_adapter_as, set_active};
use anneal_train::{ProgressReport, TokenLoss};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{ExampleError, resolve_model};

/// Loads a model, from a path or a Hub id, and adapters onto it if any are given.
///
/// Several add up, as PEFT's do that are active at once.
///
/// # Errors
/// What [`resolve_model`], [`load_with`], [`load_adapter_as`] and [`set_active`]
/// refuse.
pub fn open_model<'a>(
    model: &Path,
    adapters: impl IntoIterator<Item = &'a Path>,
    options: &LoadOptions,
    device: &Device,
) -> Result<LoadedModel, ExampleError> {
    let path = resolve_model(model, ProgressReport::Auto)?;
    let mut loaded = load_with(&path, options, device)?;
    let mut names = Vec::new();
    for (index, adapter) in adapters.into_iter().enumerate() {
        let name = match index {
            0 => DEFAULT_ADAPTER.to_owned(),
            _ => format!("{DEFAULT_ADAPTER}-{}", index + 1),
        };
        let (model, _, report) = load_adapter_as(loaded.model, &name, adapter)?;
        loaded.model = model;
        names.push(name);
        if report.has_no_effect {
            use std::io::Write;
            let _ = writeln!(
                std::io::stderr(),
                "warning: {}: every update of this adapter is zero; it changes nothing",
                adapter.display()
            );
        }
    }
    if names.len() > 1 {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        loaded.model = set_active(loaded.model, &names)?;
    }
    Ok(loaded)
}

/// A micro-batch as a model takes it.
struct Inputs {
    ids: Tensor<2, Int>,
    places: Tensor<1, Int>,
    targets: Tensor<1, Int>,
    /// Where several examples share a row.
    segments: Option<Segments>,
}

impl Inputs {
    fn new(batch: &MicroBatch, device: &Device) -> Self {
        let ids: Vec<i64> = batch.input_ids.iter().map(|&id| id.into()).collect();
        let places = &batch.targets.positions;
        let places: Vec<i64> = places.iter().map(|&at| at as i64).collect();
        let targets: Vec<i64> = batch.targets.ids.iter().map(|&id| id.into()).collect();
        let flat = |values: &[i64]| Tensor::<1, Int>::from_data(values, device);
        Self {
            ids: Tensor::from_data(TensorData::new(ids, [batch.rows, batch.width]), device),
            places: flat(&places),
            targets: flat(&targets),
            // Padding on the right needs no mask, and a causal one is the fastest.
            segments: batch
                .is_packed()
                .then(|| Segments::new(&batch.segments, batch.width)),
        }
    }
}

/// The loss of each of a micro-batch's targets, in their order; the examples of a packed row do not see
/// each other.
pub fn token_losses(
    model: &LlamaForCausalLM,
    batch: &MicroBatch,
    label_smoothing: f64,
    config: &LlamaConfig,
    device: &Device,
) -> Tensor<1> {
    let Inputs {
        ids,
        places,
        targets,
        segments,
    } = Inputs::new(batch, device);
    match &segments {
        Some(segments) => {
            model.token_losses_packed(ids, segments, places, targets, label_smoothing, config)
        }
        None => model.token_losses(ids, places, targets, label_smoothing, config),
    }
}

/// The same losses with a tape in place of the graph of the model's blocks: see [`BlockTape`].
pub fn token_losses_taped(
    model: &LlamaForCausalLM,
    batch: &MicroBatch,
    label_smoothing: f64,
    config: &LlamaConfig,
    device: &Device,
) -> (Tensor<1>, BlockTape) {
    let Inputs {
        ids,
        places,
        targets,
        segments,
    } = Inputs::new(batch, device);
    let segments = segments.as_ref();
    model.token_losses_taped(ids, segments, places, targets, label_smoothing, config)
}

/// The summed loss of a micro-batch's targets.
pub fn token_loss(
    model: &LlamaForCausalLM,
    batch: &MicroBatch,
    config: &LlamaConfig,
    device: &Device,
) -> TokenLoss {
    let losses = token_losses(model, batch, 0.0, config, device);
    TokenLoss::new(losses.sum(), batch.targets.ids.len())
}

/// The module path of the first layer whose output for a micro-batch is not finite, if there is one.
pub fn first_non_finite(
    model: &LlamaForCausalLM,
    batch: &MicroBatch,
    config: &LlamaConfig,
    device: &Device,
) -> Option<String> {
    let Inputs { ids, segments, .. } = Inputs::new(batch, device);
    model.first_non_finite(ids, segments.as_ref(), config)
}
