//! Prompt tuning: trained embeddings in front of every sequence.
//!
//! Virtual tokens are ids from the vocabulary's end on, one for each trained
//! embedding, so that everything between ids and states (positions, masks,
//! caches) treats them as the tokens that they are. Whoever takes whole texts
//! puts them in front and drops their states again; callers see the shapes
//! they gave. Compared against PEFT 0.21 (`PeftModelForCausalLM.forward`).

use anneal_peft::{AdapterLayer, Adapters, EmbeddingExt, PromptEmbeddings};
use burn::tensor::{Int, Tensor};

use super::{LlamaForCausalLM, LlamaModel};
use crate::{LlamaConfig, Positions, Segments};
use anneal_kernels::AttentionMask;

impl LlamaModel {
    /// The embeddings of the active prompt, if there is one.
    fn prompt(&self) -> Option<&PromptEmbeddings> {
        let adapters = self.embed_tokens.weight.reparameterization::<Adapters>()?;
        adapters.active().find_map(|(_, layer)| match layer {
            AdapterLayer::Prompt(prompt) => Some(prompt),
            _ => None,
        })
    }

    /// The ids of the active prompt's virtual tokens, in their order: those
    /// that follow the vocabulary's. Empty where no prompt is active.
    pub fn virtual_ids(&self) -> std::ops::Range<u32> {
        let [vocabulary, _] = self.embed_tokens.weight.lazy_shape().dims();
        let count = self.prompt().map_or(0, |p| p.embeddings.lazy_shape()[0]);
        vocabulary as u32..(vocabulary + count) as u32
    }

    /// Embeds tokens, virtual ones among them: `[batch, length]` to
    /// `[batch, length, hidden_size]`.
    pub(super) fn embed(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let Some(prompt) = self.prompt() else {
            return self.embed_tokens.forward_adapted(ids);
        };
        let virtual_ids = self.virtual_ids();
        let is_virtual = ids.clone().greater_equal_elem(virtual_ids.start);
        let real = ids.clone().mask_fill(is_virtual.clone(), 0);
        let tokens = self.embed_tokens.forward_adapted(real);
        let [batch, length, width] = tokens.dims();
        // Ids behind the virtual ones are out of range here as anywhere.
        let rows = ids.sub_scalar(virtual_ids.start).clamp_min(0);
        let rows = prompt
            .embeddings
            .val()
            .select(0, rows.reshape([batch * length]));
        let rows = rows.reshape([batch, length, width]).cast(tokens.dtype());
        let mask = is_virtual
            .unsqueeze_dim::<3>(2)
            .expand([batch, length, width]);
        tokens.mask_where(mask, rows)
    }
}

impl LlamaForCausalLM {
    /// How many virtual tokens the active prompt puts in front of each text
    /// (PEFT's `num_virtual_tokens`); 0 without one. They take positions of the
    /// model's context.
    pub fn num_virtual_tokens(&self) -> usize {
        self.model.virtual_ids().len()
    }

    /// The virtual tokens on a device, `[n]`.
    fn virtual_tokens(&self, like: &Tensor<2, Int>) -> Tensor<1, Int> {
        let ids: Vec<i64> = self.model.virtual_ids().map(i64::from).collect();
        Tensor::from_data(ids.as_slice(), &like.device())
    }

    /// Rows with the active prompt in front of each.
    pub(super) fn with_prompt(&self, input_ids: Tensor<2, Int>) -> Tensor<2, Int> {
        if self.num_virtual_tokens() == 0 {
            return input_ids;
        }
        let [batch, _] = input_ids.dims();
        let prompt = self.virtual_tokens(&input_ids);
        let [count] = prompt.dims();
        let prompt = prompt.unsqueeze_dim::<2>(0).expand([batch, count]);
        Tensor::cat(vec![prompt, input_ids], 1)
    }

    /// Packed rows with the active prompt in front of every segment, and how they
    /// are laid out then; as they were where there is none.
    pub(super) fn with_prompt_packed(
        &self,
        input_ids: Tensor<2, Int>,
        segments: &Segments,
    ) -> (Tensor<2, Int>, Option<Prompted>) {
        if self.num_virtual_tokens() == 0 {
            return (input_ids, None);
        }
        let [batch, length] = input_ids.dims();
        let prompt = self.virtual_tokens(&input_ids);
        let layout = Prompted::new(segments, prompt.dims()[0]);
        let places = Tensor::<1, Int>::from_data(layout.sources.as_slice(), &input_ids.device());
        let sources = Tensor::cat(vec![input_ids.reshape([batch * length]), prompt], 0);
        let ids = sources.select(0, places).reshape(layout.segments.dims());
        (ids, Some(layout))
    }

