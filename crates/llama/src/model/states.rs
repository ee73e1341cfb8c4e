//! Token ids to hidden states, for every way a batch can be laid out.
//!
//! An active prompt (prompt tuning) stands in front of every text here, or of
//! every segment of one; its own states are left out of the results.

use anneal_kernels::AttentionMask;
use burn::tensor::{Int, Tensor, assert_shape};

use super::prompt::without_prompt;
use super::{BlockTape, LlamaForCausalLM, Positions, RotaryTables};
use crate::{KvCache, LlamaConfig, Segments};

impl LlamaForCausalLM {
    /// The states of a right-padded batch, every row starting at position 0.
    ///
    /// Padding needs no mask: a padded token lies behind every real one, and
    /// attention looks back only. The states at padded places mean nothing.
    ///
    /// # Shapes
    /// - `input_ids`: `[batch, length]`
    /// - result: `[batch, length, hidden_size]`
    pub fn hidden_states(&self, input_ids: Tensor<2, Int>, config: &LlamaConfig) -> Tensor<3> {
        if self.num_virtual_tokens() > 0 {
            return self.prompted_states(input_ids, config);
        }
        let [_, length] = input_ids.dims();
        let range = Positions::Range { start: 0, length };
        self.hidden_states_at(input_ids, range, &AttentionMask::Causal, config)
    }

    /// The states of packed rows: those that each segment has in a batch of
    /// its own. The states at padded places mean nothing.
    ///
    /// # Shapes
    /// As [`LlamaForCausalLM::hidden_states`].
    ///
    /// # Panics
    /// If the segments are those of a batch of another shape.
    ///
    /// The same as transformers with `position_ids` that restart and a
    /// block-diagonal mask.
    pub fn hidden_states_packed(
        &self,
        input_ids: Tensor<2, Int>,
        segments: &Segments,
        config: &LlamaConfig,
    ) -> Tensor<3> {
        let [batch, length] = segments.dims();
        assert_shape!(input_ids, [batch, length]);
        if self.num_virtual_tokens() > 0 {
            return self.prompted_states_packed(input_ids, segments, config);
        }
        self.hidden_states_at(input_ids, segments.positions(), &segments.mask(), config)
    }

    /// The states of a batch, and the tape that brings their gradients back
    /// through the blocks: training in little memory, as [`BlockTape`] says.
    /// The states are [`LlamaForCausalLM::hidden_states`]', or with segments
    /// [`LlamaForCausalLM::hidden_states_packed`]'s; what the caller computes of
    /// them has a graph as always.
    ///
    /// # Shapes
    /// As [`LlamaForCausalLM::hidden_states`].
    ///
    /// # Panics
    /// If the segments are those of a batch of another shape.
    pub fn hidden_states_taped(
        &self,
        input_ids: Tensor<2, Int>,
        segments: Option<&Segments>,
        config: &LlamaConfig,
    ) -> (Tensor<3>, BlockTape) {
        let ([batch, length], device) = (input_ids.dims(), input_ids.device());
        let Some(segments) = segments else {
            let ids = self.with_prompt(input_ids);
            let range = Positions::Range {
                start: 0,
                length: ids.dims()[1],
            };
            let tables = RotaryTables::new(config, range, &device);
            let (states, tape) = self.model.forward_taped(ids, tables, AttentionMask::Causal);
            return (without_prompt(states, length), tape);
        };
        let [rows, columns] = segments.dims();
        assert_shape!(input_ids, [rows, columns]);
        let (ids, layout) = self.with_prompt_packed(input_ids, segments);
        let laid_out = layout.as_ref().map_or(segments, |layout| &layout.segments);
        let tables = RotaryTables::new(config, laid_out.positions(), &device);
        let (states, tape) = self.model.forward_taped(ids, tables, laid_out.mask());
        let states = match &layout {
            Some(layout) => layout.without_prompt(states, [batch, length]),
            None => states,
        };
        (states, tape)
    }

    /// The states of tokens at the positions given, under the mask given.
    ///
    /// The tokens are all that there are: where prompt tuning is active, the
    /// caller puts [`virtual_ids`](crate::LlamaModel::virtual_ids) in front of
    /// each text, and they have positions and places in the mask.
    ///
    /// # Shapes
    /// As [`LlamaForCausalLM::hidden_states`].
    ///
    /// # Panics
    /// If positions or mask are those of a batch of another shape.
    pub fn hidden_states_at(
        &self,
        input_ids: Tensor<2, Int>,
        positions: Positions,
        mask: &AttentionMask,
        config: &LlamaConfig,
    ) -> Tensor<3> {
        let tables = RotaryTables::new(config, positions, &input_ids.device());
        self.model.forward(input_ids, &tables, mask, None)
    }

    /// As [`LlamaForCausalLM::hidden_states_at`], appending to a cache: a text
    /// may be read in as many calls as one likes.
    ///
    /// # Panics
    /// If the cache has no room for the tokens, or is of another batch or
    /// floating-point type.
    pub fn hidden_states_cached(
        &self,
        input_ids: Tensor<2, Int>,
        positions: Positions,
        mask: &AttentionMask,
        cache: &mut KvCache,
        config: &LlamaConfig,
    ) -> Tensor<3> {
        let tables = RotaryTables::new(config, positions, &input_ids.device());
        self.model.forward(input_ids, &tables, mask, Some(cache))
    }
}
