//! A model with its adapters, and the loss of a micro-batch.

use std::path::Path;

use anneal_data::MicroBatch;
use anneal_llama::{LlamaConfig, LlamaForCausalLM, LoadOptions, LoadedModel, load_with};
use anneal_peft::{load_adapter, merge};
use anneal_train::TokenLoss;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::ExampleError;

/// Loads a model, and adapters onto it if any are given.
///
/// Several add up, as PEFT's do that are active at once. A layer carries one:
/// all but the last are merged into the weights, in f32, and rounded to the
/// type of the weights.
///
/// # Errors
/// What [`load_with`], [`load_adapter`] and [`merge`] refuse.
pub fn open_model<'a>(
    model: &Path,
    adapters: impl IntoIterator<Item = &'a Path>,
    options: &LoadOptions,
    device: &Device,
) -> Result<LoadedModel, ExampleError> {
    let mut loaded = load_with(model, options, device)?;
    let mut adapters = adapters.into_iter().peekable();
    while let Some(adapter) = adapters.next() {
        let (model, _, report) = load_adapter(loaded.model, adapter)?;
        if report.has_no_effect() {
            use std::io::Write;
            let _ = writeln!(
                std::io::stderr(),
                "warning: {}: every update of this adapter is zero; it changes nothing",
                adapter.display()
            );
        }
        loaded.model = match adapters.peek() {
            Some(_) => merge(model)?,
            None => model,
        };
    }
    Ok(loaded)
}

/// The summed loss of a micro-batch's targets.
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
    let sum = model.token_loss(ids, flat(&places), flat(&targets), config);
    TokenLoss::new(sum, targets.len())
}
