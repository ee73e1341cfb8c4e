//! A model with its adapters, and the loss of a micro-batch.

use std::path::Path;

use anneal_data::MicroBatch;
use anneal_llama::{LlamaConfig, LlamaForCausalLM, LoadOptions, LoadedModel, Segments, load_with};
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

/// The summed loss of a micro-batch's targets; the examples of a packed row do
/// not see each other.
pub fn token_loss(
    model: &LlamaForCausalLM,
    batch: &MicroBatch,
    config: &LlamaConfig,
    device: &Device,
) -> TokenLoss {
    let ids: Vec<i64> = batch.input_ids.iter().map(|&id| id.into()).collect();
    let ids = Tensor::from_data(TensorData::new(ids, [batch.rows, batch.width]), device);
    let places: Vec<i64> = batch
        .targets
        .positions
        .iter()
        .map(|&at| at as i64)
        .collect();
    let targets: Vec<i64> = batch.targets.ids.iter().map(|&id| id.into()).collect();
    let flat = |values: &[i64]| Tensor::<1, Int>::from_data(values, device);
    let (places, labels) = (flat(&places), flat(&targets));
    let sum = if batch.is_packed() {
        let segments = Segments::new(&batch.segments, batch.width);
        model.token_loss_packed(ids, &segments, places, labels, config)
    } else {
        // Padding on the right needs no mask, and a causal one is the fastest.
        model.token_loss(ids, places, labels, config)
    };
    TokenLoss::new(sum, targets.len())
}
