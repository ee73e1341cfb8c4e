//! The loss of the trained tokens, without the logits of the others.

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
        anneal_kernels::linear_cross_entropy(trained, self.head_weight(), targets)
    }

    /// `[vocab_size, hidden_size]`, with an adapter of the head composed in.
    fn head_weight(&self) -> Tensor<2> {
        match &self.lm_head {
            Some(head) => head.weight.val().transpose(),
            None => self.model.embed_tokens.weight.val(),
        }
    }
}
