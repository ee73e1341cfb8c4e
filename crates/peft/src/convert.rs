//! PiSSA and OLoRA as plain LoRA on the weights as they were published.
//!
//! Such an adapter takes `s · A₀ · B₀` out of the weight at the start. What it
//! changes is therefore `s · (A · B - A₀ · B₀)`: one update of twice the rank.
//! Compared against `subtract_mutated_init` of PEFT 0.21
//! (`tuners/lora/model.py`).

use burn::tensor::{Tensor, TensorData};

use crate::{
    AdapterConfig, InitLoraWeights, LoraConfig, Pattern, plan::Field, save::Saved, state::Entry,
};

/// Rewrites tensors and settings where the entries have initial factors.
pub(crate) fn without_initial(saved: &mut Saved, entries: &[&Entry]) {
    let mut converted = false;
    for entry in entries {
        let Some((_, initial)) = entry.layer.initial() else {
            continue;
        };
        for slot in &entry.slots {
            let Some((_, data)) = saved.tensors.iter_mut().find(|(key, _)| *key == slot.key) else {
                continue;
            };
            // In the file A is [rank, d_input] and B is [d_output, rank].
            match slot.field {
                Field::A => *data = stacked(data, values(&initial.a, 1.0)),
                Field::B => *data = beside(data, values(&initial.b, -1.0)),
                _ => {}
            }
        }
        converted = true;
    }
    if let (true, AdapterConfig::Lora(config)) = (converted, &mut saved.config) {
        double_rank(config);
    }
}

/// Twice the rank at the same scale.
fn double_rank(config: &mut LoraConfig) {
    let growth = if config.use_rslora {
        std::f64::consts::SQRT_2
    } else {
        2.0
    };
    config.r *= 2;
    config.lora_alpha *= growth;
    let ranks = config
        .rank_pattern
        .iter()
        .map(|(key, &rank)| (key.to_owned(), rank * 2));
    config.rank_pattern = Pattern::new(ranks.collect::<Vec<_>>());
    let alphas = config.alpha_pattern.iter();
    let alphas = alphas.map(|(key, &alpha)| (key.to_owned(), alpha * growth));
    config.alpha_pattern = Pattern::new(alphas.collect::<Vec<_>>());
    config.init_lora_weights = InitLoraWeights::Kaiming;
}

/// A factor as the file holds it: transposed, and by a sign.
fn values(factor: &Tensor<2>, sign: f64) -> TensorData {
    let factor = factor.clone().without_autodiff().transpose();
    factor.mul_scalar(sign).into_data().convert::<f32>()
}

/// The rows of one matrix above those of another.
fn stacked(above: &TensorData, below: TensorData) -> TensorData {
    let rows = above.shape()[0] + below.shape()[0];
    let columns = above.shape()[1];
    let values = above.iter::<f32>().chain(below.iter::<f32>());
    TensorData::new(values.collect::<Vec<_>>(), [rows, columns])
}

/// The columns of one matrix before those of another.
fn beside(left: &TensorData, right: TensorData) -> TensorData {
    let (rows, width, more) = (left.shape()[0], left.shape()[1], right.shape()[1]);
    let left: Vec<f32> = left.iter::<f32>().collect();
    let right: Vec<f32> = right.iter::<f32>().collect();
    let values = left.chunks(width).zip(right.chunks(more));
    let values = values.flat_map(|(left, right)| left.iter().chain(right).copied());
    TensorData::new(values.collect::<Vec<_>>(), [rows, width + more])
}
