//! The forward pass of an adapted embedding.

use burn::{
    nn::Embedding,
    tensor::{DType, Int, Tensor},
};

use crate::{
    Adapters,
    state::{Effect, embedding_lora},
};

/// What a model calls in place of [`Embedding::forward`] to train adapters
/// cheaply.
pub trait EmbeddingExt {
    /// Looks tokens up, with the update of the active adapters for those
    /// tokens alone: `W[ids] + s · A[ids] · B`. The embedding's dropout, which
    /// PEFT has none of, is not applied.
    ///
    /// Low-rank updates, DoRA's included, are computed for the tokens at hand;
    /// any other adapter composes the whole matrix, as [`Embedding::forward`]
    /// does.
    ///
    /// # Shapes
    ///
    /// - `ids`: `[batch, length]`
    /// - output: `[batch, length, dim]`
    fn forward_adapted(&self, ids: Tensor<2, Int>) -> Tensor<3>;
}

impl EmbeddingExt for Embedding {
    fn forward_adapted(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let Some(adapters) = self.weight.reparameterization::<Adapters>() else {
            return self.forward(ids);
        };
        let plain = |weight: Tensor<2>| burn::tensor::module::embedding(weight, ids.clone());
        if matches!(adapters.effect(), Effect::None) {
            return plain(self.weight.base());
        }
        let Some(updates) = adapters.low_rank() else {
            return plain(self.weight.val());
        };
        let base = plain(self.weight.base());
        let (dtype, dims) = (base.dtype(), base.dims());
        let [batch, length, dim] = dims;
        let flat = ids.reshape([batch * length]);
        let mut sum = base.cast(DType::F32).reshape([batch * length, dim]);
        for lora in updates {
            let update = embedding_lora(lora, flat.clone());
            let weight = || self.weight.base().cast(DType::F32);
            sum = match lora
                .magnitude
                .is_some()
                .then(|| lora.magnitude_ratio(weight()))
            {
                Some(Some(ratio)) => (sum + update) * ratio.unsqueeze_dim(0),
                _ => sum + update,
            };
        }
        sum.reshape(dims).cast(dtype)
    }
}