    /// The states of rows that the prompt stands in front of, without its own.
    pub(super) fn prompted_states(
        &self,
        input_ids: Tensor<2, Int>,
        config: &LlamaConfig,
    ) -> Tensor<3> {
        let [_, length] = input_ids.dims();
        let ids = self.with_prompt(input_ids);
        let [_, longer] = ids.dims();
        let range = Positions::Range {
            start: 0,
            length: longer,
        };
        let states = self.hidden_states_at(ids, range, &AttentionMask::Causal, config);
        without_prompt(states, length)
    }

    /// The states of packed rows in which the prompt stands in front of every
    /// segment, without its own.
    pub(super) fn prompted_states_packed(
        &self,
        input_ids: Tensor<2, Int>,
        segments: &Segments,
        config: &LlamaConfig,
    ) -> Tensor<3> {
        let [batch, length] = input_ids.dims();
        let (ids, layout) = self.with_prompt_packed(input_ids, segments);
        let laid_out = layout.as_ref().map_or(segments, |layout| &layout.segments);
        let (positions, mask) = (laid_out.positions(), laid_out.mask());
        let states = self.hidden_states_at(ids, positions, &mask, config);
        match &layout {
            Some(layout) => layout.without_prompt(states, [batch, length]),
            None => states,
        }
    }
}

/// The states of each row's last `length` tokens: those behind its prompt.
pub(super) fn without_prompt(states: Tensor<3>, length: usize) -> Tensor<3> {
    match states.dims()[1] - length {
        0 => states,
        prompt => states.narrow(1, prompt, length),
    }
}

/// Packed rows with virtual tokens in front of every segment.
pub(super) struct Prompted {
    /// The longer segments.
    pub(super) segments: Segments,
    /// For every new place, where its id stands: among the old places, or
    /// behind them in the prompt.
    sources: Vec<i64>,
    /// For every old place, its new one.
    places: Vec<i64>,
}

impl Prompted {
    /// The states of the old places, `[batch, length, hidden_size]`.
    pub(super) fn without_prompt(
        &self,
        states: Tensor<3>,
        [batch, length]: [usize; 2],
    ) -> Tensor<3> {
        let [rows, longer, width] = states.dims();
        let places = Tensor::<1, Int>::from_data(self.places.as_slice(), &states.device());
        let states = states.reshape([rows * longer, width]).select(0, places);
        states.reshape([batch, length, width])
    }

    fn new(segments: &Segments, count: usize) -> Self {
        let [batch, length] = segments.dims();
        let rows: Vec<Vec<usize>> = segments
            .rows()
            .iter()
            .map(|row| {
                row.iter()
                    .filter(|&&own| own > 0)
                    .map(|own| own + count)
                    .collect()
            })
            .collect();
        let longest = rows.iter().map(|row| row.iter().sum::<usize>()).max();
        let longer = longest.unwrap_or(0).max(1);
        let (mut sources, mut places) = (Vec::new(), Vec::new());
        for (row, own) in rows.iter().enumerate() {
            let mut old = row * length;
            for segment in own {
                sources.extend((0..count).map(|token| (batch * length + token) as i64));
                for _ in count..*segment {
                    places.push(sources.len() as i64);
                    sources.push(old as i64);
                    old += 1;
                }
            }
            // Padding means nothing; any id and any state will do.
            sources.resize((row + 1) * longer, 0);
            places.resize((row + 1) * length, (row * longer) as i64);
        }
        Self {
            segments: Segments::new(&rows, longer),
            sources,
            places,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_stands_in_front_of_every_segment() {
        // a a b p | c c c c, with p for padding
        let segments = Segments::new(&[vec![2, 0, 1], vec![4]], 4);
        let found = Prompted::new(&segments, 2);
        assert_eq!(found.segments.dims(), [2, 7]);
        let Positions::PerToken { positions, .. } = found.segments.positions() else {
            panic!("positions of packed rows are per token");
        };
        assert_eq!(positions, [0, 1, 2, 3, 0, 1, 2, 0, 1, 2, 3, 4, 5, 0]);
        // 8 and 9 are the virtual tokens, behind the eight old places.
        assert_eq!(found.sources, [8, 9, 0, 1, 8, 9, 2, 8, 9, 4, 5, 6, 7, 0]);
        assert_eq!(found.places, [2, 3, 6, 0, 9, 10, 11, 12]);
    }

    #[test]
    fn rows_of_padding_alone_stay_so() {
        let found = Prompted::new(&Segments::new(&[Vec::<usize>::new()], 3), 2);
        assert_eq!((found.segments.dims(), found.sources), ([1, 1], vec![0]));
        assert_eq!(found.places, [0, 0, 0]);
    }
}
