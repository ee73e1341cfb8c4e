//! The plan of a run, from its settings, model and data.

use anneal_llama::LoadedModel;
use anneal_peft::AdapterConfig;
use anneal_train::trained_parameters;

use super::rows::Prepared;
use crate::plan::{Plan, PlanInput};
use crate::settings::Settings;

/// What the run will do and need.
pub(super) fn plan(
    settings: &Settings,
    loaded: &LoadedModel,
    all_parameters: usize,
    prepared: &Prepared,
) -> Plan {
    Plan::new(PlanInput {
        config: &loaded.config,
        device: &settings.device,
        weight_bytes: size_of::<f32>(),
        trained: &trained_parameters(&loaded.model),
        all_parameters,
        dropout: match &settings.adapter {
            Some(adapter) => AdapterConfig::from(adapter).dropout() > 0.0,
            None => false,
        },
        gradient_checkpointing: settings.compute.gradient_checkpointing,
        batches: &prepared.batches,
        budget: &settings.trainer.budget,
        checkpoints: settings.course.keep_checkpoints + 1,
        output: &settings.output,
    })
}
