//! The loss of the trained tokens, without the logits of the others.

use anneal_peft::{Adapters, Effect, tied_is_updated, tied_weight};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

use super::LlamaForCausalLM;
use crate::{LlamaConfig, Segments};

impl LlamaForCausalLM {
    /// The summed negative log-likelihood of the targets, with the head
    /// computed for the trained places alone.
    ///
    /// # Shapes
    /// - `input_ids`: `[batch, length]`, right-padded
    /// - `places`: `[n]`, flat indices `row · length + t` of the states that
    ///   predict; `targets`: `[n]`, the ids that follow them
    /// - result: `[1]`, in f32
    pub fn token_loss(
        &self,
        input_ids: Tensor<2, Int>,
        places: Tensor<1, Int>,
        targets: Tensor<1, Int>,
        config: &LlamaConfig,
    ) -> Tensor<1> {
        let hidden = self.hidden_states(input_ids, config);
        self.loss_at(hidden, places, targets)
    }

    /// As [`LlamaForCausalLM::token_loss`], over packed rows. The last state
    /// of a segment must not be among the places: what follows it belongs to
    /// another example.
    ///
    /// # Panics
    /// If the segments are those of a batch of another shape.
    pub fn token_loss_packed(
        &self,
        input_ids: Tensor<2, Int>,
        segments: &Segments,
        places: Tensor<1, Int>,
        targets: Tensor<1, Int>,
        config: &LlamaConfig,
    ) -> Tensor<1> {
        let hidden = self.hidden_states_packed(input_ids, segments, config);
        self.loss_at(hidden, places, targets)
    }

    fn loss_at(
        &self,
        hidden: Tensor<3>,
        places: Tensor<1, Int>,
        targets: Tensor<1, Int>,
    ) -> Tensor<1> {
        let [batch, length, width] = hidden.dims();
        let trained = hidden.reshape([batch * length, width]).select(0, places);
        match self.plain_head() {
            Some(weight) => anneal_kernels::linear_cross_entropy(trained, weight, targets),
            // An adapted head has its own way from states to logits.
            None => {
                let [n] = targets.dims();
                let logits = log_softmax(self.logits(trained), 1);
                let chosen = logits.gather(1, targets.reshape([n, 1]));
                chosen.sum().neg()
            }
        }
    }

    /// `[vocab_size, hidden_size]`, where the head is nothing but this matrix.
    fn plain_head(&self) -> Option<Tensor<2>> {
        let embedding = &self.model.embed_tokens.weight;
        match &self.lm_head {
            Some(head) => {
                let adapters = head.weight.reparameterization::<Adapters>();
                match adapters.map_or(Effect::None, Adapters::effect) {
                    Effect::None => Some(head.weight.base().transpose()),
                    _ => None,
                }
            }
            None if tied_is_updated(embedding) => None,
            None => Some(tied_weight(embedding)),
        }
    }
}
