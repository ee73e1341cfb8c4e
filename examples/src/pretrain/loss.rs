//! The loss of pre-training: answers, and a little of everything else.

use anneal_data::MicroBatch;
use anneal_llama::{LlamaConfig, LlamaForCausalLM, Segments};
use anneal_train::TokenLoss;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// `Σ answers −log p + λ · Σ others −log p`, counted by the answers' tokens.
///
/// Schemas can't be foretold, but they repeat themselves, and a question repeats
/// the schema's names: to predict that is to have learned to copy. λ says how
/// much that is worth beside the answers.
pub fn weighted_loss(
    model: &LlamaForCausalLM,
    batch: &MicroBatch,
    config: &LlamaConfig,
    others: f64,
    device: &Device,
) -> TokenLoss {
    let ids: Vec<i64> = batch.input_ids.iter().map(|&id| id.into()).collect();
    let ids = Tensor::from_data(TensorData::new(ids, [batch.rows, batch.width]), device);
    let hidden = if batch.is_packed() {
        let segments = Segments::new(&batch.segments, batch.width);
        model.hidden_states_packed(ids, &segments, config)
    } else {
        model.hidden_states(ids, config)
    };
    let [rows, width, size] = hidden.dims();
    let hidden = hidden.reshape([rows * width, size]);
    let loss = |places: Vec<i64>, targets: Vec<i64>| {
        let flat = |values: &[i64]| Tensor::<1, Int>::from_data(values, device);
        let states = hidden.clone().select(0, flat(&places));
        let weight = model.model.embed_tokens.weight.val();
        anneal_kernels::linear_cross_entropy(states, weight, flat(&targets))
    };
    let count = batch.targets.ids.len();
    let places = batch.targets.positions.iter().map(|&at| at as i64);
    let ids = batch.targets.ids.iter().map(|&id| i64::from(id));
    let mut sum = loss(places.collect(), ids.collect());
    let (places, ids) = untrained(batch);
    if others > 0.0 && !ids.is_empty() {
        sum = sum + loss(places, ids).mul_scalar(others);
    }
    TokenLoss::new(sum, count)
}

/// Where the other tokens are predicted, and what they are; padding and the
/// first token of a segment are predicted nowhere.
fn untrained(batch: &MicroBatch) -> (Vec<i64>, Vec<i64>) {
    let mut trained = vec![false; batch.input_ids.len()];
    for &at in &batch.targets.positions {
        trained[at] = true;
    }
    let (mut places, mut ids) = (Vec::new(), Vec::new());
    for (row, segments) in batch.segments.iter().enumerate() {
        let mut start = row * batch.width;
        for length in segments {
            let end = start + length;
            let next = batch.input_ids.get(start + 1..end).unwrap_or_default();
            for (at, &id) in (start..).zip(next) {
                if !trained[at] {
                    places.push(at as i64);
                    ids.push(id.into());
                }
            }
            start = end;
        }
    }
    (places, ids)
}
