//! From the logits of all rows to a token and its log-probability for each.

use anneal_kernels::argmax_log_softmax;
use burn::tensor::Tensor;

use super::row::Row;
use crate::LlamaError;

/// A token chosen for a row, and its natural log-probability.
pub(super) type Choice = (u32, f32);

/// Each row's most probable token.
///
/// # Shapes
/// `logits`: `[rows, vocab_size]`
pub(super) fn most_probable(logits: Tensor<2>) -> Result<Vec<Choice>, LlamaError> {
    let (index, logprob) = argmax_log_softmax(logits);
    let index = index.try_into_vec_as::<i64>()?;
    let logprob = logprob.try_into_vec_as::<f32>()?;
    Ok(index.into_iter().map(|id| id as u32).zip(logprob).collect())
}

/// What each row's processors and sampler choose.
///
/// `rows` says which of `states` each row of the logits belongs to; for one
/// that has ended, nothing is chosen.
pub(super) fn processed(
    logits: Tensor<2>,
    rows: &[usize],
    states: &mut [Row<'_>],
) -> Result<Vec<Choice>, LlamaError> {
    let [_, vocabulary] = logits.dims();
    let largest = logits.clone().max_dim(1);
    let log_sum = (logits.clone() - largest.clone()).exp().sum_dim(1).log() + largest;
    let log_sum = log_sum.try_into_vec_as::<f32>()?;
    let logits = logits.try_into_vec_as::<f32>()?;
    let mut scratch = vec![0.0; vocabulary];
    let mut choices = Vec::with_capacity(rows.len());
    for ((&row, own), log_sum) in rows.iter().zip(logits.chunks(vocabulary)).zip(log_sum) {
        if states[row].finish.is_some() {
            choices.push((0, 0.0));
            continue;
        }
        if !log_sum.is_finite() {
            let position = states[row].position();
            return Err(LlamaError::NotFinite { row, position });
        }
        scratch.copy_from_slice(own);
        let id = states[row].choose(&mut scratch)?;
        choices.push((id, own[id as usize] - log_sum));
    }
    Ok(choices)
}
