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
    let mut budget = settings.trainer.budget.clone();
    if let Some(tokens) = budget.max_tokens {
        // As many steps as that is on average.
        let padding = prepared.batches.padding(0);
        let of_tokens = tokens as f64 * padding.steps as f64 / padding.tokens.max(1) as f64;
        let of_tokens = of_tokens.ceil() as u64;
        budget.max_steps = Some(
            budget
                .max_steps
                .map_or(of_tokens, |most| most.min(of_tokens)),
        );
    }
    Plan::new(PlanInput {
        config: &loaded.config,
        weight_bytes: size_of::<f32>(),
        trained: &trained_parameters(&loaded.model),
        all_parameters,
        dropout: match &settings.adapter {
            Some(adapter) => AdapterConfig::from(adapter).dropout() > 0.0,
            None => false,
        },
        batches: &prepared.batches,
        budget: &budget,
        checkpoints: settings.course.keep_checkpoints + 1,
        output: &settings.output,
    })
}
