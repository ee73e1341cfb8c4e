//! One step of a run: seeds, losses, gradients, the update, and the parts of the loss.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::seed::micro_batch_seed;
use super::validation::PartLoss;
use crate::error::Result;
use crate::loss::LossPart;
use crate::objective::{Objective, StepData};
use crate::trainer::{StepReport, Trainer};

/// Runs one optimiser step. On an error the model is as before, the data are one step further.
pub(super) fn step<M: Module, B>(
    trainer: &mut Trainer,
    model: &mut M,
    objective: &impl Objective<M, B>,
    data: &StepData<B>,
    seed: u64,
) -> Result<(StepReport, BTreeMap<String, PartLoss>)> {
    let devices: Vec<Device> = model.devices().into_iter().collect();
    let mut accumulator = trainer.begin();
    for (index, batch) in data.micro_batches.iter().enumerate() {
        reseed(&devices, seed, trainer.steps(), index);
        objective.accumulate(model, batch, &mut accumulator)?;
    }
    accumulator.count_tokens(data.tokens);
    let parts = accumulator.take_parts();
    let report = trainer.apply(model, accumulator)?;
    Ok((report, mean_parts(parts)))
}

/// Seeds what a micro-batch draws (dropout), so that a resumed run draws the same.
pub(super) fn reseed(devices: &[Device], seed: u64, steps_done: u64, micro_batch: usize) {
    for device in devices {
        device.seed(micro_batch_seed(seed, steps_done, micro_batch));
    }
}

/// Adds the parts of all micro-batches by name, in f64. Waits for the device, once for all.
fn mean_parts(parts: Vec<LossPart>) -> BTreeMap<String, PartLoss> {
    let parts: Vec<LossPart> = parts.into_iter().filter(|part| part.count > 0).collect();
    let mut totals = BTreeMap::<String, PartLoss>::new();
    if parts.is_empty() {
        return totals;
    }
    let sums = parts.iter().map(|part| part.sum.clone()).collect();
    let sums = Tensor::cat(sums, 0).into_data();
    for (part, sum) in parts.iter().zip(sums.iter::<f64>()) {
        let none = PartLoss {
            loss: 0.0,
            tokens: 0,
        };
        let total = totals.entry(part.name.to_owned()).or_insert(none);
        total.loss += sum;
        total.tokens += part.count as u64;
    }
    for total in totals.values_mut() {
        total.loss /= total.tokens as f64;
    }
    totals
}
