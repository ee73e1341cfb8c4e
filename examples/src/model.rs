//! A model with its adapter, and the loss of a micro-batch.

use std::path::Path;

use anneal_data::MicroBatch;
use anneal_llama::{LlamaConfig, LlamaForCausalLM, LoadedModel, load};
use anneal_peft::load_adapter;
use anneal_train::{ProgressReport, TokenLoss};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{ExampleError, resolve_model};

/// Loads a model, from a path or a Hub id, and an adapter onto it if one is given.
///
/// # Errors
/// What [`resolve_model`], [`load`] and [`load_adapter`] refuse.
pub fn open_model(
    model: &Path,
    adapter: Option<&Path>,
    device: &Device,
) -> Result<LoadedModel, ExampleError> {
    let path = resolve_model(model, ProgressReport::Auto)?;
    let mut loaded = load(&path, device)?;
    if let Some(adapter) = adapter {
        let (model, _, report) = load_adapter(loaded.model, adapter)?;
        if report.has_no_effect() {
            use std::io::Write;
            let _ = writeln!(
                std::io::stderr(),
                "warning: {}: every update of this adapter is zero; it changes nothing",
                adapter.display()
            );
        }
        loaded.model = model;
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
