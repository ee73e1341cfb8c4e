//! The value of a parameter with its adapters composed in, in f32.

use burn::tensor::{DType, Tensor};

use super::{AdapterLayer, Adapters, Status};
use crate::LoraFactors;

/// A tensor as a matrix that keeps its last axis; a vector becomes one row.
pub(crate) fn columns<const D: usize>(tensor: Tensor<D>) -> Tensor<2> {
    let shape = tensor.shape();
    let last = if D == 0 { 1 } else { shape[D - 1] };
    let rows = shape.num_elements() / last.max(1);
    tensor.reshape([rows, last])
}

impl Adapters {
    /// What active updates add to: the trained copy that stands in for the
    /// stored value, or that value with what inactive adapters took out of it
    /// put back (a copy never missed it).
    pub(crate) fn foundation(&self, base: Tensor<2>) -> Tensor<2> {
        let mut value = base;
        for entry in self.acting() {
            if let AdapterLayer::Replacement(replacement) = &entry.layer {
                return replacement.value.val().cast(DType::F32);
            }
        }
        for entry in self.acting() {
            if let Some((lora, initial)) = entry.given_back() {
                value = value + initial.delta(lora.scale);
            }
        }
        value
    }

    /// The value `[rows, columns]` that the model sees.
    pub(crate) fn composed(&self, base: Tensor<2>) -> Tensor<2> {
        let mut value = self.foundation(base);
        for entry in self.acting() {
            if entry.status != Status::Active {
                continue;
            }
            value = match &entry.layer {
                AdapterLayer::Lora(lora) => lora.composed(value),
                AdapterLayer::Vera(vera) => {
                    let [d_input, d_output] = value.dims();
                    value + vera.delta(d_input, d_output)
                }
                AdapterLayer::Ia3(ia3) => ia3.composed(value),
                AdapterLayer::Ia3Bias(bias) => bias.composed(value),
                AdapterLayer::Replacement(_) | AdapterLayer::Prompt(_) => value,
            };
        }
        value
    }

    /// The sum of the updates alone, where all of them are sums.
    pub(crate) fn sum_of_deltas(&self, [d_input, d_output]: [usize; 2]) -> Option<Tensor<2>> {
        let deltas = self
            .acting()
            .map(|entry| match (&entry.layer, entry.status) {
                (AdapterLayer::Lora(lora), Status::Inactive) => {
                    let initial = lora.initial.as_ref()?;
                    Some(initial.delta(lora.scale))
                }
                (AdapterLayer::Lora(lora), _) if lora.magnitude.is_none() => Some(lora.delta()),
                (AdapterLayer::Vera(vera), _) => Some(vera.delta(d_input, d_output)),
                _ => None,
            });
        let deltas: Option<Vec<Tensor<2>>> = deltas.collect();
        deltas?.into_iter().reduce(|sum, delta| sum + delta)
    }

    /// Whether nothing but low-rank updates acts: what an embedding's rows can
    /// be corrected by one at a time.
    pub(crate) fn low_rank(&self) -> Option<Vec<&LoraFactors>> {
        self.acting()
            .map(|entry| match (&entry.layer, entry.status) {
                (AdapterLayer::Lora(lora), Status::Active) => Some(lora),
                _ => None,
            })
            .collect()
    }
}

/// `s · A[ids] · B`, `[n, dim]`, for the rows of an embedding's update.
pub(crate) fn embedding_lora(lora: &LoraFactors, ids: Tensor<1, burn::tensor::Int>) -> Tensor<2> {
    let rows = lora.a.val().select(0, ids).mul_scalar(lora.scale);
    rows.matmul(lora.b.val())
}
